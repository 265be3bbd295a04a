package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
)

// past is what a random run remembers of its mailboxes, to ask what happened since.
type past struct {
	moments []store.ModSeq // of the account, after each operation
	boxes   map[store.MailboxID]*pastBox
}

type pastBox struct {
	moments []store.ModSeq // of the mailbox: what clients remember
	uids    []store.UID
	gone    []goneUID
}

type goneUID struct {
	uid store.UID
	at  store.ModSeq
}

// remember takes the present to the past, and asks what happened since a moment of it.
func (r *randomRun) remember() {
	view := r.h.View()
	if r.past.boxes == nil {
		r.past.boxes = make(map[store.MailboxID]*pastBox)
	}
	r.past.moments = append(r.past.moments, view.ModSeq())
	for _, m := range view.Mailboxes() {
		r.must(m.Load(context.Background()))
		b := r.past.boxes[m.ID()]
		if b == nil {
			b = new(pastBox)
			r.past.boxes[m.ID()] = b
		}
		var uids []store.UID
		for e := range m.All() {
			uids = append(uids, e.UID)
		}
		for _, uid := range b.uids {
			if _, found := slices.BinarySearch(uids, uid); !found {
				b.gone = append(b.gone, goneUID{uid, view.ModSeq()})
			}
		}
		b.uids = uids
		b.moments = append(b.moments, m.HighestModSeq())
		moments := b.moments
		if rapid.Bool().Draw(r.t, "account's moment") {
			moments = r.past.moments
		}
		r.askSince(m, b, rapid.SampledFrom(moments).Draw(r.t, "since"))
	}
}

func (r *randomRun) askSince(m *store.MailboxView, b *pastBox, since store.ModSeq) {
	var changed, vanished []store.UID
	for e := range m.All() {
		if e.ModSeq > since {
			changed = append(changed, e.UID)
		}
	}
	for _, g := range b.gone {
		if g.at > since {
			vanished = append(vanished, g.uid)
		}
	}
	slices.Sort(vanished)
	got, err := r.h.ChangedSince(context.Background(), m, since)
	r.must(err)
	if !slices.Equal(got, store.Ranges(changed)) {
		r.t.Fatalf("%s changed since %d: %v, want %v", m.Path(), since, got, changed)
	}
	got, exact, err := r.h.VanishedSince(context.Background(), m, since)
	r.must(err)
	if !exact || !slices.Equal(got, store.Ranges(vanished)) {
		r.t.Fatalf("%s vanished since %d: %v (%v), want %v", m.Path(), since, got, exact, vanished)
	}
}

// trim cuts the log somewhere.
func (r *randomRun) trim() {
	if len(r.past.moments) == 0 {
		return
	}
	r.must(r.h.TrimLog(context.Background(), rapid.SampledFrom(r.past.moments).Draw(r.t, "up to")))
}

// TestVanishedBeyondTheLog removes messages in more operations than are kept: beyond the log's horizon, and only there, the oldest
// are forgotten, and a client from before them is told all the holes.
func TestVanishedBeyondTheLog(t *testing.T) {
	const kept, more = 5000, 10
	f := newFixture(t)
	h := f.account()
	ctx := context.Background()
	for i := range 3 {
		f.add(h, "INBOX", message(i), store.AddOptions{})
	}
	inbox := f.box(h, "INBOX").ID()
	f.update(h, func(tx *store.Tx) error { _, err := tx.Expunge(inbox, []store.UIDRange{{Lo: 2, Hi: 2}}); return err })
	first := f.box(h, "INBOX").HighestModSeq()
	var moments []store.ModSeq // after each removal
	for i := range kept + more {
		f.update(h, func(tx *store.Tx) error {
			last := store.UID(3 + i)
			p, err := tx.Move(inbox, []store.UIDRange{{Lo: last, Hi: last}}, inbox)
			if err == nil && len(p) != 1 {
				err = fmt.Errorf("UID %d is not there", last)
			}
			return err
		})
		moments = append(moments, h.View().ModSeq())
	}
	ask := func(since store.ModSeq, want string, wantExact bool) {
		t.Helper()
		got, exact, err := h.VanishedSince(ctx, f.box(h, "INBOX"), since)
		if err != nil || fmt.Sprint(got) != want || exact != wantExact {
			t.Errorf("since %d: %v %v %v, want %s %v", since, got, exact, err, want, wantExact)
		}
	}
	all := fmt.Sprintf("[{3 %d}]", 2+kept+more)
	ask(first, all, true)
	// All of it within the horizon: nothing is forgotten.
	if err := h.TrimLog(ctx, moments[more-1]); err != nil {
		t.Fatal(err)
	}
	ask(first, all, true)
	if err := h.TrimLog(ctx, moments[len(moments)-1]); err != nil {
		t.Fatal(err)
	}
	ask(first, fmt.Sprintf("[{2 %d}]", 2+kept+more), false)
	// The expunge of 2 and the removals so far are the oldest: those within the last 5000 operations are known.
	ask(moments[more-2], fmt.Sprintf("[{2 %d}]", 2+kept+more), false)
	ask(moments[more-1], fmt.Sprintf("[{%d %d}]", 3+more, 2+kept+more), true)
	ask(moments[len(moments)-2], fmt.Sprintf("[{%d %d}]", 2+kept+more, 2+kept+more), true)
}

