package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"restante/internal/store"
)

// TestGivenUIDs keeps another server's UIDs, with whatever gaps, in memory and from disk.
func TestGivenUIDs(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	inbox := f.box(h, "INBOX").ID()
	f.update(h, func(tx *store.Tx) error { return tx.SetUIDValidity(inbox, 1234567890) })

	rng := rand.New(rand.NewPCG(1, 2))
	var want []store.UID
	for uid := store.UID(0); len(want) < 200; {
		uid += 1 + store.UID(rng.IntN(3))
		if rng.IntN(20) == 0 {
			uid += store.UID(rng.IntN(60_000)) // whole chunks of pages without a message
		}
		want = append(want, uid)
		if got := f.add(h, "INBOX", "Subject: x\r\n\r\n", store.AddOptions{UID: uid}).UID; got != uid {
			t.Fatalf("UID %d became %d", uid, got)
		}
	}
	next := want[len(want)-1] + 100_000
	f.update(h, func(tx *store.Tx) error { return tx.RaiseUIDNext(inbox, next) })
	want = append(want, f.add(h, "INBOX", "Subject: x\r\n\r\n", store.AddOptions{}).UID)
	if want[200] != next {
		t.Errorf("the next message got UID %d, not %d", want[200], next)
	}
	h.Close()

	again := open(t, f.engine, store.Options{}).handle(h.ID())
	for name, h := range map[string]*store.Account{"in memory": f.handle(h.ID()), "from disk": again} {
		box := f.box(h, "INBOX")
		var got []store.UID
		for e := range box.All() {
			got = append(got, e.UID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: UIDs %v\nwant %v", name, got, want)
		}
		if box.UIDValidity() != 1234567890 || box.UIDNext() != next+1 {
			t.Errorf("%s: UIDVALIDITY %d, UIDNEXT %d", name, box.UIDValidity(), box.UIDNext())
		}
		for i, uid := range want {
			if n, ok := box.Rank(uid); n != i || !ok || box.At(i).UID != uid {
				t.Fatalf("%s: place of UID %d: %d %v", name, uid, n, ok)
			}
		}
	}
}

// TestGivenUIDsRefused never gives a UID twice.
func TestGivenUIDsRefused(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	inbox := f.box(h, "INBOX").ID()
	f.add(h, "INBOX", "Subject: x\r\n\r\n", store.AddOptions{UID: 7})
	before := f.box(h, "INBOX").UIDValidity()
	body := f.body("Subject: y\r\n\r\n")
	for name, c := range map[string]struct {
		want error
		do   func(tx *store.Tx) error
	}{
		"the same UID":  {store.ErrUIDsUsed, func(tx *store.Tx) error { _, err := tx.AddMessage(inbox, body, store.AddOptions{UID: 7}); return err }},
		"a smaller UID": {store.ErrUIDsUsed, func(tx *store.Tx) error { _, err := tx.AddMessage(inbox, body, store.AddOptions{UID: 1}); return err }},
		"too great a UID": {store.ErrLimit, func(tx *store.Tx) error {
			_, err := tx.AddMessage(inbox, body, store.AddOptions{UID: store.MaxGivenUID + 1})
			return err
		}},
		"too great a next": {store.ErrLimit, func(tx *store.Tx) error { return tx.RaiseUIDNext(inbox, store.MaxGivenUID+2) }},
		"UIDVALIDITY":      {store.ErrUIDsUsed, func(tx *store.Tx) error { return tx.SetUIDValidity(inbox, 99) }},
		"no mailbox":       {store.ErrNoMailbox, func(tx *store.Tx) error { return tx.RenewUIDValidity(999) }},
	} {
		if _, err := h.Update(context.Background(), store.Origin{}, c.do); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	f.update(h, func(tx *store.Tx) error { return tx.RaiseUIDNext(inbox, 3) }) // nothing to do
	f.update(h, func(tx *store.Tx) error { return tx.RenewUIDValidity(inbox) })
	if box := f.box(h, "INBOX"); box.UIDValidity() <= before || box.UIDNext() != 8 || box.Len() != 1 {
		t.Errorf("UIDVALIDITY %d after %d, UIDNEXT %d, %d messages", box.UIDValidity(), before, box.UIDNext(), box.Len())
	}
}

// TestGivenUIDValidity leaves room above what a mailbox brings along: the mailbox that is made under its name later has a greater one.
func TestGivenUIDValidity(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	var id store.MailboxID
	create := func(tx *store.Tx) (err error) { id, err = tx.CreateMailbox("Old", store.RoleNone); return err }
	f.update(h, create)
	f.update(h, func(tx *store.Tx) error { return tx.SetUIDValidity(id, store.MaxGivenUIDValidity) })
	for _, validity := range []uint32{0, store.MaxGivenUIDValidity + 1} {
		if _, err := h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error { return tx.SetUIDValidity(id, validity) }); !errors.Is(err, store.ErrLimit) {
			t.Errorf("UIDVALIDITY %d: %v", validity, err)
		}
	}
	f.update(h, func(tx *store.Tx) error { return tx.DeleteMailbox(id) })
	f.update(h, create)
	if got := f.box(h, "Old").UIDValidity(); got <= store.MaxGivenUIDValidity {
		t.Errorf("UIDVALIDITY %d after %d", got, store.MaxGivenUIDValidity)
	}
}
