package inbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"restante/internal/base/dns/dnstest"
	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/flow/forward"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/arc"
	"restante/internal/trust/dkim"
	"restante/internal/trust/dmarc"
)

// abroad is a directory whose addresses lead outside, too.
type abroad struct {
	people
	outside map[string][]addr.Address
}

func (d abroad) Lookup(ctx context.Context, a addr.Address) (directory.Target, error) {
	t, err := d.people.Lookup(ctx, a)
	if out := d.outside[a.String()]; out != nil {
		t.Outside, err = out, nil
	}
	t.Name = a
	return t, err
}

func (d abroad) Hosts(_ context.Context, domain addr.Domain) (bool, error) {
	return domain == "example.org", nil
}

// sendsOn lets a fixture send mail on; to are "name outside outside".
func (f *fixture) sendsOn(to ...string) {
	f.Helper()
	d := abroad{f.p, make(map[string][]addr.Address)}
	for _, line := range to {
		words := strings.Fields(line)
		for _, word := range words[1:] {
			name := words[0] + "@example.org"
			d.outside[name] = append(d.outside[name], address(f.T, word))
		}
	}
	f.in.opts.Directory = d
	f.in.opts.Forward = forward.New(forward.Options{Store: f.s, Front: &queue.Front{Store: f.s, Clock: f.in.opts.Clock}, Domains: d, Clock: f.in.opts.Clock})
}

