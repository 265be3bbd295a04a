package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

type fixture struct {
	*testing.T
	*Recorder
	s   *store.Store
	now time.Time
}

func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	f := &fixture{T: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return f.now }
	s, err := store.Open(t.Context(), memkv.New(), store.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o.Store, o.Clock, f.s = s, clock, s
	f.again(o)
	return f
}

// again is what a restart makes of it.
func (f *fixture) again(o Options) {
	f.Helper()
	o.Store, o.Clock = f.s, func() time.Time { return f.now }
	var err error
	if f.Recorder, err = New(f.Context(), o); err != nil {
		f.Fatal(err)
	}
}

// arrive records the arrival of a message.
func (f *fixture) arrive(from, to string) store.QueueID {
	e := Event{Queue: f.s.NewQueueID(), Stage: Arrived, From: from, To: []Recipient{{Address: to}}, MessageID: "id@" + from, Outcome: "accepted", Size: 100}
	f.Add(e)
	return e.Queue
}

// found are the queue ids that a query finds.
func (f *fixture) found(q Query) (ids []store.QueueID) {
	f.Helper()
	if err := f.Find(f.Context(), q, func(l Life) error { ids = append(ids, l.Queue); return nil }); err != nil {
		f.Fatal(err)
	}
	return ids
}

func (f *fixture) rows() (n int) {
	f.Helper()
	if err := f.s.RowsFrom(f.Context(), store.TraceRows, "", "", 0, func(string, []byte) error { n++; return nil }); err != nil {
		f.Fatal(err)
	}
	return n
}

