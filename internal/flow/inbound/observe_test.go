package inbound

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow"
)

// Whoever looks on is told of each message once, with what was found out and what became of it for each recipient.
func TestObserve(t *testing.T) {
	f := newFixture(t)
	f.checked(dnstest.New(t, zone))
	var seen []string
	f.in.opts.Observe = func(_ context.Context, r *flow.Received, v *flow.Verdict, out *flow.Receipt) {
		if out.Queue != r.Queue || len(out.Errs) != len(r.Recipients) {
			t.Errorf("%+v of %+v", out, r)
		}
		line := fmt.Sprintf("spf=%s refused=%t", r.SPF.Status, v.Refuse != nil)
		for _, err := range out.Errs {
			line += fmt.Sprintf(" %t", err == nil)
		}
		for _, c := range out.Copies {
			line += " " + c.Account.Login
		}
		seen = append(seen, line)
	}
	f.account("a", 0)
	f.account("b", 2000)
	text := "From: me@example.com\r\n\r\nHello.\r\n"
	for _, step := range []struct{ peer, text string }{
		{"192.0.2.1", text},
		{"192.0.2.99", text},                           // forged
		{"192.0.2.1", text + fmt.Sprintf("%2000d", 1)}, // too big for b, so nobody gets it
	} {
		env := f.envelope(false, "a", "b")
		env.Session.Peer = netip.MustParseAddr(step.peer)
		_, _ = f.send(env, step.text)
	}
	want := []string{
		"spf=pass refused=false true true a@example.org b@example.org",
		"spf=fail refused=true false false",
		"spf=pass refused=false false false",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}
