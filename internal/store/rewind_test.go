package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/ops/verify"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// copied is an engine with the rows that another has now.
func copied(t *testing.T, from kv.Engine) kv.Engine {
	t.Helper()
	b := new(kv.Batch)
	err := from.Scan(t.Context(), kv.Range{}, func(k, v []byte) (bool, error) {
		b.Put(append([]byte(nil), k...), append([]byte(nil), v...))
		return true, nil
	})
	to := memkv.New()
	if err == nil {
		err = to.Commit(t.Context(), b, kv.Durable)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// given are all names that clients have been told.
type given map[string]string

func (g given) note(t *testing.T, who, name string) {
	t.Helper()
	if before := g[name]; before != "" {
		t.Errorf("%s: %s was given to %s", who, name, before)
	}
	g[name] = who
}

// TestRewindHolds: what waited when a backup was made may have been sent since.
func TestRewindHolds(t *testing.T) {
	f := newFixture(t)
	f.enqueue("Subject: one\r\n\r\nHello.\r\n", f.queued("u1@example.net", "u2@example.net"))
	mine := f.queued("u3@example.net")
	mine.Held, mine.Note = true, "mine"
	f.enqueue("Subject: two\r\n\r\nHello.\r\n", mine)
	engine := copied(t, f.engine)
	for _, want := range []int{1, 0} { // the second time as after a crash
		done, err := store.Rewind(t.Context(), engine, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		if err != nil || done.Held != want {
			t.Fatalf("%+v, %v; want %d held", done, err, want)
		}
	}
	s, err := store.Open(t.Context(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var notes []string
	err = s.Queue(t.Context(), 0, func(q *store.Queued) error {
		if !q.Held {
			t.Errorf("%s is not held", store.FormatQueueID(q.ID))
		}
		notes = append(notes, q.Note)
		return nil
	})
	if diff := cmp.Diff([]string{"from a backup: it may have been sent after that was made", "mine"}, notes); err != nil || diff != "" {
		t.Error(err, diff)
	}
	due, err := s.QueueDue(t.Context(), store.QueueNormal, store.QueueItem{}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 10)
	if err != nil || len(due) != 0 {
		t.Errorf("%v is due, %v", due, err)
	}
}

// goOn makes what a server makes in a while, and notes every name that it gives.
func (g given) goOn(t *testing.T, f *fixture, id store.AccountID, who string) {
	h := f.handle(id)
	for n := range 5 {
		a := f.add(h, "INBOX", message(100+n), store.AddOptions{})
		g.note(t, who, "message "+h.View().Seed().EmailID(a.Message))
		g.note(t, who, fmt.Sprintf("INBOX %d %d", f.box(h, "INBOX").UIDValidity(), a.UID))
	}
	f.update(h, func(tx *store.Tx) error { _, err := tx.CreateMailbox("New", store.RoleNone); return err })
	a := f.add(h, "New", message(200), store.AddOptions{})
	g.note(t, who, "message "+h.View().Seed().EmailID(a.Message))
	m := f.box(h, "New")
	g.note(t, who, "mailbox "+h.View().Seed().MailboxID(m.ID()))
	g.note(t, who, fmt.Sprintf("New %d", m.UIDValidity()))
	other := f.account()
	g.note(t, who, "account "+h.View().Seed().EmailID(0)+fmt.Sprint(other.ID(), other.View().Seed()))
}

// TestRewindGivesNothingTwice takes one state back twice, after the server had gone on from it.
func TestRewindGivesNothingTwice(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	var before []store.Added
	for n := range 70 {
		before = append(before, f.add(h, "INBOX", message(n), store.AddOptions{Flags: store.Flagged}))
	}
	first, second := copied(t, f.engine), copied(t, f.engine)
	g := make(given)
	g.goOn(t, f, h.ID(), "the server that was lost")
	validities := map[uint32]bool{f.box(h, "INBOX").UIDValidity(): true}
	for i, engine := range []kv.Engine{first, second} {
		at := f.clock.now().Add(time.Hour + time.Duration(i)*time.Second)
		done, err := store.Rewind(context.Background(), engine, at)
		if err != nil || done.Accounts != 1 || done.Mailboxes != 6 {
			t.Fatalf("%+v, %v", done, err)
		}
		r := open(t, engine, store.Options{})
		r.clock.t = at
		back := r.handle(h.ID())
		m := r.box(back, "INBOX")
		if validities[m.UIDValidity()] || m.Len() != len(before) || back.View().Seed() != h.View().Seed() {
			t.Errorf("restore %d: UIDVALIDITY %d, %d messages", i, m.UIDValidity(), m.Len())
		}
		validities[m.UIDValidity()] = true
		for n, a := range before {
			if e := m.At(n); e.Message != a.Message || e.UID != a.UID || e.Flags != store.Flagged || r.read(back, e.Message) != message(n) {
				t.Fatalf("message %d is %+v, was %+v", n, e, a)
			}
		}
		g.goOn(t, r, h.ID(), fmt.Sprintf("restore %d", i))
		report, err := verify.Run(context.Background(), engine, verify.Options{})
		if err != nil || report.Total > 0 {
			t.Errorf("%+v, %v", report.Findings, err)
		}
	}
}

func TestAddedUnderItsOldID(t *testing.T) {
	f := open(t, memkv.New(), store.Options{Recovery: -1})
	h := f.account()
	a, kept := f.add(h, "INBOX", message(1), store.AddOptions{}), f.add(h, "INBOX", message(2), store.AddOptions{})
	f.update(h, func(tx *store.Tx) error {
		_, err := tx.Expunge(a.Mailbox, []store.UIDRange{{Lo: a.UID, Hi: a.UID}})
		return err
	})
	try := func(as store.MessageID) (added store.Added, err error) {
		body := f.body(message(1))
		_, err = h.Update(t.Context(), store.Origin{}, func(tx *store.Tx) (err error) {
			added, err = tx.AddMessage(a.Mailbox, body, store.AddOptions{As: as})
			return err
		})
		return added, err
	}
	for _, id := range []store.MessageID{a.Message, kept.Message, kept.Message + 1, a.Message | 1<<48} {
		if added, err := try(id); err == nil {
			t.Errorf("%d became %+v", id, added)
		}
	}
	f.clock.add(time.Hour)
	for range 3 { // erased, then its body collected
		if _, err := f.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.clock.add(25 * time.Hour)
	}
	added, err := try(a.Message)
	if err != nil || added.Message != a.Message || added.UID == a.UID || f.read(h, a.Message) != message(1) {
		t.Errorf("%+v, %v", added, err)
	}
	if added, err := try(a.Message); err == nil {
		t.Errorf("a second time: %+v", added)
	}
	if next := f.add(h, "INBOX", message(3), store.AddOptions{}); next.Message <= kept.Message {
		t.Errorf("%+v after %+v", next, kept)
	}
	report, err := verify.Run(context.Background(), f.engine, verify.Options{})
	if err != nil || report.Total > 0 {
		t.Errorf("%+v, %v", report.Findings, err)
	}
}