// What is asked for is found, the newest first, and nothing else.
func TestFind(t *testing.T) {
	f := newFixture(t, Options{})
	var ids []store.QueueID
	for i := range 6 {
		ids = append(ids, f.arrive(fmt.Sprintf("bob%d@example.com", i%2), fmt.Sprintf("Anna%d@Example.org", i%3)))
		f.now = f.now.Add(time.Hour)
	}
	f.Add(Event{Queue: ids[4], Stage: Refused, Refusals: []Refusal{{Stage: "RCPT", To: "nobody@example.org", Reply: "550 5.1.1 no"}}})
	f.Add(Event{Queue: ids[2], Stage: Told, Outcome: "relayed"}) // no failure
	f.Add(Event{Queue: ids[5], Stage: Delivered, Copies: []Copy{{Account: 7, Login: "carl@example.net", Message: 1}}})
	at := func(list ...int) (out []store.QueueID) {
		for _, i := range list {
			out = append(out, ids[i])
		}
		return out
	}
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		q    Query
		want []store.QueueID
	}{
		{Query{}, at(5, 4, 3, 2, 1, 0)},
		{Query{Limit: 2}, at(5, 4)},
		{Query{Text: store.FormatQueueID(ids[3])}, at(3)},
		{Query{Text: "0000000000000"}, nil},
		{Query{Text: "<id@bob1@example.com>"}, at(5, 3, 1)},
		{Query{Text: "bob0@EXAMPLE.com"}, at(4, 2, 0)},
		{Query{Text: "anna1@example.org"}, at(4, 1)},
		{Query{Text: "example.org", Limit: 3}, at(5, 4, 3)},
		{Query{Text: "@example.com"}, at(5, 4, 3, 2, 1, 0)},
		{Query{Text: "nobody@example.org"}, at(4)},
		{Query{Text: "carl@example.net"}, at(5)},
		{Query{Text: "example.net"}, at(5)},
		{Query{Text: "example"}, nil},
		{Query{Text: "*"}, nil},
		{Query{From: "bob0@example.com", To: "anna2@example.org"}, at(2)},
		{Query{From: "anna2@example.org"}, nil},
		{Query{To: "example.com"}, nil},
		{Query{Text: "example.org", From: "bob1@example.com", Since: began.Add(time.Hour)}, at(5, 3, 1)},
		{Query{Since: began.Add(time.Hour), Until: began.Add(3 * time.Hour)}, at(2, 1)},
		{Query{Text: "example.org", Until: began.Add(time.Hour)}, at(0)},
		{Query{Since: began.Add(30 * time.Minute), Until: began.Add(40 * time.Minute)}, nil},
		{Query{Failed: true}, at(4)},
		{Query{Failed: true, Text: "bob1@example.com"}, nil},
	} {
		if got := f.found(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
	if err := f.Find(t.Context(), Query{}, func(Life) error { return errors.New("enough") }); err == nil {
		t.Error("an error of the caller is lost")
	}
}

// All lives are found by a walk over more rows than one page has, whatever their length.
func TestFindPages(t *testing.T) {
	f := newFixture(t, Options{})
	var want []store.QueueID
	for i := range 200 {
		id := f.arrive("bob@example.com", "anna@example.org")
		for range i % 60 {
			f.now = f.now.Add(time.Millisecond)
			f.Add(Event{Queue: id, Stage: Handled, Why: "held"})
		}
		want = append(want, id)
		f.Flush(t.Context())
	}
	slices.Reverse(want)
	if got := f.found(Query{Limit: 1000}); !slices.Equal(got, want) {
		t.Errorf("%d lives, want %d", len(got), len(want))
	}
	for i, id := range want {
		l, ok, err := f.Life(t.Context(), id)
		if n := (len(want)-1-i)%60 + 1; err != nil || !ok || len(l.Events) != n {
			t.Fatalf("life %d: %d events, want %d: %v", i, len(l.Events), n, err)
		}
	}
}

// A message has so many events, and those that end something find room to the last.
func TestLongLife(t *testing.T) {
	f := newFixture(t, Options{})
	id := f.arrive("bob@example.com", "anna@example.org")
	try := func(state string, n int) {
		f.now = f.now.Add(time.Minute)
		f.Add(Event{Queue: id, Stage: Tried, To: []Recipient{{Address: "anna@example.org"}}, Attempt: &Attempt{State: state, Number: n}})
		f.Flush(t.Context())
	}
	for n := range 2 * maxLife {
		try("waiting", n)
		if n == 100 {
			f.again(Options{}) // it counts the rows
		}
	}
	try("failed", 0)
	l, _, err := f.Life(t.Context(), id)
	if err != nil || len(l.Events) != maxLife/4*3+1 || l.Events[len(l.Events)-1].Attempt.State != "failed" {
		t.Errorf("%d events, %v", len(l.Events), err)
	}
	for range maxLife {
		try("failed", 0)
	}
	if l, _, _ := f.Life(t.Context(), id); len(l.Events) != maxLife {
		t.Errorf("%d events", len(l.Events))
	}
}

// Recipients of one attempt that fared alike are one event.
func TestJoin(t *testing.T) {
	f := newFixture(t, Options{})
	id := f.arrive("bob@example.com", "anna@example.org")
	for i := range 3 * maxRecipients {
		reply := "250 ok"
		if i == 70 {
			reply = "550 no"
		}
		f.Add(Event{Queue: id, Stage: Tried, To: []Recipient{{Address: fmt.Sprintf("a%d@example.net", i)}}, Attempt: &Attempt{State: "relayed", Reply: reply}})
	}
	l, _, err := f.Life(t.Context(), id)
	if err != nil || len(l.Events) != 4 {
		t.Fatalf("%+v, %v", l.Events, err)
	}
	n := 0
	for _, e := range l.Events[1:] {
		if len(e.To) > maxRecipients {
			t.Errorf("%d recipients", len(e.To))
		}
		n += len(e.To) + e.More
	}
	if n != 3*maxRecipients {
		t.Errorf("%d recipients in all", n)
	}
}

// What strangers say is cut and made harmless, and no row is longer than it may be.
func TestBounds(t *testing.T) {
	f := newFixture(t, Options{})
	long := strings.Repeat("\x1b[31m\xff\"<é", 10_000)
	e := Event{Queue: f.s.NewQueueID(), Stage: Arrived, Client: &Client{Hello: clip(long, maxText)}, From: clip(long, maxText)}
	for range 1000 {
		e.To = append(e.To, Recipient{clip(long, maxText), clip(long, maxText)})
		e.Checks = append(e.Checks, Check{Reason: clip(long, maxText)})
		e.Refusals = append(e.Refusals, Refusal{Reply: clip(long, maxReply)})
		e.Copies = append(e.Copies, Copy{Login: clip(long, maxText)})
	}
	f.Add(e)
	f.Flush(t.Context())
	n := 0
	err := f.s.RowsFrom(t.Context(), store.TraceRows, "e", "f", 0, func(_ string, value []byte) error {
		if n++; len(value) > maxEvent || bytes.IndexByte(value, 0x1b) >= 0 || bytes.IndexByte(value, 0xff) >= 0 {
			t.Errorf("%d octets: %q", len(value), value[:200])
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	if l, ok, err := f.Life(t.Context(), e.Queue); err != nil || !ok || l.Events[0].More+len(l.Events[0].To) != 1000 {
		t.Errorf("%+v, %v", l, err)
	}
}

// Days go by, and mail comes at random: what is kept is not too old, not too much, and all of what it says of itself.
func TestKeeping(t *testing.T) {
	const limit = 200_000
	f := newFixture(t, Options{Keep: 48 * time.Hour, Max: limit})
	var came []store.QueueID
	for i := range 600 {
		for range (i * 7) % 11 {
			came = append(came, f.arrive("bob@example.com", fmt.Sprintf("a%d@example.org", i)))
		}
		f.now = f.now.Add(17 * time.Minute)
		if i%5 == 0 {
			f.Flush(t.Context())
		}
		if i%50 == 0 {
			if err := f.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.again(Options{Keep: 48 * time.Hour, Max: limit})
		}
	}
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := f.found(Query{Limit: len(came)})
	slices.Reverse(got)
	if len(got) == 0 || !slices.Equal(got, came[len(came)-len(got):]) {
		t.Fatalf("%d of %d are left, and not the last ones", len(got), len(came))
	}
	if oldest := timeOf(got[0]); f.now.Sub(oldest) > 49*time.Hour {
		t.Errorf("the oldest is of %v", oldest)
	}
	var octets uint64
	err := f.s.RowsFrom(t.Context(), store.TraceRows, "", "", 0, func(name string, value []byte) error {
		if name[0] != 's' {
			octets += uint64(len(name) + len(value))
		}
		return nil
	})
	if total := f.Recorder.rows.total; err != nil || octets != total || octets > limit+20_000 {
		t.Errorf("%d octets, it says %d: %v", octets, total, err)
	}
	f.now = f.now.Add(72 * time.Hour)
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.rows(); n != 0 || f.Recorder.rows.total != 0 {
		t.Errorf("%d rows are left when all are too old", n)
	}
}

// One hour that is too much by itself does not grow, and does not take what comes later.
func TestFullHour(t *testing.T) {
	f := newFixture(t, Options{Max: 50_000})
	for range 2000 {
		f.arrive("bob@example.com", "anna@example.org")
		f.now = f.now.Add(time.Millisecond)
		if len(f.mu.events) > 20 {
			f.Flush(t.Context())
		}
	}
	if total := f.Recorder.rows.total; total < 50_000 || total > 80_000 {
		t.Errorf("%d octets", total)
	}
	f.Flush(t.Context())
	f.now = f.now.Add(time.Hour)
	last := f.arrive("bob@example.com", "anna@example.org")
	if got := f.found(Query{}); !slices.Equal(got, []store.QueueID{last}) {
		t.Errorf("in the next hour there are %d", len(got))
	}
}

// Who only tries doors is written down so often, by network and in all; others are not.
func TestCrowd(t *testing.T) {
	f := newFixture(t, Options{})
	refuse := func(from string) {
		f.Add(Event{Queue: f.s.NewQueueID(), Stage: Refused, Client: &Client{Address: from}, Refusals: []Refusal{{Stage: "RCPT", Reply: "550 no"}}})
		f.Flush(t.Context())
	}
	for range 1000 {
		refuse("192.0.2.7")
	}
	refuse("198.51.100.1")
	if n := len(f.found(Query{Limit: 5000})); n < crowdBurst || n > crowdBurst+2 {
		t.Errorf("%d refusals are written down", n)
	}
	for i := range 3 * maxRefused {
		f.Add(Event{Queue: f.s.NewQueueID(), Stage: Refused, Client: &Client{Address: fmt.Sprintf("10.%d.%d.1", i/256, i%256)}})
		if i%flushAt == 0 {
			f.Flush(t.Context())
		}
	}
	if n := len(f.found(Query{Limit: 4 * maxRefused})); n > maxRefused {
		t.Errorf("%d refusals are written down in an hour", n)
	}
	if id := f.arrive("bob@example.com", "anna@example.org"); len(f.found(Query{Text: store.FormatQueueID(id)})) != 1 {
		t.Error("a message is not written down after that")
	}
}

// More than the buffer holds is left out, and nobody waits.
func TestBuffer(t *testing.T) {
	f := newFixture(t, Options{})
	for range 2 * maxBuffer {
		f.arrive("bob@example.com", "anna@example.org")
	}
	if n := len(f.found(Query{Limit: 4 * maxBuffer})); n != maxBuffer {
		t.Errorf("%d events", n)
	}
}

// Events are written within a second, or as soon as there are many; nothing wakes an idle server.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // owner: below
			defer close(ended)
			f.Recorder.Run(ctx)
		}()
		f.arrive("bob@example.com", "anna@example.org")
		synctest.Wait()
		if f.rows() != 0 {
			t.Error("it is written at once")
		}
		<-time.After(flushAfter)
		synctest.Wait()
		if f.rows() == 0 {
			t.Error("it is not written after a second")
		}
		for range flushAt + 2 {
			f.arrive("bob@example.com", "anna@example.org")
		}
		synctest.Wait()
		if f.rows() < flushAt {
			t.Error("many are not written at once")
		}
		cancel()
		<-ended
	})
}

