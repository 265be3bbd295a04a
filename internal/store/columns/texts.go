package columns

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"sync/atomic"

	"restante/internal/proto/collation"
	"restante/internal/proto/threading"
)

// texts numbers texts and ranks them. The empty text has the number 0.
type texts struct {
	number map[string]uint32
	list   []string // by number
	ranked [collation.Count]ranking
}

// ranking is the first so many texts in an order. Slices are not changed but replaced.
type ranking struct {
	order []uint32 // numbers of texts
	rank  []uint32 // of each text: how many come before the first that is equal to it
}

func newTexts() *texts {
	return &texts{number: map[string]uint32{"": 0}, list: []string{""}}
}

// of is the number of a text, and how many octets the table has grown by.
func (t *texts) of(s string) (n uint32, grown int) {
	n, ok := t.number[s]
	if !ok {
		n = uint32(len(t.list))
		t.list = append(t.list, s)
		t.number[s] = n
		grown = len(s) + 56
	}
	return n, grown
}

// ranks are those of all texts there are.
func (t *texts) ranks(by collation.Collation, grown *atomic.Int64) []uint32 {
	r := &t.ranked[by]
	if fresh := len(t.list) - len(r.rank); fresh > 0 {
		grown.Add(int64(8 * fresh))
		if fresh > len(r.rank)/8 {
			*r = t.rankAll(by)
		} else {
			*r = t.rankMore(by, *r)
		}
	}
	return r.rank
}

// rankAll sorts all texts.
func (t *texts) rankAll(by collation.Collation) ranking {
	s := keySorter{start: make([]uint32, 1, len(t.list)+1)}
	for _, text := range t.list {
		s.keys = append(s.keys, by.Key(text)...)
		s.start = append(s.start, uint32(len(s.keys)))
	}
	r := ranking{order: threading.NewOrder(len(t.list)), rank: make([]uint32, len(t.list))}
	s.sort(r.order)
	for i, n := range r.order {
		if i > 0 && bytes.Equal(s.key(n), s.key(r.order[i-1])) {
			r.rank[n] = r.rank[r.order[i-1]]
		} else {
			r.rank[n] = uint32(i)
		}
	}
	return r
}

// rankMore puts texts that are new between the others.
func (t *texts) rankMore(by collation.Collation, old ranking) ranking {
	type fresh struct {
		key   string
		n     uint32
		at    int // before which of the old ones
		equal bool
	}
	var more []fresh
	for n := len(old.rank); n < len(t.list); n++ {
		f := fresh{key: by.Key(t.list[n]), n: uint32(n)}
		f.at, f.equal = slices.BinarySearchFunc(old.order, f.key, func(n uint32, key string) int { return strings.Compare(by.Key(t.list[n]), key) })
		more = append(more, f)
	}
	slices.SortFunc(more, func(a, b fresh) int { return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.n, b.n)) })
	r := ranking{order: make([]uint32, 0, len(t.list)), rank: make([]uint32, len(t.list))}
	put := func(n uint32, equal bool) {
		k := len(r.order)
		r.order = append(r.order, n)
		if r.rank[n] = uint32(k); equal {
			r.rank[n] = r.rank[r.order[k-1]]
		}
	}
	done := 0
	for i, f := range more {
		for ; done < f.at; done++ {
			put(old.order[done], t.follows(old, done))
		}
		equalsFresh := i > 0 && more[i-1].key == f.key
		put(f.n, equalsFresh)
		if f.equal && (i+1 == len(more) || more[i+1].key != f.key) {
			put(old.order[done], true) // the first of the equal ones
			done++
		}
	}
	for ; done < len(old.order); done++ {
		put(old.order[done], t.follows(old, done))
	}
	return r
}

// follows says whether the old text at a place is equal to the one before it.
func (t *texts) follows(old ranking, at int) bool {
	return at > 0 && old.rank[old.order[at]] == old.rank[old.order[at-1]]
}

// keySorter sorts numbers by their keys, octet by octet.
type keySorter struct {
	keys  []byte
	start []uint32 // of each key; it ends where the next one starts
	words []uint64 // by number
}

func (s *keySorter) key(n uint32) []byte { return s.keys[s.start[n]:s.start[n+1]] }

// run is a part of the order whose keys are the same up to depth.
type run struct{ lo, hi, depth int }

// sort sorts by eight octets at a time; what is few or ends is compared.
func (s *keySorter) sort(order threading.Order) {
	s.words = make([]uint64, len(s.start))
	for todo := []run{{0, len(order), 0}}; len(todo) > 0; {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		part := order[r.lo:r.hi]
		if len(part) < 64 || r.depth > 256 {
			slices.SortFunc(part, func(a, b uint32) int {
				return cmp.Or(bytes.Compare(s.key(a)[r.depth:], s.key(b)[r.depth:]), cmp.Compare(a, b))
			})
			continue
		}
		for _, n := range part {
			var word [8]byte
			copy(word[:], s.key(n)[r.depth:])
			s.words[n] = binary.BigEndian.Uint64(word[:])
		}
		part.SortBy(s.words)
		for i := 0; i < len(part); {
			j := i + 1
			for j < len(part) && s.words[part[j]] == s.words[part[i]] {
				j++
			}
			todo = s.split(order, run{r.lo + i, r.lo + j, r.depth}, todo)
			i = j
		}
	}
}

// split is what is still to be sorted of those that have the same eight octets at the depth of r. Keys that have ended are put first, the
// shorter ones (which had NULs less) before the longer.
func (s *keySorter) split(order threading.Order, r run, todo []run) []run {
	if r.hi-r.lo < 2 {
		return todo
	}
	part, next := order[r.lo:r.hi], r.depth+8
	ended := slices.ContainsFunc(part, func(n uint32) bool { return len(s.key(n)) < next })
	if ended {
		length := func(n uint32) int { return min(len(s.key(n)), next) }
		slices.SortStableFunc(part, func(a, b uint32) int { return cmp.Compare(length(a), length(b)) })
		for r.lo < r.hi && len(s.key(order[r.lo])) < next {
			r.lo++
		}
	}
	if r.hi-r.lo < 2 {
		return todo
	}
	return append(todo, run{r.lo, r.hi, next})
}
