package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// clock is a time that a test moves by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type fixture struct {
	t      testing.TB
	engine kv.Engine
	clock  *clock
	*store.Store
}

func open(t testing.TB, engine kv.Engine, opts store.Options) *fixture {
	t.Helper()
	c := &clock{t: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	opts.Clock = c.now
	s, err := store.Open(context.Background(), engine, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &fixture{t: t, engine: engine, clock: c, Store: s}
}

func newFixture(t testing.TB) *fixture { return open(t, memkv.New(), store.Options{}) }

func (f *fixture) account() *store.Account {
	f.t.Helper()
	id, err := f.CreateAccount(context.Background(), store.AccountOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return f.handle(id)
}

func (f *fixture) handle(id store.AccountID) *store.Account {
	f.t.Helper()
	h, err := f.Account(context.Background(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(h.Close)
	return h
}

func (f *fixture) body(text string) *store.Body {
	f.t.Helper()
	w, err := f.NewBody(context.Background(), store.BodyOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		f.t.Fatal(err)
	}
	b, err := w.Finish(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *fixture) add(h *store.Account, path, text string, o store.AddOptions) store.Added {
	f.t.Helper()
	var added store.Added
	body := f.body(text)
	f.update(h, func(tx *store.Tx) error {
		to, err := tx.Lookup(path)
		if err != nil {
			return err
		}
		added, err = tx.AddMessage(to, body, o)
		return err
	})
	return added
}

func (f *fixture) update(h *store.Account, fn func(tx *store.Tx) error) store.ModSeq {
	f.t.Helper()
	n, err := h.Update(context.Background(), store.Origin{Protocol: store.ProtocolIMAP}, fn)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *fixture) box(h *store.Account, path string) *store.MailboxView {
	f.t.Helper()
	m, err := h.View().Lookup(path)
	if err != nil {
		f.t.Fatalf("%s: %v", path, err)
	}
	if err := m.Load(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	return m
}

func (f *fixture) read(h *store.Account, id store.MessageID) string {
	f.t.Helper()
	m, err := h.Message(context.Background(), id, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.CopyRange(context.Background(), &b, 0, m.Size()); err != nil {
		f.t.Fatal(err)
	}
	return b.String()
}

func message(n int) string {
	return fmt.Sprintf("From: a@example.org\r\nTo: b@example.org\r\nSubject: number %d\r\nMessage-ID: <%d@example.org>\r\n\r\nText %d.\r\n", n, n, n)
}

func everything() []store.UIDRange { return []store.UIDRange{{Lo: 1, Hi: 1<<32 - 1}} }

func TestNewAccountHasItsMailboxes(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	var got []string
	for _, m := range h.View().Mailboxes() {
		got = append(got, fmt.Sprintf("%s/%d", m.Path(), m.Role()))
		if !h.View().Subscribed(m.Path()) {
			t.Errorf("%s is not subscribed", m.Path())
		}
		if m.HighestModSeq() == 0 || m.UIDNext() != 1 || m.UIDValidity() == 0 {
			t.Errorf("%s: modseq %d, uidnext %d, uidvalidity %d", m.Path(), m.HighestModSeq(), m.UIDNext(), m.UIDValidity())
		}
	}
	if want := "INBOX/1 Drafts/2 Sent/3 Junk/4 Trash/5 Archive/6"; strings.Join(got, " ") != want {
		t.Errorf("mailboxes %v, want %v", got, want)
	}
}

func TestMessageComesBackAsItCame(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	text := message(1) + strings.Repeat("line of text\r\n", 20_000) // several chunks
	a := f.add(h, "inbox", strings.ReplaceAll(text, "\r\n", "\n")+"no end", store.AddOptions{Prepend: []byte("Return-Path: <x@y>\r\n")})
	want := "Return-Path: <x@y>\r\n" + text + "no end\r\n"
	if got := f.read(h, a.Message); got != want {
		t.Errorf("message differs: %d octets, want %d", len(got), len(want))
	}
	if a.Size != uint64(len(want)) {
		t.Errorf("size %d, want %d", a.Size, len(want))
	}
	m, err := h.Message(context.Background(), a.Message, store.WantEnvelope|store.WantStructure)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := m.Structure(context.Background())
	if header := want[:s.BodyStart]; !strings.HasSuffix(header, "\r\n\r\n") || s.End != int64(len(want)) {
		t.Errorf("structure: body at %d-%d", s.BodyStart, s.End)
	}
	if h, err := m.Header(context.Background()); err != nil || string(h) != want[:s.BodyStart] {
		t.Errorf("header %q, %v", h, err)
	}
	if e, _ := m.Envelope(context.Background()); e.Subject != "number 1" {
		t.Errorf("envelope %+v", e)
	}
}

func TestFlagsCountersAndDiff(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	for i := range 200 {
		f.add(h, "INBOX", message(i), store.AddOptions{})
	}
	before := f.box(h, "INBOX")
	if before.Len() != 200 || before.Unseen() != 200 || before.FirstUnseen() != 1 {
		t.Fatalf("len %d unseen %d first %d", before.Len(), before.Unseen(), before.FirstUnseen())
	}
	res, modseq, err := h.SetFlags(context.Background(), store.Origin{}, before, []store.UIDRange{{Lo: 1, Hi: 70}}, store.FlagChange{Flags: store.Seen, Keywords: []string{"$Forwarded"}})
	if err != nil || len(res.Changed) != 70 {
		t.Fatal(res, err)
	}
	if _, err := h.Expunge(context.Background(), store.Origin{}, before, []store.UIDRange{{Lo: 71, Hi: 75}}); err != nil {
		t.Fatal(err)
	}
	f.add(h, "INBOX", message(1000), store.AddOptions{})
	after := f.box(h, "INBOX")
	d := before.Diff(after)
	if len(d.Changed) != 70 || len(d.Vanished) != 5 || len(d.Added) != 1 || d.Changed[0].ModSeq != modseq {
		t.Errorf("diff: %d changed, %d vanished, %d added", len(d.Changed), len(d.Vanished), len(d.Added))
	}
	if after.FirstUnseen() != 76 || after.Unseen() != 126 || after.Len() != 196 {
		t.Errorf("first unseen %d, unseen %d, len %d", after.FirstUnseen(), after.Unseen(), after.Len())
	}
	if before.Len() != 200 || before.Entry(71) == nil || before.Entry(1).Flags != 0 {
		t.Error("an old view changed")
	}
	if e := after.At(70); e.UID != 76 {
		t.Errorf("message 71 has UID %d", e.UID)
	}
	if n, ok := after.Rank(75); ok || n != 70 {
		t.Errorf("rank of a vanished UID: %d %v", n, ok)
	}
	gone, exact, err := h.VanishedSince(context.Background(), after, modseq)
	if err != nil || !exact || fmt.Sprint(gone) != "[{71 75}]" {
		t.Errorf("vanished %v %v %v", gone, exact, err)
	}
	changed, err := h.ChangedSince(context.Background(), after, modseq-1)
	if err != nil || fmt.Sprint(changed) != "[{1 70} {201 201}]" {
		t.Errorf("changed %v %v", changed, err)
	}
}

func TestUnchangedSinceLeavesOutLaterChanges(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	for i := range 3 {
		f.add(h, "INBOX", message(i), store.AddOptions{})
	}
	m := f.box(h, "INBOX")
	since := m.HighestModSeq()
	f.update(h, func(tx *store.Tx) error {
		_, err := tx.SetFlags(m.ID(), []store.UIDRange{{Lo: 2, Hi: 2}}, store.FlagChange{Flags: store.Flagged})
		return err
	})
	res, _, err := h.SetFlags(context.Background(), store.Origin{}, m, everything(), store.FlagChange{Flags: store.Seen, Conditional: true, UnchangedSince: since})
	if err != nil || fmt.Sprint(res.Changed, res.Modified) != "[1 3] [2]" {
		t.Errorf("%+v %v", res, err)
	}
}

func TestCopyAndMoveKeepIdentity(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	a := f.add(h, "INBOX", message(1), store.AddOptions{Flags: store.Flagged, Keywords: []string{"work"}})
	inbox, archive, trash := f.box(h, "INBOX"), f.box(h, "Archive"), f.box(h, "Trash")
	if p, err := h.Copy(context.Background(), store.Origin{}, inbox, everything(), archive.ID()); err != nil || len(p) != 1 {
		t.Fatal(p, err)
	}
	if p, err := h.Move(context.Background(), store.Origin{}, f.box(h, "INBOX"), everything(), trash.ID()); err != nil || len(p) != 1 {
		t.Fatal(p, err)
	}
	for _, path := range []string{"Archive", "Trash"} {
		m := f.box(h, path)
		if e := m.At(0); e.Message != a.Message || e.Thread != a.Thread || e.Flags != store.Flagged || e.Keywords == 0 {
			t.Errorf("%s: %+v", path, e)
		}
	}
	if f.box(h, "INBOX").Len() != 0 {
		t.Error("moved message is still there")
	}
	if used := h.View().Used(); used.Messages != 1 || used.Octets != a.Size {
		t.Errorf("quota counts %+v", used)
	}
	// The last membership that ends makes it removed; the other does not.
	for i, path := range []string{"Archive", "Trash"} {
		if _, err := h.Expunge(context.Background(), store.Origin{}, f.box(h, path), everything()); err != nil {
			t.Fatal(err)
		}
		if n := h.View().Used().Messages; n != uint64(1-i) {
			t.Errorf("after leaving %s: %d messages", path, n)
		}
	}
	if got := f.read(h, a.Message); got != message(1) {
		t.Error("removed message cannot be read any more")
	}
}

func TestRemovedMessagesAreErasedInTheEnd(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	a := f.add(h, "INBOX", message(1), store.AddOptions{})
	if _, err := h.Expunge(context.Background(), store.Origin{}, f.box(h, "INBOX"), everything()); err != nil {
		t.Fatal(err)
	}
	sweep := func() store.Swept {
		t.Helper()
		s, err := f.Sweep(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	f.clock.add(29 * 24 * time.Hour)
	if s := sweep(); s.Erased != 0 {
		t.Errorf("erased before its time: %+v", s)
	}
	f.clock.add(2 * 24 * time.Hour)
	if s := sweep(); s.Erased != 1 || s.Bodies != 1 {
		t.Errorf("not erased: %+v", s)
	}
	if _, err := h.Message(context.Background(), a.Message, 0); !errors.Is(err, store.ErrNoMessage) {
		t.Errorf("erased message: %v", err)
	}
}

func TestPinKeepsRemovedMessagesReadable(t *testing.T) {
	f := open(t, memkv.New(), store.Options{Recovery: -1})
	h := f.account()
	a := f.add(h, "INBOX", message(1), store.AddOptions{})
	release := h.Pin()
	f.clock.add(time.Second)
	if _, err := h.Expunge(context.Background(), store.Origin{}, f.box(h, "INBOX"), everything()); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Sweep(context.Background()); err != nil || s.Erased != 0 {
		t.Fatal(s, err)
	}
	if f.read(h, a.Message) != message(1) {
		t.Error("pinned message changed")
	}
	release()
	if s, err := f.Sweep(context.Background()); err != nil || s.Erased != 1 || s.Bodies != 1 {
		t.Fatal(s, err)
	}
}

func TestSameBodyIsKeptOnce(t *testing.T) {
	f := open(t, memkv.New(), store.Options{Recovery: -1})
	a, b := f.account(), f.account()
	text := message(1) + strings.Repeat("0123456789abcdef\r\n", 1000)
	one := f.add(a, "INBOX", text, store.AddOptions{})
	two := f.add(b, "INBOX", text, store.AddOptions{})
	ea, eb := f.box(a, "INBOX").At(0), f.box(b, "INBOX").At(0)
	if ea.Blob != eb.Blob {
		t.Errorf("bodies %d and %d", ea.Blob, eb.Blob)
	}
	erase := func(h *store.Account) store.Swept {
		if _, err := h.Expunge(context.Background(), store.Origin{}, f.box(h, "INBOX"), everything()); err != nil {
			t.Fatal(err)
		}
		s, err := f.Sweep(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := erase(a); s.Bodies != 0 {
		t.Error("a body that is referred to was collected")
	}
	if got := f.read(b, two.Message); got != text {
		t.Error("the other's message changed")
	}
	if s := erase(b); s.Bodies != 1 {
		t.Error("the body was not collected")
	}
	_ = one
	// The next one finds nothing to share and stands by itself.
	three := f.add(a, "INBOX", text, store.AddOptions{})
	if f.read(a, three.Message) != text {
		t.Error("message after collection")
	}
}

func TestBodyCollectedBetweenLookAndCommit(t *testing.T) {
	f := open(t, memkv.New(), store.Options{Recovery: -1})
	h := f.account()
	text := message(1) + strings.Repeat("0123456789abcdef\r\n", 1000)
	f.add(h, "INBOX", text, store.AddOptions{})
	body := f.body(text) // shares the first one's
	if _, err := h.Expunge(context.Background(), store.Origin{}, f.box(h, "INBOX"), everything()); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Sweep(context.Background()); err != nil || s.Bodies != 1 {
		t.Fatal(s, err)
	}
	var a store.Added
	f.update(h, func(tx *store.Tx) (err error) {
		to, _ := tx.ByRole(store.RoleInbox)
		a, err = tx.AddMessage(to, body, store.AddOptions{})
		return err
	})
	if f.read(h, a.Message) != text {
		t.Error("message lost with the body that it shared")
	}
}

func TestDeliverToManyIsOneBodyAndOnce(t *testing.T) {
	f := newFixture(t)
	var to []store.Delivery
	qid := f.NewQueueID()
	for i := range 10 {
		to = append(to, store.Delivery{Account: f.account().ID(), Options: store.AddOptions{
			Queue: qid, Recipient: fmt.Sprintf("u%d@example.org", i), Prepend: []byte(fmt.Sprintf("Delivered-To: u%d@example.org\r\n", i)),
		}})
	}
	to = append(to, store.Delivery{Account: 9999})
	for round := range 2 {
		for i, d := range f.Deliver(context.Background(), store.Origin{Protocol: store.ProtocolLMTP}, f.body(message(7)), to) {
			if i == 10 {
				if !errors.Is(d.Err, store.ErrNoAccount) {
					t.Errorf("unknown account: %v", d.Err)
				}
				continue
			}
			if d.Err != nil || d.Duplicate != (round == 1) {
				t.Errorf("round %d, %d: %+v", round, i, d)
			}
			h := f.handle(to[i].Account)
			if want := string(to[i].Options.Prepend) + message(7); f.read(h, d.Message) != want {
				t.Errorf("account %d has %q", i, f.read(h, d.Message))
			}
			if n := f.box(h, "INBOX").Len(); n != 1 {
				t.Errorf("account %d has %d messages", i, n)
			}
		}
	}
}

func TestThreads(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	thread := func(id, subject, refs string) store.ThreadID {
		text := "Message-ID: <" + id + ">\r\nSubject: " + subject + "\r\n"
		if refs != "" {
			text += "References: " + refs + "\r\n"
		}
		return f.add(h, "INBOX", text+"\r\n.\r\n", store.AddOptions{}).Thread
	}
	a := thread("1@x", "Lunch", "")
	b := thread("2@x", "Re: Lunch", "<1@x>")
	c := thread("3@x", "RE: lunch", "<1@x> <2@x>")
	d := thread("4@x", "Dinner", "<1@x>")
	e := thread("5@x", "Re: Lunch", "")
	if a != b || a != c || d == a || e == a {
		t.Errorf("threads %d %d %d %d %d", a, b, c, d, e)
	}
}

func TestMailboxTree(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	var id store.MailboxID
	f.update(h, func(tx *store.Tx) (err error) {
		id, err = tx.CreateMailbox("work/2026/reports", store.RoleNone)
		return err
	})
	work := f.box(h, "work")
	f.update(h, func(tx *store.Tx) error { return tx.RenameMailbox(work.ID(), "old/job") })
	m, err := h.View().Mailbox(id)
	if err != nil || m.Path() != "old/job/2026/reports" {
		t.Errorf("%v %v", m.Path(), err)
	}
	fails := func(want error, fn func(tx *store.Tx) error) {
		t.Helper()
		if _, err := h.Update(context.Background(), store.Origin{}, fn); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	fails(store.ErrBadName, func(tx *store.Tx) error { return tx.RenameMailbox(work.ID(), "old/job/2026/x") })
	fails(store.ErrExists, func(tx *store.Tx) error { _, err := tx.CreateMailbox("Inbox", 0); return err })
	for _, name := range []string{"", "a//b", "a*", "a%", " a", "a\x00", "a/", strings.Repeat("a/", 30) + "a", "\xff"} {
		fails(store.ErrBadName, func(tx *store.Tx) error { _, err := tx.CreateMailbox(name, 0); return err })
	}
	fails(store.ErrProtected, func(tx *store.Tx) error { i, _ := tx.Lookup("INBOX"); return tx.DeleteMailbox(i) })
	// A mailbox with others below stays as a name; deleting that is refused.
	f.update(h, func(tx *store.Tx) error { return tx.DeleteMailbox(work.ID()) })
	if m := f.box(h, "old/job"); !m.NoSelect() {
		t.Error("a deleted mailbox with inferiors can still be selected")
	}
	fails(store.ErrHasChildren, func(tx *store.Tx) error { return tx.DeleteMailbox(work.ID()) })
	fails(store.ErrNoSelect, func(tx *store.Tx) error {
		_, err := tx.AddMessage(work.ID(), f.body(message(1)), store.AddOptions{})
		return err
	})
}

func TestRevivedMailboxIsANewOne(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	f.update(h, func(tx *store.Tx) error { _, err := tx.CreateMailbox("a/b", store.RoleNone); return err })
	f.add(h, "a", message(1), store.AddOptions{})
	before, below := f.box(h, "a"), f.box(h, "a/b")
	f.update(h, func(tx *store.Tx) error { return tx.DeleteMailbox(before.ID()) })
	f.update(h, func(tx *store.Tx) error { _, err := tx.CreateMailbox("a", store.RoleNone); return err })
	after := f.box(h, "a")
	if after.ID() == before.ID() || after.UIDValidity() <= before.UIDValidity() || after.NoSelect() || after.Len() != 0 {
		t.Errorf("id %d, was %d; UIDVALIDITY %d, was %d", after.ID(), before.ID(), after.UIDValidity(), before.UIDValidity())
	}
	if f.box(h, "a/b").ID() != below.ID() {
		t.Error("the mailbox below is another one")
	}
	f.Close()
	g := open(t, f.engine, store.Options{})
	if m := g.box(g.handle(h.ID()), "a/b"); m.ID() != below.ID() || len(m.View().Mailboxes()) != 8 {
		t.Errorf("after reopening: %d mailboxes", len(m.View().Mailboxes()))
	}
}

func TestRenameInboxMovesItsMessages(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	f.add(h, "INBOX", message(1), store.AddOptions{})
	f.update(h, func(tx *store.Tx) error {
		id, _ := tx.Lookup("INBOX")
		return tx.RenameMailbox(id, "saved")
	})
	if f.box(h, "INBOX").Len() != 0 || f.box(h, "saved").Len() != 1 {
		t.Error("RENAME INBOX")
	}
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	before := h.View()
	boom := errors.New("boom")
	body := f.body(message(1))
	_, err := h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
		to, _ := tx.Lookup("INBOX")
		if _, err := tx.AddMessage(to, body, store.AddOptions{}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || h.View().ModSeq() != before.ModSeq() || f.box(h, "INBOX").Len() != 0 {
		t.Error("a failed update left something", err)
	}
	f.update(h, func(tx *store.Tx) error {
		to, _ := tx.Lookup("INBOX")
		_, err := tx.AddMessage(to, body, store.AddOptions{})
		return err
	})
	if f.box(h, "INBOX").At(0).UID != 1 {
		t.Error("a failed update took a UID")
	}
}

func TestConcurrentUpdatesKeepOrder(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				f.add(h, "INBOX", message(w*1000+i), store.AddOptions{})
			}
		})
	}
	wg.Wait()
	m := f.box(h, "INBOX")
	if m.Len() != 400 || m.UIDNext() != 401 {
		t.Fatalf("%d messages, uidnext %d", m.Len(), m.UIDNext())
	}
	last := store.ModSeq(0)
	for e := range m.All() {
		if e.ModSeq <= last {
			t.Fatalf("UID %d has MODSEQ %d after %d", e.UID, e.ModSeq, last)
		}
		last = e.ModSeq
	}
	changes, more, err := h.Changes(context.Background(), last-10, 0)
	if err != nil || more || len(changes) != 10 {
		t.Errorf("%d changes, %v, %v", len(changes), more, err)
	}
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	engine := memkv.New()
	f := open(t, engine, store.Options{})
	h := f.account()
	for i := range 130 {
		f.add(h, "INBOX", message(i), store.AddOptions{Flags: store.Seen, Keywords: []string{fmt.Sprintf("k%d", i%80)}})
	}
	seed := h.View().Seed()
	f.Close()

	g := open(t, engine, store.Options{})
	h2 := g.handle(h.ID())
	m := g.box(h2, "INBOX")
	if m.Len() != 130 || h2.View().Seed() != seed {
		t.Fatal("lost messages or the seed")
	}
	var kws []string
	for kw := range h2.View().KeywordsOf(m.Entry(79)) {
		kws = append(kws, kw)
	}
	if fmt.Sprint(kws) != "[k78]" {
		t.Errorf("keywords of UID 79: %v", kws)
	}
	a := g.add(h2, "INBOX", message(999), store.AddOptions{})
	if a.UID != 131 || a.Message != 131 {
		t.Errorf("next message: %+v", a)
	}
	if id, ok := seed.ParseEmailID(seed.EmailID(a.Message)); !ok || id != a.Message {
		t.Error("EMAILID does not come back")
	}
}

func TestEraseAccount(t *testing.T) {
	f := open(t, memkv.New(), store.Options{})
	h, other := f.account(), f.account()
	for i := range 5 {
		f.add(h, "INBOX", message(i), store.AddOptions{})
	}
	f.add(other, "INBOX", message(1), store.AddOptions{})
	if err := f.EraseAccount(context.Background(), h.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Account(context.Background(), h.ID()); !errors.Is(err, store.ErrNoAccount) {
		t.Error(err)
	}
	if s, err := f.Sweep(context.Background()); err != nil || s.Bodies != 5 {
		t.Error(s, err)
	}
	if _, err := h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error { _, err := tx.CreateMailbox("x", 0); return err }); err == nil {
		t.Error("an erased account can still be written")
	}
	if f.read(other, f.box(other, "INBOX").At(0).Message) != message(1) {
		t.Error("the other account suffered")
	}
}

func TestOverQuotaIsRefused(t *testing.T) {
	f := newFixture(t)
	id, err := f.CreateAccount(context.Background(), store.AccountOptions{Quota: store.Quota{Octets: uint64(len(message(1)) * 2)}})
	if err != nil {
		t.Fatal(err)
	}
	h := f.handle(id)
	f.add(h, "INBOX", message(1), store.AddOptions{})
	f.add(h, "INBOX", message(2), store.AddOptions{})
	d := f.Deliver(context.Background(), store.Origin{}, f.body(message(3)), []store.Delivery{{Account: id}})
	if !errors.Is(d[0].Err, store.ErrOverQuota) {
		t.Error(d[0].Err)
	}
}

func TestWrittenAheadAndManyAtOnce(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	var bodies []*store.Body
	var texts []string
	for i := range 12 { // together far over what one commit takes
		text := message(i) + strings.Repeat(fmt.Sprintf("%d text that does not shrink %x\r\n", i, i*7919), 30_000)
		texts = append(texts, text)
		b := f.body(text)
		if err := b.Ahead(context.Background()); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, b)
	}
	f.update(h, func(tx *store.Tx) error {
		to, _ := tx.Lookup("INBOX")
		for _, b := range bodies {
			if _, err := tx.AddMessage(to, b, store.AddOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	m := f.box(h, "INBOX")
	for i, text := range texts {
		if f.read(h, m.At(i).Message) != text {
			t.Errorf("message %d differs", i)
		}
	}
	f.clock.add(48 * time.Hour)
	if s, err := f.Sweep(context.Background()); err != nil || s.Bodies != 0 {
		t.Error("live bodies were collected", s, err)
	}
	if f.read(h, m.At(0).Message) != texts[0] {
		t.Error("message after the sweep")
	}
}

func TestBodyThatWasNeverAddedIsCollected(t *testing.T) {
	f := newFixture(t)
	if err := f.body(message(1)).Ahead(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Sweep(context.Background()); err != nil || s.Bodies != 0 {
		t.Error("collected before its time", s, err)
	}
	f.clock.add(25 * time.Hour)
	if s, err := f.Sweep(context.Background()); err != nil || s.Bodies != 1 {
		t.Error("not collected", s, err)
	}
}

func TestLogHasAHorizon(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	f.add(h, "INBOX", message(1), store.AddOptions{})
	old := h.View().ModSeq()
	f.clock.add(91 * 24 * time.Hour)
	f.add(h, "INBOX", message(2), store.AddOptions{})
	if _, err := f.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Changes(context.Background(), old-1, 0); !errors.Is(err, store.ErrTooOld) {
		t.Errorf("changes before the horizon: %v", err)
	}
	if c, _, err := h.Changes(context.Background(), old, 0); err != nil || len(c) != 1 {
		t.Errorf("changes since the horizon: %v %v", c, err)
	}
}

func TestCacheLetsGoOfAccounts(t *testing.T) {
	f := open(t, memkv.New(), store.Options{CacheBytes: 1})
	var ids []store.AccountID
	for i := range 20 {
		id, err := f.CreateAccount(context.Background(), store.AccountOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		d := f.Deliver(context.Background(), store.Origin{}, f.body(message(i)), []store.Delivery{{Account: id}})
		if d[0].Err != nil {
			t.Fatal(d[0].Err)
		}
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				h, err := f.Account(context.Background(), ids[(i*7+w)%len(ids)])
				if err != nil {
					t.Error(err)
					return
				}
				m, _ := h.View().Lookup("INBOX")
				if err := m.Load(context.Background()); err != nil || m.Len() != 1+int(m.UIDNext()-2) {
					t.Error("inbox", m.Len(), m.UIDNext(), err)
				}
				if i%10 == 0 {
					d := f.Deliver(context.Background(), store.Origin{}, f.body(message(i)), []store.Delivery{{Account: h.ID()}})
					if d[0].Err != nil {
						t.Error(d[0].Err)
					}
				}
				h.Close()
			}
		})
	}
	wg.Wait()
}

// TestQueueIDsDiffer takes many ids within one millisecond: a message whose id was
// another's would be answered and dropped as a repetition.
func TestQueueIDsDiffer(t *testing.T) {
	f := newFixture(t)
	const workers, each = 8, 2000
	ids := make([][]store.QueueID, workers)
	var wg sync.WaitGroup
	for w := range ids {
		wg.Go(func() {
			for range each {
				ids[w] = append(ids[w], f.NewQueueID())
			}
		})
	}
	wg.Wait()
	seen := make(map[store.QueueID]bool)
	for _, list := range ids {
		for _, id := range list {
			if seen[id] {
				t.Fatalf("%s was given twice", store.FormatQueueID(id))
			}
			seen[id] = true
		}
	}
}