// TestSinceOfAQuietMailbox: what counts is what the mailbox has lost, not the account.
func TestSinceOfAQuietMailbox(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	ctx := context.Background()
	f.add(h, "INBOX", message(1), store.AddOptions{})
	f.add(h, "INBOX", message(2), store.AddOptions{})
	quiet := f.box(h, "INBOX").HighestModSeq()
	for i := range 10 {
		f.add(h, "Sent", message(i), store.AddOptions{})
	}
	if err := h.TrimLog(ctx, h.View().ModSeq()); err != nil {
		t.Fatal(err)
	}
	inbox := f.box(h, "INBOX")
	if _, _, err := h.SetFlags(ctx, store.Origin{}, inbox, []store.UIDRange{{Lo: 2, Hi: 2}}, store.FlagChange{Flags: store.Seen}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		since store.ModSeq
		want  string
	}{{quiet, "[{2 2}]"}, {quiet - 1, "[{2 2}]"}, {quiet - 2, "[{1 2}]"}, {0, "[{1 2}]"}, {h.View().ModSeq(), "[]"}, {1 << 60, "[]"}} {
		got, err := h.ChangedSince(ctx, f.box(h, "INBOX"), c.since)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("since %d: %v %v, want %s", c.since, got, err, c.want)
		}
	}
}

// BenchmarkSince asks what happened in a mailbox after 100 changes and 100 removals, among as many in another mailbox.
func BenchmarkSince(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			ctx := context.Background()
			engine, err := pebblekv.Open(pebblekv.Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			f := open(b, engine, store.Options{})
			h := f.account()
			fill(f, h, n)
			m := f.box(h, "INBOX")
			since := m.HighestModSeq()
			for i := range 100 {
				uid := store.UID(i*(n/200) + 1)
				one := []store.UIDRange{{Lo: uid, Hi: uid}}
				f.update(h, func(tx *store.Tx) error {
					if _, err := tx.SetFlags(m.ID(), one, store.FlagChange{Flags: store.Flagged}); err != nil {
						return err
					}
					_, err := tx.Expunge(m.ID(), []store.UIDRange{{Lo: uid + 1, Hi: uid + 1}})
					return err
				})
				f.add(h, "Sent", message(i), store.AddOptions{})
			}
			m = f.box(h, "INBOX")
			b.ReportAllocs()
			for b.Loop() {
				changed, err := h.ChangedSince(ctx, m, since)
				if err != nil || len(changed) != 100 {
					b.Fatal(len(changed), err)
				}
				gone, exact, err := h.VanishedSince(ctx, m, since)
				if err != nil || !exact || len(gone) != 100 {
					b.Fatal(len(gone), exact, err)
				}
			}
		})
	}
}

// fill puts n messages into INBOX, as copies of 20,000 at most.
func fill(f *fixture, h *store.Account, n int) {
	inbox := f.box(h, "INBOX").ID()
	seeds := min(n, 20_000)
	for have := 0; have < seeds; have += 500 {
		var bodies []*store.Body
		for i := range 500 {
			bodies = append(bodies, f.body(message(have+i)))
		}
		f.update(h, func(tx *store.Tx) error {
			for _, b := range bodies {
				if _, err := tx.AddMessage(inbox, b, store.AddOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	const run = 5000 // copies in one commit
	for have := seeds; have < n; have += run {
		m := f.box(h, "INBOX")
		from := store.UID(have%seeds + 1)
		if _, err := h.Copy(context.Background(), store.Origin{}, m, []store.UIDRange{{Lo: from, Hi: from + run - 1}}, m.ID()); err != nil {
			f.t.Fatal(err)
		}
	}
}
