package submission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// fixture is a submission server's backend, with an account that may send as u1@demo.test, at a time of its own.
type fixture struct {
	*testing.T
	s   *store.Store
	sub *Submission
	now time.Time
	id  directory.Identity
}

// MaySend implements Directory.
func (f *fixture) MaySend(_ context.Context, _ directory.Identity, a addr.Address) (bool, error) {
	return a.String() == "u1@demo.test", nil
}

// SavesSent implements Directory.
func (f *fixture) SavesSent(context.Context, directory.Identity) (bool, error) { return true, nil }

func newFixture(t *testing.T, l Limits) *fixture {
	f := &fixture{T: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	var err error
	if f.s, err = store.Open(t.Context(), memkv.New(), store.Options{Clock: f.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.s.Close() })
	f.id.Login = "u1@demo.test"
	if f.id.Account, err = f.s.CreateAccount(t.Context(), store.AccountOptions{}); err != nil {
		t.Fatal(err)
	}
	f.restart(l)
	return f
}

// restart forgets what is in memory.
func (f *fixture) restart(l Limits) {
	f.sub = New(Options{Store: f.s, Directory: f, Front: &queue.Front{Store: f.s, Clock: f.clock}, Host: "mail.demo.test", Limits: l, Clock: f.clock})
}

func (f *fixture) clock() time.Time { return f.now }

// send submits a text in pieces to recipients.
func (f *fixture) send(pieces [][]byte, to ...string) error {
	f.Helper()
	env := flow.Envelope{Session: flow.Session{Identity: f.id, Extended: true}, Mail: smtpwire.Mail{From: f.id.Address()}}
	if err := f.sub.Sender(f.Context(), &env); err != nil {
		return err
	}
	for _, text := range to {
		a, err := addr.Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		r, err := f.sub.Recipient(f.Context(), &env, smtpwire.Rcpt{To: a})
		if err != nil {
			return err
		}
		env.Recipients = append(env.Recipients, r)
	}
	m, err := f.sub.Begin(f.Context(), env)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if _, err := m.Write(p); err != nil {
			m.Abort()
			return err
		}
	}
	_, err = m.Commit(f.Context())
	return err
}

// last is the text of what came into the queue last, without what stands before it.
func (f *fixture) last() (text string) {
	f.Helper()
	err := f.s.Queue(f.Context(), 0, func(q *store.Queued) error {
		var b bytes.Buffer
		err := f.s.QueuedText(q).CopyRange(f.Context(), &b, int64(len(q.Prepend)), q.Size()-int64(len(q.Prepend)))
		text = b.String()
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return text
}

const letter = "Bcc: x@y.z\r\nFrom: u1@demo.test\r\nDate: then\r\nMessage-ID: <x@y>\r\nSubject: s\r\n\r\nHello.\r\n\r\nBcc: here it is text\r\n"

// TestCut: wherever the octets are cut, the message is the same.
func TestCut(t *testing.T) {
	f := newFixture(t, Limits{})
	_, want, _ := strings.Cut(letter, "\r\n")
	for at := range len(letter) {
		if err := f.send([][]byte{[]byte(letter[:at]), []byte(letter[at:])}, "u2@demo.test"); err != nil {
			t.Fatal(err)
		}
		if got := f.last(); got != want {
			t.Fatalf("cut at %d: %q", at, got)
		}
	}
	var each [][]byte
	for i := range len(letter) {
		each = append(each, []byte{letter[i]})
	}
	if err := f.send(each, "u2@demo.test"); err != nil || f.last() != want {
		t.Errorf("one by one: %q, %v", f.last(), err)
	}
}

// TestOddHeaders: headers that end early, late or never.
func TestOddHeaders(t *testing.T) {
	f := newFixture(t, Limits{})
	for _, c := range []struct{ name, text, want string }{
		{"no body", "From: u1@demo.test\r\nDate: then\r\nMessage-ID: <x@y>\r\n", "From: u1@demo.test\r\nDate: then\r\nMessage-ID: <x@y>\r\n\r\n"},
		{"no line end either", "From: u1@demo.test\r\nDate: then\r\nMessage-ID: <x@y>", "From: u1@demo.test\r\nDate: then\r\nMessage-ID: <x@y>\r\n\r\n"},
		{"no header", "\r\nHello.\r\n", "From: <u1@demo.test>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\nMessage-ID: <ID@mail.demo.test>\r\n\r\nHello.\r\n"},
		{"nothing", "", "From: <u1@demo.test>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\nMessage-ID: <ID@mail.demo.test>\r\n\r\n"},
	} {
		if err := f.send([][]byte{[]byte(c.text)}, "u2@demo.test"); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := f.last()
		if _, id, ok := strings.Cut(got, "Message-ID: <"); ok && strings.Contains(c.want, "<ID@") {
			id, _, _ = strings.Cut(id, "@")
			got = strings.Replace(got, id, "ID", 1)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	long := bytes.Repeat([]byte("X-Long: "+strings.Repeat("x", 990)+"\r\n"), maxHeader/1000)
	if err := f.send([][]byte{[]byte("From: u1@demo.test\r\n"), long, []byte("\r\nHello.\r\n")}, "u2@demo.test"); err != nil {
		t.Errorf("a header of %d octets: %v", len(long), err)
	}
	if err := f.send([][]byte{long, long, long}, "u2@demo.test"); !errors.Is(err, ErrHeader) {
		t.Errorf("a header without end: %v", err)
	}
	for _, from := range []string{"u2@demo.test", "u1@demo.test, u2@demo.test", "u1@demo.test\r\nFrom: u2@demo.test", "<u1@>", ""} {
		if err := f.send([][]byte{[]byte("From: " + from + "\r\n\r\nHello.\r\n")}, "u2@demo.test"); !errors.Is(err, ErrNotYours) {
			t.Errorf("From: %s: %v", from, err)
		}
	}
}

// TestLimits: so much a day, over restarts, and all of it again tomorrow.
func TestLimits(t *testing.T) {
	limits := Limits{Messages: 5, Strangers: 3}
	f := newFixture(t, limits)
	text := [][]byte{[]byte("Subject: s\r\n\r\nHello.\r\n")}
	want := func(is error, to ...string) {
		t.Helper()
		if err := f.send(text, to...); !errors.Is(err, is) {
			t.Errorf("to %v: %v, want %v", to, err, is)
		}
	}
	want(nil, "a@x.test", "b@x.test")
	want(nil, "a@x.test", "b@x.test") // no strangers any more
	want(nil, "c@x.test")
	want(ErrTooMany, "d@x.test")
	f.restart(limits)
	want(ErrTooMany, "d@x.test")
	want(nil, "a@x.test", "c@x.test")
	want(nil, "b@x.test")
	want(ErrTooMany, "a@x.test")
	f.restart(limits)
	want(ErrTooMany, "a@x.test")
	f.now = f.now.Add(15 * time.Hour) // midnight
	want(nil, "d@x.test", "e@x.test", "f@x.test")
	want(ErrTooMany, "g@x.test")
	f.restart(Limits{Messages: -1, Strangers: -1})
	for i := range 20 {
		want(nil, fmt.Sprintf("n%d@x.test", i))
	}
}
