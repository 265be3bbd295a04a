package imapwire

import (
	"cmp"
	"slices"
	"strconv"
)

// NumSet is a sequence-set as a client gives it (RFC 9051 9): numbers, ranges, "*" and "$".
//
// "*" stands for the highest number in use, which only the session knows. Numbers above it do not exist, so that "a:*" and
// "b:*" together select what min(a,b):* selects; a NumSet therefore needs one number for all ranges with a star, and is
// normalised without knowing what the star is. Use [Resolve] or [NumSet.Contains] with the highest number.
type NumSet struct {
	ranges Set[uint32] // below tail, not touching it
	tail   uint32      // lowest a of all "a:*"; starOnly for "*" alone; 0 when no star was given
	saved  bool
}

// starOnly makes "*" the same as 4294967295:*: min(starOnly, highest) is the highest in any mailbox.
const starOnly = 1<<32 - 1

// SetOf is the NumSet of the given concrete set.
func SetOf[N Num](s Set[N]) NumSet {
	var out NumSet
	for _, r := range s {
		out.addRange(uint32(r.First), uint32(r.Last))
	}
	return out
}

// From is the NumSet first:*.
func From[N Num](first N) NumSet { return NumSet{tail: max(uint32(first), 1)} }

// Saved reports whether the set has "$", the saved result of the last SEARCH (RFC 9051 6.4.4.1), beside its other numbers.
func (s NumSet) Saved() bool { return s.saved }

// Star reports whether the set has "*", alone or in a range.
func (s NumSet) Star() bool { return s.tail != 0 }

// hasNumbers reports whether the set has anything but "$".
func (s NumSet) hasNumbers() bool { return len(s.ranges) > 0 || s.tail != 0 }

// IsZero reports whether the set was never given anything.
func (s NumSet) IsZero() bool { return len(s.ranges) == 0 && s.tail == 0 && !s.saved }

// Highest is the highest number named, leaving "*" and what touches it aside; 0 when there is none.
// A sequence number beyond the mailbox is a client's mistake (RFC 9051 9, seq-number), a UID beyond it is not.
func (s NumSet) Highest() uint32 { return s.ranges.Max() }

// NumRanges is the number of ranges that the set holds, a measure of what it costs.
func (s NumSet) NumRanges() int {
	if s.tail != 0 {
		return len(s.ranges) + 1
	}
	return len(s.ranges)
}

// Contains reports whether n is in the set when highest is the number "*" stands for. The saved result is not looked at.
func (s NumSet) Contains(n, highest uint32) bool {
	if n == 0 {
		return false
	}
	return s.tail != 0 && n <= highest && n >= min(s.tail, highest) || s.ranges.Contains(n)
}

// Resolve is the set with "*" replaced by highest, and nothing above highest. With highest 0 (an empty mailbox) it is empty.
// The saved result is not included.
func Resolve[N Num](s NumSet, highest N) Set[N] {
	out := make(Set[N], 0, s.NumRanges())
	for _, r := range s.ranges {
		if N(r.First) > highest {
			break
		}
		out.AddRange(N(r.First), min(N(r.Last), highest))
	}
	if s.tail != 0 && highest != 0 {
		out.AddRange(min(N(s.tail), highest), highest)
	}
	return out
}

// Fixed is the set in which the numbers that "*" means now, when it is highest, are meant for good; what lies beyond a range a:* began, lies in
// it still. The saved result is left out.
func (s NumSet) Fixed(highest uint32) NumSet {
	out := NumSet{ranges: slices.Clone(s.ranges)}
	if s.tail == 0 {
		return out
	}
	out.ranges.AddRange(min(s.tail, highest), highest)
	if s.tail != starOnly {
		out.ranges.AddRange(s.tail, 1<<32-1)
	}
	return out
}

// addRange adds a:b. Zero stands for "*".
func (s *NumSet) addRange(a, b uint32) {
	switch {
	case a == 0 && b == 0:
		s.addTail(starOnly)
	case a == 0:
		s.addTail(b)
	case b == 0:
		s.addTail(a)
	default:
		s.ranges.AddRange(a, b)
	}
}

func (s *NumSet) addTail(a uint32) {
	if s.tail == 0 || a < s.tail {
		s.tail = a
	}
}

// normalise lets the tail swallow the ranges that it reaches.
func (s *NumSet) normalise() {
	if s.tail == 0 {
		return
	}
	for n := len(s.ranges); n > 0 && s.ranges[n-1].Last >= s.tail-1; n-- {
		s.tail = min(s.tail, s.ranges[n-1].First)
		s.ranges = s.ranges[:n-1]
	}
}

// AppendTo appends the wire form.
func (s NumSet) AppendTo(b []byte) []byte {
	start := len(b)
	b = s.ranges.AppendTo(b)
	comma := func() {
		if len(b) > start {
			b = append(b, ',')
		}
	}
	if s.tail != 0 {
		comma()
		if s.tail != starOnly {
			b = strconv.AppendUint(b, uint64(s.tail), 10)
			b = append(b, ':')
		}
		b = append(b, '*')
	}
	if s.saved {
		comma()
		b = append(b, '$')
	}
	return b
}

// String is the wire form.
func (s NumSet) String() string { return string(s.AppendTo(nil)) }

// numSet reads a sequence-set.
//
//	sequence-set = (seq-number / seq-range) ["," sequence-set]
//	seq-range    = seq-number ":" seq-number
//	seq-number   = nz-number / "*"
//	sequence-set =/ "$"
func (d *Decoder) numSet() (NumSet, bool) {
	var s NumSet
	var late []Range[uint32] // ranges that did not come in order
	for {
		if d.try('$') {
			s.saved = true
		} else {
			a, ok := d.seqNumber()
			if !ok {
				return NumSet{}, false
			}
			b := a
			if d.try(':') {
				if b, ok = d.seqNumber(); !ok {
					return NumSet{}, false
				}
			}
			if lo := min(a, b); lo != 0 && lo < s.ranges.Max() {
				late = append(late, Range[uint32]{lo, max(a, b)})
			} else {
				s.addRange(a, b)
			}
		}
		if !d.try(',') {
			break
		}
	}
	if len(late) > 0 {
		late = append(late, s.ranges...)
		slices.SortFunc(late, func(a, b Range[uint32]) int { return cmp.Compare(a.First, b.First) })
		s.ranges = make(Set[uint32], 0, len(late))
		for _, r := range late {
			s.ranges.AddRange(r.First, r.Last)
		}
	}
	s.normalise()
	return s, true
}

// seqNumber is 0 for "*".
func (d *Decoder) seqNumber() (uint32, bool) {
	if d.try('*') {
		return 0, true
	}
	return d.nzNumber("a message number")
}

// spNumSet is SP sequence-set.
func (d *Decoder) spNumSet() NumSet {
	if !d.sp() {
		return NumSet{}
	}
	s, _ := d.numSet()
	return s
}

// concreteSet is a sequence-set without "*" and "$".
func concreteSet[N Num](d *Decoder) (Set[N], bool) {
	s, ok := d.numSet()
	if !ok {
		return nil, false
	}
	if s.tail != 0 || s.saved {
		return nil, d.fail(`"*" and "$" are not allowed here`)
	}
	return Resolve(s, ^N(0)), true
}

// modSeq is a mod-sequence-value, not zero.
func (d *Decoder) modSeq() (ModSeq, bool) {
	n, ok := d.number64("a mod-sequence")
	if ok && n == 0 {
		return 0, d.fail("a mod-sequence must not be zero")
	}
	return ModSeq(n), ok
}

func appendUint(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }
