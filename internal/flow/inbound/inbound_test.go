package inbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// people is a directory in a map.
type people map[string][]directory.Recipient

func (p people) Mailboxes(ctx context.Context, a addr.Address) (directory.Target, error) {
	return p.Lookup(ctx, a)
}

func (p people) Lookup(_ context.Context, a addr.Address) (directory.Target, error) {
	r, ok := p[a.String()]
	if !ok {
		return directory.Target{}, directory.ErrUnknownUser
	}
	return directory.Target{Recipients: r}, nil
}

type fixture struct {
	*testing.T
	s  *store.Store
	in *Inbound
	p  people

	clock atomic.Int64 // nanoseconds after the beginning
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t, p: people{}}
	now := func() time.Time {
		return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(time.Duration(f.clock.Load()))
	}
	s, err := store.Open(t.Context(), memkv.New(), store.Options{Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f.s = s
	f.in = New(Options{Store: s, Directory: f.p, Host: "mx.example.org", Clock: now})
	return f
}

func (f *fixture) account(name string, quota uint64) directory.Recipient {
	f.Helper()
	id, err := f.s.CreateAccount(f.Context(), store.AccountOptions{Quota: store.Quota{Octets: quota}})
	if err != nil {
		f.Fatal(err)
	}
	r := directory.Recipient{Account: id, Login: name + "@example.org"}
	f.p[r.Login] = []directory.Recipient{r}
	return r
}

func address(t *testing.T, s string) addr.Address {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// envelope asks for every recipient, as a server would.
func (f *fixture) envelope(lmtp bool, to ...string) flow.Envelope {
	f.Helper()
	env := flow.Envelope{
		Session: flow.Session{Peer: netip.MustParseAddr("192.0.2.1"), Hello: "client.example", LMTP: lmtp, Extended: true},
		Mail:    smtpwire.Mail{From: address(f.T, "sender@example.com")},
	}
	for _, name := range to {
		r, err := f.in.Recipient(f.Context(), &env, smtpwire.Rcpt{To: address(f.T, name+"@example.org")})
		if err != nil {
			f.Fatal(err)
		}
		env.Recipients = append(env.Recipients, r)
	}
	return env
}

func (f *fixture) send(env flow.Envelope, text string) (flow.Receipt, error) {
	f.Helper()
	m, err := f.in.Begin(f.Context(), env)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := m.Write([]byte(text)); err != nil {
		return flow.Receipt{}, err
	}
	return m.Commit(f.Context())
}

// inbox returns the texts of an account's messages.
func (f *fixture) inbox(id store.AccountID) []string {
	f.Helper()
	h, err := f.s.Account(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	defer h.Close()
	m, err := h.View().Lookup("INBOX")
	if err != nil {
		f.Fatal(err)
	}
	if err := m.Load(f.Context()); err != nil {
		f.Fatal(err)
	}
	var out []string
	for e := range m.All() {
		msg, err := h.Message(f.Context(), e.Message, 0)
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := msg.CopyRange(f.Context(), &b, 0, msg.Size()); err != nil {
			f.Fatal(err)
		}
		out = append(out, b.String())
	}
	return out
}

const text = "Subject: hello\r\n\r\nHello.\r\n"

func TestTraceStandsBeforeTheMessage(t *testing.T) {
	f := newFixture(t)
	a := f.account("a", 0)
	receipt, err := f.send(f.envelope(false, "a"), text)
	if err != nil || receipt.Failed() != nil {
		t.Fatal(err, receipt)
	}
	want := "Return-Path: <sender@example.com>\r\nDelivered-To: a@example.org\r\n" +
		"Received: from client.example ([192.0.2.1])\r\n\tby mx.example.org with ESMTP id " + store.FormatQueueID(receipt.Queue) +
		"\r\n\tfor <a@example.org>;\r\n\tSun, 22 Nov 2026 09:00:00 +0000\r\n" + text
	if got := f.inbox(a.Account); len(got) != 1 || got[0] != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestRecipientsDoNotLearnOfEachOther(t *testing.T) {
	f := newFixture(t)
	a, b := f.account("a", 0), f.account("b", 0)
	if _, err := f.send(f.envelope(false, "a", "b"), text); err != nil {
		t.Fatal(err)
	}
	for _, r := range []directory.Recipient{a, b} {
		got := f.inbox(r.Account)
		if len(got) != 1 || strings.Contains(got[0], "for <") || strings.Count(got[0], "@example.org\r\n") != 1 {
			t.Errorf("%s: %q", r.Login, got)
		}
	}
}

func TestOneAccountBehindTwoRecipientsGetsOneCopy(t *testing.T) {
	f := newFixture(t)
	a := f.account("a", 0)
	f.p["alias@example.org"] = []directory.Recipient{a}
	if _, err := f.send(f.envelope(false, "a", "alias"), text); err != nil {
		t.Fatal(err)
	}
	if got := f.inbox(a.Account); len(got) != 1 {
		t.Errorf("%d copies", len(got))
	}
}

func TestFullMailbox(t *testing.T) {
	f := newFixture(t)
	a, full := f.account("a", 0), f.account("full", 2000)
	big := text + strings.Repeat("0123456789\r\n", 100)
	if _, err := f.send(f.envelope(false, "full"), big); err != nil {
		t.Fatal(err)
	}
	// SMTP has one answer: nobody gets the message, so that nobody gets it twice
	// when the sender tries again.
	receipt, err := f.send(f.envelope(false, "a", "full"), big)
	if err != nil || !errors.Is(receipt.Errs[1], store.ErrOverQuota) || receipt.Errs[0] == nil {
		t.Errorf("SMTP: %v %v", receipt, err)
	}
	if n := len(f.inbox(a.Account)); n != 0 {
		t.Errorf("SMTP: %d copies of a message that was refused", n)
	}
	// LMTP answers for each.
	receipt, err = f.send(f.envelope(true, "a", "full"), big)
	if err != nil || !errors.Is(receipt.Errs[1], store.ErrOverQuota) || receipt.Errs[0] != nil {
		t.Errorf("LMTP: %v %v", receipt, err)
	}
	if len(f.inbox(a.Account)) != 1 || len(f.inbox(full.Account)) != 1 {
		t.Error("LMTP: copies")
	}
	// A size that is declared is refused before the text is sent, and for good when it could never fit.
	declared := func(size int64) error {
		_, err := f.in.Recipient(t.Context(), &flow.Envelope{Mail: smtpwire.Mail{Size: size}}, smtpwire.Rcpt{To: address(t, "full@example.org")})
		return err
	}
	if err := declared(1500); !errors.Is(err, store.ErrOverQuota) {
		t.Error(err)
	}
	if err := declared(3000); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	// After the grace period senders are told. One message that is taken begins it anew.
	f.clock.Store(f.clock.Load() + int64(3*24*time.Hour))
	receipt, err = f.send(f.envelope(true, "full"), big)
	if err != nil || !errors.Is(receipt.Errs[0], ErrFull) {
		t.Errorf("after three days: %v %v", receipt, err)
	}
	if _, err := f.send(f.envelope(false, "full"), text); err != nil {
		t.Errorf("a small one: %v", err)
	}
	if err := declared(1500); !errors.Is(err, store.ErrOverQuota) {
		t.Errorf("after a small one: %v", err)
	}
}

func TestLoops(t *testing.T) {
	f := newFixture(t)
	f.account("a", 0)
	hop := "Received: from x by y; Sun, 22 Nov 2026 09:00:00 +0000\r\n"
	if _, err := f.send(f.envelope(false, "a"), strings.Repeat(hop, 49)+text); err != nil {
		t.Errorf("49 hops: %v", err)
	}
	if _, err := f.send(f.envelope(false, "a"), strings.Repeat(hop, 50)+text); !errors.Is(err, ErrLoop) {
		t.Errorf("50 hops: %v", err)
	}
	if _, err := f.send(f.envelope(false, "a"), "Subject: x\r\n\r\n"+strings.Repeat(hop, 60)); err != nil {
		t.Errorf("hops in the body: %v", err)
	}
	receipt, err := f.send(f.envelope(false, "a"), "Delivered-To: a@example.org\r\n"+text)
	if err != nil || !errors.Is(receipt.Errs[0], ErrLoop) {
		t.Errorf("delivered before: %v %v", receipt, err)
	}
}

func TestHopsAreCountedHoweverTheyAreCut(t *testing.T) {
	message := "received: a\r\nRECEIVED: b\r\n folded\r\nReceived-SPF: no\r\nX: Received: no\r\nReceived: c\n\r\nReceived: body\r\n"
	for size := 1; size <= len(message); size++ {
		var h hops
		for i := 0; i < len(message); i += size {
			h.write([]byte(message[i:min(i+size, len(message))]))
		}
		if h.n != 3 || !h.done {
			t.Errorf("slices of %d: %d hops", size, h.n)
		}
	}
}

func TestTooManyAccounts(t *testing.T) {
	f := newFixture(t)
	var many []directory.Recipient
	for i := range maxAccounts {
		many = append(many, f.account(fmt.Sprintf("u%d", i), 0))
	}
	f.p["list@example.org"] = many
	env := f.envelope(false, "list")
	if _, err := f.in.Recipient(t.Context(), &env, smtpwire.Rcpt{To: address(t, "u1@example.org")}); !errors.Is(err, ErrTooManyAccounts) {
		t.Error(err)
	}
	receipt, err := f.send(env, text)
	if err != nil || receipt.Failed() != nil {
		t.Error(receipt, err)
	}
	for _, r := range many {
		if n := len(f.inbox(r.Account)); n != 1 {
			t.Errorf("%s has %d copies", r.Login, n)
		}
	}
}

// A queue id that another message had must not make this one a repetition, which
// would be answered and dropped.
func TestTakenQueueID(t *testing.T) {
	f := newFixture(t)
	a := f.account("a", 0)
	send := func(id store.QueueID) error {
		m, err := f.in.Begin(t.Context(), f.envelope(true, "a"))
		if err != nil {
			t.Fatal(err)
		}
		m.id = id
		_, _ = m.Write([]byte(text))
		receipt, err := m.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Failed()
	}
	if err := send(7); err != nil {
		t.Error(err)
	}
	if err := send(7); !errors.Is(err, errIDTaken) {
		t.Errorf("second message of the same id: %v", err)
	}
	if n := len(f.inbox(a.Account)); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	f := newFixture(t)
	a := f.account("a", 0)
	m, err := f.in.Begin(t.Context(), f.envelope(false, "a"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = m.Write([]byte(text))
	m.Abort()
	if len(f.inbox(a.Account)) != 0 {
		t.Error("an aborted message arrived")
	}
}
