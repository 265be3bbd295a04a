package inbound

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow"
	"restante/internal/flow/guard"
	"restante/internal/proto/smtpwire"
)

const listZone = zone + `
1.2.0.192.good.example A 127.0.9.3
1.2.0.192.good.example TXT client.example
1.2.0.192.bad.example A 127.0.0.2
99.2.0.192.bad.example A 127.0.0.2
* * +AD
`

// ask is the answer to a first recipient.
func (f *fixture) ask(peer, to string) (flow.Envelope, error) {
	f.Helper()
	env := flow.Envelope{
		Session: flow.Session{Peer: netip.MustParseAddr(peer), Hello: "client.example", Extended: true},
		Mail:    smtpwire.Mail{From: address(f.T, "sender@example.com")},
	}
	if err := f.in.Sender(f.Context(), &env); err != nil {
		return env, err
	}
	r, err := f.in.Recipient(f.Context(), &env, smtpwire.Rcpt{To: address(f.T, to)})
	env.Recipients = append(env.Recipients, r)
	return env, err
}

// What lists of welcome hosts say stands in the message (RFC 8904); what others say stands in the evidence alone.
func TestListsInTheMessage(t *testing.T) {
	f := newFixture(t)
	z := dnstest.New(t, listZone)
	f.checked(z)
	f.in.opts.Policy.Refuse, f.in.opts.Policy.Junk = 10, 5
	f.in.opts.Guard = guard.New(guard.Options{Resolver: z, Lists: []guard.List{{Zone: "good.example", Allow: true}, {Zone: "bad.example", Weight: 10}}})
	a := f.account("a", 0)
	f.account("postmaster", 0)
	var seen flow.Evidence
	f.in.opts.Observe = func(_ context.Context, r *flow.Received, _ *flow.Verdict, _ *flow.Receipt) { seen = r.Evidence }

	env, err := f.ask("192.0.2.1", "a@example.org")
	if err == nil {
		_, err = f.send(env, "From: me@example.com\r\n\r\nHello.\r\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := ";\r\n\tdnswl=pass\r\n\t dns.zone=good.example\r\n\t policy.ip=127.0.9.3\r\n\t policy.txt=client.example\r\n\t dns.sec=yes\r\nReceived: "
	if got := f.inbox(a.Account); len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "bad.example") {
		t.Errorf("%q", got)
	}
	if len(seen.Door.Lists) != 2 || !seen.Door.Lists[1].Listed() || seen.Door.Allowed != "the list good.example" {
		t.Errorf("%+v", seen.Door)
	}
	if _, err := f.ask("192.0.2.99", "a@example.org"); !errors.Is(err, ErrListed) {
		t.Error(err)
	}
	if _, err := f.ask("192.0.2.99", "postmaster@example.org"); err != nil {
		t.Error(err)
	}
}
