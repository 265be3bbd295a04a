package imapwire

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
)

// UID is a unique identifier of a message in a mailbox (RFC 9051 2.3.1.1). Zero is none.
type UID uint32

// Seq is a message sequence number, one-based (RFC 9051 2.3.1.2). Zero is none.
type Seq uint32

// ModSeq is a mod-sequence (RFC 7162 3), at most 1<<63 - 1. Zero is none.
type ModSeq uint64

// Num is what a set is made of.
type Num interface{ ~uint32 }

// Range is the numbers from First to Last, both included, First <= Last.
type Range[N Num] struct{ First, Last N }

// Set is a set of numbers without "*": ascending ranges that neither overlap nor touch. The zero value is the empty set.
// Build one with Add and AddRange; the operations keep the order.
type Set[N Num] []Range[N]

// UIDSet is a uid-set (RFC 9051 9).
type UIDSet = Set[UID]

// SeqSet is a set of message sequence numbers.
type SeqSet = Set[Seq]

// Add adds n. At the end, where most callers add, it costs O(1).
func (s *Set[N]) Add(n N) { s.AddRange(n, n) }

// AddRange adds the numbers from a to b in either order. Zero is no number of a set and is left out.
func (s *Set[N]) AddRange(a, b N) {
	a, b = min(a, b), max(a, b)
	if b == 0 {
		return
	}
	a = max(a, 1)
	set := *s
	if n := len(set); n == 0 || set[n-1].Last < a-1 {
		*s = append(set, Range[N]{a, b})
		return
	} else if last := &set[n-1]; last.First <= a {
		last.Last = max(last.Last, b)
		return
	}
	// i is the first range that touches a:b or lies beyond it, j the first that lies wholly beyond.
	i, _ := slices.BinarySearchFunc(set, a, func(r Range[N], a N) int { return cmp.Compare(r.Last, a-1) })
	j := i
	for j < len(set) && set[j].First-1 <= b {
		a, b = min(a, set[j].First), max(b, set[j].Last)
		j++
	}
	*s = slices.Replace(set, i, j, Range[N]{a, b})
}

// Contains reports whether n is in the set, in O(log ranges).
func (s Set[N]) Contains(n N) bool {
	i, ok := slices.BinarySearchFunc(s, n, func(r Range[N], n N) int { return cmp.Compare(r.Last, n) })
	return ok || i < len(s) && s[i].First <= n && n != 0
}

// Len is the number of numbers in the set.
func (s Set[N]) Len() uint64 {
	var n uint64
	for _, r := range s {
		n += uint64(r.Last) - uint64(r.First) + 1
	}
	return n
}

// Empty reports whether the set has no number.
func (s Set[N]) Empty() bool { return len(s) == 0 }

// Min is the lowest number, or 0 when the set is empty.
func (s Set[N]) Min() N {
	if len(s) == 0 {
		return 0
	}
	return s[0].First
}

// Max is the highest number, or 0 when the set is empty.
func (s Set[N]) Max() N {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Last
}

// All yields the numbers in ascending order. A set of two numbers may stand for four thousand million: bound it first (Intersect).
func (s Set[N]) All() iter.Seq[N] {
	return func(yield func(N) bool) {
		for _, r := range s {
			for n := r.First; ; n++ {
				if !yield(n) {
					return
				}
				if n == r.Last { // before n++ wraps at the highest number
					break
				}
			}
		}
	}
}

// Union is a new set of the numbers in either.
func (s Set[N]) Union(t Set[N]) Set[N] {
	out := make(Set[N], 0, len(s)+len(t))
	for len(s) > 0 || len(t) > 0 {
		if len(t) == 0 || len(s) > 0 && s[0].First <= t[0].First {
			out.AddRange(s[0].First, s[0].Last)
			s = s[1:]
		} else {
			out.AddRange(t[0].First, t[0].Last)
			t = t[1:]
		}
	}
	return out
}

// Intersect is a new set of the numbers in both.
func (s Set[N]) Intersect(t Set[N]) Set[N] {
	var out Set[N]
	for len(s) > 0 && len(t) > 0 {
		if a, b := max(s[0].First, t[0].First), min(s[0].Last, t[0].Last); a <= b {
			out = append(out, Range[N]{a, b})
		}
		if s[0].Last < t[0].Last {
			s = s[1:]
		} else {
			t = t[1:]
		}
	}
	return out
}

// Subtract is a new set of the numbers in s that are not in t.
func (s Set[N]) Subtract(t Set[N]) Set[N] {
	var out Set[N]
	for _, r := range s {
		first := r.First
		for len(t) > 0 && t[0].Last < first {
			t = t[1:]
		}
		covered := false
		for i := 0; i < len(t) && t[i].First <= r.Last; i++ {
			if first < t[i].First {
				out = append(out, Range[N]{first, t[i].First - 1})
			}
			if t[i].Last >= r.Last {
				covered = true
				break
			}
			first = t[i].Last + 1
			t, i = t[i:], 0
		}
		if !covered {
			out = append(out, Range[N]{first, r.Last})
		}
	}
	return out
}

// AppendTo appends the set in wire form, "1:3,7". An empty set appends nothing, which is no sequence-set: callers leave it out.
func (s Set[N]) AppendTo(b []byte) []byte {
	for i, r := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		if r.Last != r.First {
			b = append(b, ':')
			b = strconv.AppendUint(b, uint64(r.Last), 10)
		}
	}
	return b
}

// String is the wire form.
func (s Set[N]) String() string { return string(s.AppendTo(nil)) }

// Numbers is any Set, for responses that take UIDs and sequence numbers alike.
type Numbers interface {
	AppendTo(b []byte) []byte
	Empty() bool
	numbers() iter.Seq[uint32]
}

func (s Set[N]) numbers() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for n := range s.All() {
			if !yield(uint32(n)) {
				return
			}
		}
	}
}
