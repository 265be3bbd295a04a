package search

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// reference reads all lists of a segment from what its messages say.
func reference(t *testing.T, h *house, s *segment) map[gram][]uint32 {
	t.Helper()
	want := make(map[gram][]uint32)
	r := textReader{s: s}
	for doc := range uint32(len(s.info)) {
		text, err := r.text(context.Background(), h.engine, doc)
		h.must(err)
		h.must(eachSection(text, func(c class, text []byte, name int) bool {
			b := builder{table: make([]uint32, 1<<16)}
			var info docInfo
			b.section(0, c, section{text, name}, &info)
			for _, g := range b.known {
				if list := want[g]; !slices.Contains(list, doc) {
					want[g] = append(list, doc)
				}
			}
			return true
		}))
	}
	return want
}

func members(s docSet) (list []uint32) {
	s.each(func(doc uint32) { list = append(list, doc) })
	return list
}

// TestLists: every gram of every class is found with its messages and no others,
// wherever blocks begin, in segments as they are built and as they are merged.
func TestLists(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		h.put(fmt.Sprintf("Subject: %x\r\nFrom: %x@%x\r\nX: %x\r\n\r\n%x 漢%x字 é%d\r\n", rng.Uint32(), rng.Uint32(), rng.Uint32(), rng.Uint64(), rng.Uint64(), rng.Uint32(), i))
		if i%50 == 30 {
			h.sync()
		}
	}
	h.sync()
	m, err := h.index.manifest(context.Background(), h.engine, h.h)
	h.must(err)
	blocks := 0
	for _, info := range m.segments {
		s, err := h.index.segment(context.Background(), h.engine, h.h.ID(), info)
		h.must(err)
		for g, want := range reference(t, h, s) {
			set := newDocSet(len(s.info))
			whole := g &^ classMask
			n, _, err := s.lists(context.Background(), h.engine, set, whole, whole+1<<classBits, 1<<class(g&classMask), 2)
			h.must(err)
			blocks += n
			if got := members(set); !slices.Equal(got, want) {
				t.Fatalf("segment %d, gram %x: %v, want %v", info.id, g, got, want)
			}
		}
	}
	if len(m.segments) < 2 || len(m.segments) > 20 {
		t.Errorf("%d segments", len(m.segments))
	}
}
