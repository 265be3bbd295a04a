package search

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store"
)

// TestReturned: what a backup brings back under its old id is found as before, and is in the index
// again: whether the index knew it, had noted that it was gone, or had never seen it.
func TestReturned(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	ctx := context.Background()
	var texts []string
	for i := range 40 {
		texts = append(texts, fmt.Sprintf("Subject: s%d\r\n\r\nneedle %d\r\n", i, i))
	}
	keys := []Key{Body("needle"), Text("s3"), Body("le 7"), Body("é")}
	follow := func() {
		t.Helper()
		h.check(keys)
		h.must(h.index.follow(ctx, h.h.ID(), note{erased: true}, nil))
		h.check(keys)
		if got, want := h.known(), h.ids(); !slices.Equal(got, want) {
			t.Fatalf("the index has %v, the account %v", got, want)
		}
	}
	var ids []store.MessageID
	for _, text := range texts[:30] {
		ids = append(ids, h.put(text))
	}
	follow()
	for _, text := range texts[30:] {
		ids = append(ids, h.put(text))
	}
	back := func(n int) { h.putAs(texts[n], ids[n]) }

	h.expunge(4) // the index does not hear of it before it is back
	back(3)
	follow()
	h.expunge(8, 9, 33) // the index notes two, and does not see the third
	follow()
	back(7)
	h.check(keys)
	h.expunge(13) // noting another one does not make the first known again
	follow()
	back(8)
	back(32)
	back(12)
	follow()
}

// putAs brings a message back under its old id.
func (h *house) putAs(text string, id store.MessageID) {
	h.t.Helper()
	if got := h.add(text, store.AddOptions{As: id}); got != id {
		h.t.Fatalf("message %d came back as %d", id, got)
	}
}

// TestReturnedOperations is TestReturned with any operations in any order.
func TestReturnedOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(t)
		defer h.close()
		ctx := context.Background()
		keys := []Key{Body("the"), Text("help"), Body("é"), Text("l")}
		texts := make(map[store.MessageID]string)
		uids := make(map[store.MessageID]store.UID)
		next := store.UID(1)
		put := func(text string, as store.MessageID) {
			id := h.add(text, store.AddOptions{As: as})
			texts[id], uids[id] = text, next
			next++
		}
		sorted := func(here bool) (ids []store.MessageID) {
			for id := range texts {
				if (uids[id] != 0) == here {
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			return ids
		}
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(t *rapid.T) {
				for range rapid.IntRange(1, 12).Draw(t, "messages") {
					put(drawMessage(t), 0)
				}
			},
			"erase": func(t *rapid.T) {
				var gone []store.UID
				for _, id := range sorted(true) {
					if rapid.IntRange(0, 5).Draw(t, "gone") == 0 {
						gone = append(gone, uids[id])
						uids[id] = 0
					}
				}
				if slices.Sort(gone); len(gone) > 0 {
					h.expunge(gone...)
				}
			},
			"return": func(t *rapid.T) {
				for _, id := range sorted(false) {
					if rapid.IntRange(0, 2).Draw(t, "back") == 0 {
						put(texts[id], id)
					}
				}
			},
			"prune": func(t *rapid.T) {
				h.must(h.index.follow(ctx, h.h.ID(), note{erased: true}, nil))
				if got, want := h.known(), h.ids(); !slices.Equal(got, want) {
					t.Fatalf("the index has %v, the account %v", got, want)
				}
			},
			"follow": func(t *rapid.T) { h.sync() },
			"":       func(t *rapid.T) { h.check(keys) },
		})
	})
}