// queued shows the queue.
func (f *fixture) queued() string {
	f.Helper()
	var b strings.Builder
	err := f.s.Queue(f.Context(), 0, func(q *store.Queued) error {
		fmt.Fprintf(&b, "from %s", q.Mail.From.Path())
		for i := range q.Recipients {
			r := &q.Recipients[i]
			fmt.Fprintf(&b, " to %s for %s", r.To, r.Source)
		}
		fmt.Fprintf(&b, "\n%s", q.Prepend)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return b.String()
}

func TestSentOn(t *testing.T) {
	f := newFixture(t)
	a := f.account("a", 0)
	f.sendsOn("a x@far.example", "b x@far.example y@far.example", "c z@far.example")
	receipt, err := f.send(f.envelope(false, "a", "b"), text)
	if err != nil || receipt.Failed() != nil || len(f.inbox(a.Account)) != 1 {
		t.Fatal(err, receipt)
	}
	id, came := store.FormatQueueID(receipt.Queue), "\r\n\tby mx.example.org with ESMTP id "
	got := f.queued()
	for _, want := range []string{"=example.com=sender@example.org> to x@far.example for a@example.org\n", "@example.org> to y@far.example for b@example.org\n",
		"Delivered-To: a@example.org\r\nReceived: from client.example ([192.0.2.1])" + came + id} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Count(got, "x@far.example") != 1 {
		t.Errorf("it goes there twice:\n%s", got)
	}
	// It comes back: it is not sent on again, and nobody else gets it.
	if receipt, err := f.send(f.envelope(false, "a", "c"), "Delivered-To: c@example.org\r\n"+text); err != nil || !errors.Is(receipt.Failed(), ErrLoop) || len(f.inbox(a.Account)) != 1 {
		t.Error(err, receipt)
	}
	// By LMTP each has his own answer.
	if receipt, err := f.send(f.envelope(true, "a", "c"), "Delivered-To: c@example.org\r\n"+text); err != nil || receipt.Errs[0] != nil || !errors.Is(receipt.Errs[1], ErrLoop) {
		t.Error(err, receipt)
	}
}

// When one recipient cannot get it, nothing is sent on either: the client comes again.
func TestAllOrNothing(t *testing.T) {
	f := newFixture(t)
	f.account("full", 10)
	f.sendsOn("b x@far.example")
	receipt, err := f.send(f.envelope(false, "full", "b"), text+strings.Repeat("x", 1000))
	if err != nil || receipt.Errs[0] == nil || receipt.Errs[1] == nil || f.queued() != "" {
		t.Errorf("%v %v\n%s", err, receipt.Errs, f.queued())
	}
}

func TestReports(t *testing.T) {
	f := newFixture(t)
	f.sendsOn("b x@far.example")
	if _, err := f.send(f.envelope(false, "b"), text); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(strings.Split(f.queued(), ">")[0], "from <")
	env := flow.Envelope{}
	r, err := f.in.Recipient(t.Context(), &env, smtpwire.Rcpt{To: address(t, strings.ToLower(path))})
	if err != nil || len(r.Outside) != 1 || r.Outside[0].String() != "sender@example.com" {
		t.Fatalf("%+v %v", r, err)
	}
	env.Recipients = []flow.Recipient{r}
	if receipt, err := f.send(env, text); err != nil || receipt.Failed() != nil || !strings.Contains(f.queued(), "from <> to sender@example.com") {
		t.Errorf("%v %v\n%s", err, receipt, f.queued())
	}
	for _, row := range []struct {
		from, to string
		want     error
	}{
		{"me@example.com", path, ErrReportsOnly},
		{"", strings.Replace(path, "=example.com=", "=victim.example=", 1), directory.ErrUnknownUser},
		{"", "SRS0=AAAAAA@example.org", directory.ErrUnknownUser},
		{"", "SRS1=AAAAAA=far.example==AAAAAA=AA=example.com=u@example.org", directory.ErrUnknownUser},
	} {
		env := flow.Envelope{}
		if row.from != "" {
			env.Mail.From = address(t, row.from)
		}
		if _, err := f.in.Recipient(t.Context(), &env, smtpwire.Rcpt{To: address(t, row.to)}); !errors.Is(err, row.want) {
			t.Errorf("from %q to %s: %v, want %v", row.from, row.to, err, row.want)
		}
	}
	f.clock.Add(int64(22 * 24 * 60 * 60 * 1e9))
	if _, err := f.in.Recipient(t.Context(), &flow.Envelope{}, smtpwire.Rcpt{To: address(t, path)}); !errors.Is(err, directory.ErrUnknownUser) {
		t.Errorf("three weeks later: %v", err)
	}
}

// Junk is not sent on: it stays in Junk, or its sender hears that nobody takes it.
func TestJunkStaysHere(t *testing.T) {
	at := []addr.Address{address(t, "x@far.example")}
	me := []flow.Account{{ID: 1, Login: "a@example.org"}}
	for _, row := range []struct {
		to   flow.Recipient
		v    flow.Verdict
		want error
		goes int
	}{
		{flow.Recipient{Accounts: me, Outside: at}, flow.Verdict{}, nil, 1},
		{flow.Recipient{Accounts: me, Outside: at}, flow.Verdict{Junk: true}, nil, 0},
		{flow.Recipient{Outside: at}, flow.Verdict{Junk: true, Why: "so"}, ErrNotSentOn, 0},
		{flow.Recipient{Accounts: me, Later: me}, flow.Verdict{Junk: true}, store.ErrOverQuota, 0},
		{flow.Recipient{Accounts: me}, flow.Verdict{Junk: true}, nil, 0},
		{flow.Recipient{Accounts: me, Copies: at}, flow.Verdict{}, nil, 1},
		{flow.Recipient{Accounts: me, Copies: at}, flow.Verdict{Junk: true}, nil, 0},
		{flow.Recipient{Accounts: me, Outside: at, Copies: at}, flow.Verdict{}, nil, 1}, // once
	} {
		r := flow.Received{Envelope: flow.Envelope{Recipients: []flow.Recipient{row.to}}}
		v := restrain(&r, row.v, Policy{})
		if !errors.Is(v.Refuse, row.want) || len(forwards(&r, &v)) != row.goes {
			t.Errorf("%+v: %+v, %+v", row.to, v, forwards(&r, &v))
		}
	}
}

// What claims an author of the forwarding domain and is not his does not get that domain's good name.
func TestNamesAreNotBorrowed(t *testing.T) {
	me := []flow.Account{{ID: 1, Login: "a@example.org"}}
	for _, row := range []struct {
		author addr.Domain
		status dmarc.Status
		here   bool
		want   error
		goes   int
	}{
		{"example.org", dmarc.Fail, true, nil, 0},
		{"news.example.org", dmarc.Fail, true, nil, 0},
		{"example.org", dmarc.Fail, false, ErrNotSentOn, 0},
		{"example.org", dmarc.Pass, false, nil, 1},
		{"example.org", dmarc.None, false, nil, 1},
		{"example.com", dmarc.Fail, false, nil, 1}, // its domain has not asked for anything, and is not borrowed
	} {
		to := flow.Recipient{Name: address(t, "a@example.org"), Outside: []addr.Address{address(t, "x@far.example")}}
		if row.here {
			to.Accounts = me
		}
		r := flow.Received{Envelope: flow.Envelope{Recipients: []flow.Recipient{to}}}
		r.DMARC = []dmarc.Result{{Author: row.author, Status: row.status}}
		v := restrain(&r, flow.Verdict{}, Policy{})
		if !errors.Is(v.Refuse, row.want) || len(forwards(&r, &v)) != row.goes {
			t.Errorf("%+v: %+v", row, v)
		}
	}
}

// What is sent on is sealed, and the next host finds what we have found.
func TestSealed(t *testing.T) {
	f := newFixture(t)
	key, err := dkim.Generate("example.org", "s", dkim.RSA)
	if err != nil {
		t.Fatal(err)
	}
	name, record, err := key.DNS()
	if err != nil {
		t.Fatal(err)
	}
	z := dnstest.New(t, zone+name+" TXT "+record+"\n")
	f.in.opts.Check = check.New(check.Options{Resolver: z, DMARC: true, ARC: true})
	f.sendsOn("b x@far.example", "c x@far.example")
	f.in.opts.Forward = forward.New(forward.Options{Store: f.s, Front: &queue.Front{Store: f.s, Clock: f.in.opts.Clock}, Domains: abroad{}, Keys: oneKey{&key}, Host: "mx.example.org", Clock: f.in.opts.Clock})
	send := func(to, text string) string {
		receipt, err := f.send(f.envelope(false, to), text)
		if err != nil || receipt.Failed() != nil {
			t.Fatal(err, receipt)
		}
		q, err := f.s.Queued(t.Context(), receipt.Queue)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		octets := f.s.QueuedText(q)
		if err := octets.CopyRange(t.Context(), &b, 0, octets.Size()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	verify := func(text string) arc.Result {
		var v dkim.Verifier
		arc.Watch(&v)
		_, _ = v.Write([]byte(text))
		return arc.Verify(t.Context(), &v, z, f.in.opts.Clock())
	}
	const letter = "From: me@example.com\r\nSubject: x\r\nAuthentication-Results: mx.example.org; dkim=pass header.d=bank.example\r\n\r\nHello.\r\n"
	first := send("b", letter)
	got := verify(first)
	if got.Status != arc.Pass || len(got.Sets) != 1 || got.Sets[0].Sealer != "example.org" || strings.Contains(first, "bank") {
		t.Errorf("%+v of\n%s", got, first)
	}
	if who, ok := got.Vouched("example.com", []addr.Domain{"example.org"}); !ok || who != "example.org" {
		t.Errorf("%+v", got)
	}
	again := verify(send("c", first))
	if again.Status != arc.Pass || len(again.Sets) != 2 || !strings.Contains(again.Sets[1].Results, "arc=pass (1 sealed, last example.org)") {
		t.Errorf("%+v", again)
	}
}

// oneKey is the key of every domain.
type oneKey struct{ key *dkim.Key }

func (k oneKey) Sealing(context.Context, addr.Domain) (*dkim.Key, error) { return k.key, nil }

// One of many who has no room gets his copy when he has; the others do not wait.
func TestOneOfManyIsFull(t *testing.T) {
	for _, told := range []int64{0, 200} {
		t.Run(fmt.Sprint(told), func(t *testing.T) { testOneOfManyIsFull(t, told) })
	}
}

func testOneOfManyIsFull(t *testing.T, told int64) {
	f := newFixture(t)
	a, full := f.account("a", 0), f.account("full", 100)
	f.p["all@example.org"] = []directory.Recipient{a, full}
	f.sendsOn()
	env := f.envelope(false)
	env.Mail.Size = told
	text := text + strings.Repeat("x", 150)
	r, err := f.in.Recipient(t.Context(), &env, smtpwire.Rcpt{To: address(t, "all@example.org")})
	if err != nil || told > 0 && (len(r.Accounts) != 1 || len(r.Later) != 1) {
		t.Fatalf("%+v %v", r, err)
	}
	env.Recipients = []flow.Recipient{r}
	if receipt, err := f.send(env, text); err != nil || receipt.Failed() != nil || len(f.inbox(a.Account)) != 1 {
		t.Fatal(err, receipt)
	}
	if got := f.queued(); !strings.HasPrefix(got, "from <sender@example.com> to full@example.org for all@example.org\nReceived: ") {
		t.Errorf("%s", got)
	}
	if _, err := f.in.Recipient(t.Context(), &env, smtpwire.Rcpt{To: address(t, "full@example.org")}); told > 0 && !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	// The queue brings it, as soon as there is room.
	var q *store.Queued
	_ = f.s.Queue(t.Context(), 0, func(m *store.Queued) error { q = m; return nil })
	if out := f.in.Carry(t.Context(), queue.Attempt{Message: q, To: []int{0}, Text: f.s.QueuedText(q)}); out[0].State != store.QueueWaiting && out[0].State != store.QueueFailed {
		t.Errorf("%+v", out)
	}
	f.grow(full.Account)
	if out := f.in.Carry(t.Context(), queue.Attempt{Message: q, To: []int{0}, Text: f.s.QueuedText(q)}); out[0].State != store.QueueDelivered || len(out[0].Also) != 0 {
		t.Errorf("%+v", out)
	}
	if got := f.inbox(full.Account); len(got) != 1 || !bytes.HasPrefix([]byte(got[0]), []byte("Return-Path: <sender@example.com>\r\nDelivered-To: full@example.org\r\nReceived: ")) {
		t.Errorf("%q", got)
	}
}

func (f *fixture) grow(id store.AccountID) {
	f.Helper()
	h, err := f.s.Account(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Update(f.Context(), store.Origin{}, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{}) }); err != nil {
		f.Fatal(err)
	}
}