// An account that is erased leaves nothing of itself behind, and the lives of others' mail stay.
func TestForget(t *testing.T) {
	f := newFixture(t, Options{})
	sent := f.s.NewQueueID()
	f.Add(Event{
		Queue: sent, Stage: Submitted, From: "anna@example.org", To: []Recipient{{Address: "carl@example.net"}},
		Client: &Client{Address: "192.0.2.1", Hello: "annas-laptop", With: "ESMTPSA", Account: 7, Login: "anna@example.org", Device: "laptop"},
		Copies: []Copy{{Account: 7, Login: "anna@example.org", Message: 3, Sent: true}},
	})
	f.Add(Event{Queue: sent, Stage: Tried, Attempt: &Attempt{State: "failed", Reply: "550 <Anna@Example.ORG> may not write to us"}})
	got := f.arrive("bob@example.com", "info@example.org")
	f.Add(Event{Queue: got, Stage: Delivered, Copies: []Copy{{Account: 7, Login: "anna@example.org", Message: 4}, {Account: 8, Login: "ben@example.org", Message: 1}}})
	f.Flush(t.Context())
	for range 2 {
		if err := f.Forget(t.Context(), 7, "anna@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if ids := f.found(Query{Text: "anna@example.org"}); ids != nil {
		t.Errorf("she is found in %v", ids)
	}
	err := f.s.RowsFrom(t.Context(), store.TraceRows, "", "", 0, func(name string, value []byte) error {
		for _, word := range []string{"anna", "laptop", "192.0.2.1"} {
			if strings.Contains(strings.ToLower(string(value)), word) {
				t.Errorf("%q: %s", word, value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if ids := f.found(Query{Text: "ben@example.org"}); !slices.Equal(ids, []store.QueueID{got}) {
		t.Errorf("ben's mail: %v", ids)
	}
	if ids := f.found(Query{Text: "carl@example.net"}); !slices.Equal(ids, []store.QueueID{sent}) {
		t.Errorf("carl's mail: %v", ids)
	}
}

// A nil Recorder is one that remembers nothing.
func TestOff(t *testing.T) {
	var r *Recorder
	r.Add(Event{Queue: 1})
	r.Run(t.Context())
	r.Flush(t.Context())
	err := errors.Join(r.Sweep(t.Context()), r.Forget(t.Context(), 1, "a"), r.Find(t.Context(), Query{}, nil))
	if _, ok, lerr := r.Life(t.Context(), 1); err != nil || ok || lerr != nil {
		t.Error(err, lerr)
	}
}
