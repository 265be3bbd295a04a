package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"restante/internal/store"
)

// uidl is the UIDL that a message brought, "" for none.
func (f *fixture) uidl(h *store.Account, id store.MessageID) string {
	f.t.Helper()
	all, err := h.UIDLs(context.Background(), 0, 1<<64-1)
	if err != nil {
		f.t.Fatal(err)
	}
	b, _ := all.Append(nil, id)
	one, err := h.UIDLs(context.Background(), id, id)
	if err != nil {
		f.t.Fatal(err)
	}
	if c, _ := one.Append(nil, id); string(b) != string(c) {
		f.t.Errorf("message %d: UIDL %q of all, %q of one", id, b, c)
	}
	return string(b)
}

// try is add that may fail.
func (f *fixture) try(h *store.Account, text string, o store.AddOptions) (added store.Added, err error) {
	f.t.Helper()
	body := f.body(text)
	_, err = h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
		to, err := tx.Lookup("INBOX")
		if err != nil {
			return err
		}
		added, err = tx.AddMessage(to, body, o)
		return err
	})
	return added, err
}

func TestUIDLStaysAndIsNobodyElses(t *testing.T) {
	d := newDrops(t, asIs)
	a := d.add(d.h, "INBOX", message(1), store.AddOptions{UIDL: "000000015c8e1f2a"})
	b := d.add(d.h, "INBOX", message(2), store.AddOptions{})
	c := d.add(d.h, "INBOX", message(3), store.AddOptions{UIDL: "UID3-7"})
	for id, want := range map[store.MessageID]string{a.Message: "000000015c8e1f2a", b.Message: "", c.Message: "UID3-7"} {
		if got := d.uidl(d.h, id); got != want {
			t.Errorf("message %d: %q, want %q", id, got, want)
		}
	}
	seed := d.h.View().Seed()
	for uidl, want := range map[string]error{
		"UID3-7": store.ErrUIDLTaken, seed.EmailID(b.Message): store.ErrUIDLTaken, seed.EmailID(b.Message + 100): store.ErrUIDLTaken,
		"a b": store.ErrBadUIDL, "caf\xe9": store.ErrBadUIDL, strings.Repeat("x", 71): store.ErrBadUIDL, strings.Repeat("x", 70): nil,
	} {
		if _, err := d.try(d.h, message(4), store.AddOptions{UIDL: uidl}); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", uidl, err, want)
		}
	}

	// It goes with the message, where that goes and when it comes back, and ends with it.
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Move(d.box(d.h, "INBOX").ID(), []store.UIDRange{{Lo: a.UID, Hi: a.UID}}, d.box(d.h, "Archive").ID())
		return err
	})
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Expunge(d.box(d.h, "Archive").ID(), everything())
		return err
	})
	if _, err := d.try(d.h, message(5), store.AddOptions{UIDL: "000000015c8e1f2a"}); !errors.Is(err, store.ErrUIDLTaken) {
		t.Errorf("the UIDL of what can be put back: %v", err)
	}
	if got := d.uidl(d.h, a.Message); got != "000000015c8e1f2a" {
		t.Errorf("removed, it has %q", got)
	}
	if _, err := d.h.EraseRemoved(context.Background(), idsOf(d.removed(store.RemovedFilter{}))); err != nil {
		t.Fatal(err)
	}
	if got := d.uidl(d.h, a.Message); got != "" {
		t.Errorf("erased, it has %q", got)
	}
	if _, err := d.try(d.h, message(5), store.AddOptions{UIDL: "000000015c8e1f2a"}); err != nil {
		t.Errorf("the UIDL of what was erased: %v", err)
	}
}

func TestSourceComesOnce(t *testing.T) {
	d := newDrops(t, asIs)
	source := store.SourceID{1, 2, 3}
	a, err := d.try(d.h, message(1), store.AddOptions{Source: source})
	if err != nil || a.Duplicate {
		t.Fatal(a, err)
	}
	b, err := d.try(d.h, message(1), store.AddOptions{Source: source})
	if err != nil || !b.Duplicate || b.Message != a.Message {
		t.Fatal(b, err)
	}
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Expunge(d.box(d.h, "INBOX").ID(), everything())
		return err
	})
	if _, err := d.h.EraseRemoved(context.Background(), idsOf(d.removed(store.RemovedFilter{}))); err != nil {
		t.Fatal(err)
	}
	if c, err := d.try(d.h, message(1), store.AddOptions{Source: source}); err != nil || !c.Duplicate {
		t.Errorf("erased, it came again: %+v, %v", c, err)
	}
	for s, want := range map[store.SourceID]bool{source: true, {9}: false} {
		if got, err := d.h.Imported(context.Background(), s); got != want || err != nil {
			t.Errorf("%x: %v, %v", s, got, err)
		}
	}
}
