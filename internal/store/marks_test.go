package store_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store"
	"restante/internal/store/keys"
)

// TestMessageSet compares the set with a map.
func TestMessageSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set store.MessageSet
		want := make(map[store.MessageID]bool)
		for _, n := range rapid.SliceOf(rapid.Uint64Range(0, 300)).Draw(t, "ids") {
			id := store.MessageID(n)
			if set.Has(id) != want[id] || set.Add(id) == want[id] || !set.Has(id) {
				t.Fatalf("%d is not as it should be", id)
			}
			want[id] = true
		}
		if set.Len() != len(want) {
			t.Fatalf("%d messages, want %d", set.Len(), len(want))
		}
	})
}

// TestAscending moves and copies messages about, over more than one chunk of pages, and asks each time.
func TestAscending(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	body := f.body(message(1))
	inbox := f.box(h, "INBOX").ID()
	const many = keys.CountsPages*keys.PageSize + 100
	for left := many; left > 0; left -= 4000 {
		f.update(h, func(tx *store.Tx) error {
			for range min(left, 4000) {
				if _, err := tx.AddMessage(inbox, body, store.AddOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	ascending := func(want bool, when string) {
		t.Helper()
		m := f.box(h, "INBOX")
		if err := m.Load(context.Background()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // it is kept
			if m.Ascending() != want {
				t.Errorf("%s: ascending is %v", when, !want)
			}
		}
	}
	only := func(uid store.UID) []store.UIDRange { return []store.UIDRange{{Lo: uid, Hi: uid}} }
	copyBack := func(uid store.UID) {
		f.update(h, func(tx *store.Tx) error { _, err := tx.Copy(inbox, only(uid), inbox); return err })
	}
	expunge := func(uid store.UID) {
		f.update(h, func(tx *store.Tx) error { _, err := tx.Expunge(inbox, only(uid)); return err })
	}
	ascending(true, "new")
	copyBack(1)
	ascending(false, "the first once more at the end")
	expunge(1)
	ascending(false, "the first now the last")
	expunge(many + 1)
	ascending(true, "it is gone")
	copyBack(many)
	ascending(false, "the last twice")
	expunge(many)
	ascending(true, "once")
}
