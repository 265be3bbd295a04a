package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// TestCopyOfManyIsAllOrNothing ends a copy of more messages than one commit takes after the first commit.
func TestCopyOfManyIsAllOrNothing(t *testing.T) {
	engine := memkv.New()
	f := open(t, engine, store.Options{})
	h := f.account()
	for n := range 100 {
		f.add(h, "INBOX", message(n), store.AddOptions{})
	}
	inbox, archive := f.box(h, "INBOX").ID(), f.box(h, "Archive").ID()
	for f.box(h, "INBOX").Len() < 20_500 {
		f.update(h, func(tx *store.Tx) error {
			_, err := tx.Copy(inbox, []store.UIDRange{{Lo: 1, Hi: 4500}}, inbox)
			return err
		})
	}
	kept := f.add(h, "Archive", message(1000), store.AddOptions{})
	removed := len(rowsOf(t, engine, 'G'))

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sub := f.Bus().SubscribeFunc(uint32(h.ID()), cancel)
	defer sub.Close()
	before := f.box(h, "INBOX")
	placed, err := h.Copy(ctx, store.Origin{}, before, everything(), archive)
	if len(placed) > 0 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%d copied, %v", len(placed), err)
	}
	after := f.box(h, "Archive")
	if after.Len() != 1 || after.At(0).UID != kept.UID {
		t.Errorf("%d messages are left, want the one that was there", after.Len())
	}
	if after.UIDNext() < 20_000 {
		t.Errorf("UIDNEXT %d: nothing had been copied", after.UIDNext())
	}
	if d := before.Diff(f.box(h, "INBOX")); !d.Empty() {
		t.Error("the source changed")
	}
	if n := len(rowsOf(t, engine, 'G')); n != removed {
		t.Errorf("%d messages recently removed, want %d", n, removed)
	}
	sound(t, engine)

	placed, err = h.Copy(context.Background(), store.Origin{}, before, everything(), archive)
	if len(placed) != before.Len() || err != nil {
		t.Fatalf("%d of %d copied, %v", len(placed), before.Len(), err)
	}
	sound(t, engine)
}

// TestOperationThatIsTooMuch is refused by itself, not with those that share its commit.
func TestOperationThatIsTooMuch(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	inbox := f.box(h, "INBOX").ID()
	rng := rand.New(rand.NewPCG(1, 2))
	var bodies []*store.Body
	for range 90 {
		text := make([]byte, 100_000)
		for i := range text {
			text[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"[rng.IntN(64)]
		}
		bodies = append(bodies, f.body("Subject: big\r\n\r\n"+string(text)))
	}
	_, err := h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
		for _, b := range bodies {
			if _, err := tx.AddMessage(inbox, b, store.AddOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, store.ErrLimit) {
		t.Fatal(err)
	}
	f.add(h, "INBOX", message(1), store.AddOptions{})
	if n := f.box(h, "INBOX").Len(); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}
