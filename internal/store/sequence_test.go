package store_test

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// TestSequence asks in all orders, of lists in all orders, with messages among them that are gone: it is always as if each were asked
// for by itself.
func TestSequence(t *testing.T) {
	f := open(t, memkv.New(), store.Options{Recovery: -1})
	h := f.account()
	var all []store.MessageID
	for i := range 300 {
		all = append(all, f.add(h, "INBOX", message(i), store.AddOptions{}).Message)
	}
	f.update(h, func(tx *store.Tx) error {
		inbox, err := tx.Lookup("INBOX")
		if err == nil {
			_, err = tx.Expunge(inbox, []store.UIDRange{{Lo: 40, Hi: 44}, {Lo: 60, Hi: 60}, {Lo: 200, Hi: 250}})
		}
		return err
	})
	if s, err := f.Sweep(context.Background()); err != nil || s.Erased != 57 {
		t.Fatal(s, err)
	}
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		ids := all
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0: // as they lie
		case 1:
			ids = rapid.Permutation(all).Draw(t, "ids")
		case 2: // with gaps
			ids = nil
			for i := 0; i < len(all); i += rapid.IntRange(1, 6).Draw(t, "gap") {
				ids = append(ids, all[i])
			}
		case 3:
			ids = append(append([]store.MessageID{}, all[100:]...), all[:150]...)
		}
		s := h.Sequence(len(ids), func(i int) store.MessageID { return ids[i] })
		at := 0
		for range rapid.IntRange(1, 400).Draw(t, "reads") {
			if rapid.IntRange(0, 30).Draw(t, "jump") == 0 {
				at = rapid.IntRange(0, len(ids)-1).Draw(t, "to")
			}
			want, wantErr := h.Message(ctx, ids[at], 0)
			got, err := s.Message(ctx, at, 0)
			if !errors.Is(err, wantErr) {
				t.Fatalf("place %d: %v, want %v", at, err, wantErr)
			}
			if err == nil {
				a, _ := want.Header(ctx)
				b, _ := got.Header(ctx)
				if got.ID() != want.ID() || got.Size() != want.Size() || string(a) != string(b) {
					t.Fatalf("place %d: message %d, want %d", at, got.ID(), want.ID())
				}
			}
			if at++; at == len(ids) {
				at = 0
			}
		}
	})
}
