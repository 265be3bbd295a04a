package kv

// Range selects pairs for a Scan. The zero value is everything, upwards.
type Range struct {
	Lo       []byte // first key; nil: from the beginning
	Hi       []byte // the key after the last one; nil: to the end
	Limit    int    // at most so many pairs; 0: no limit
	Reverse  bool   // from Hi downwards
	KeysOnly bool   // values are not read; fn is given nil
}

// Span is the keys from Lo up to and without Hi; a nil Hi means to the end. A
// span whose Lo is not below its Hi is empty.
type Span struct {
	Lo, Hi []byte
}

// Prefix returns the range of all keys that begin with p.
func Prefix(p []byte) Range {
	return Range{Lo: p, Hi: After(p)}
}

// Span returns the keys of r, without its limit and direction.
func (r Range) Span() Span { return Span{Lo: r.Lo, Hi: r.Hi} }

// Range returns the range that scans s.
func (s Span) Range() Range { return Range{Lo: s.Lo, Hi: s.Hi} }

// Contains tells whether key lies in s.
func (s Span) Contains(key []byte) bool {
	return string(key) >= string(s.Lo) && (s.Hi == nil || string(key) < string(s.Hi))
}

// Empty tells whether no key can lie in s.
func (s Span) Empty() bool { return s.Hi != nil && string(s.Lo) >= string(s.Hi) }

// After returns the smallest key above all keys that begin with p, in a slice
// of its own; nil, which as an upper end means no end, when there is none
// because p is empty or all 0xff.
func After(p []byte) []byte {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0xff {
			hi := append([]byte(nil), p[:i+1]...)
			hi[i]++
			return hi
		}
	}
	return nil
}
