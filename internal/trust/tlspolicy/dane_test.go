package tlspolicy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

// hash is 32 octets that end in n.
func hash(n int) string { return fmt.Sprintf("%064x", n) }

func daneZone() string {
	return `
mx.example        A     192.0.2.1
mx.example        *     +AD
_25._tcp.mx.example TLSA 3 1 1 ` + hash(1) + `
_25._tcp.mx.example * +AD
_465._tcp.mx.example TLSA 3 1 1 ` + hash(2) + `

bare.example      A     192.0.2.1
bare.example      *     +AD
_25._tcp.bare.example * +AD

bogus.example     A     192.0.2.1
bogus.example     *     +AD
_25._tcp.bogus.example * BOGUS
late.example      A     192.0.2.1
late.example      *     +AD
_25._tcp.late.example * TIMEOUT

plain.example     A     192.0.2.1
_25._tcp.plain.example * SERVFAIL

alias.example     CNAME mx.example
alias.example     *     +AD
_25._tcp.alias.example TLSA 3 1 1 ` + hash(3) + `
_25._tcp.alias.example * +AD

tobare.example    CNAME bare.example
tobare.example    *     +AD
_25._tcp.tobare.example CNAME common.example
_25._tcp.tobare.example * +AD
common.example    TLSA  2 0 1 ` + hash(4) + `
common.example    *     +AD

toplain.example   CNAME plain.example
toplain.example   *     +AD
_25._tcp.toplain.example TLSA 3 1 1 ` + hash(5) + `
_25._tcp.toplain.example * +AD
badalias.example  CNAME plain.example
badalias.example  CNAME +AD
_25._tcp.badalias.example * SERVFAIL
loose.example     CNAME plain.example
_25._tcp.loose.example TLSA 3 1 1 ` + hash(6) + `
_25._tcp.loose.example * +AD
`
}

// TestLookupDANE walks the cases of RFC 7672 2.2.2.
func TestLookupDANE(t *testing.T) {
	z := dnstest.New(t, daneZone())
	for _, c := range []struct {
		host string
		port uint16
		sure bool
		want string
	}{
		{"mx.example", 25, true, "mx.example 3 1 1 01"},
		{"mx.example", 25, false, "nothing"},
		{"mx.example", 465, true, "nothing"}, // not authentic
		{"mx.example", 26, true, "nothing"},
		{"bare.example", 25, true, "nothing"},
		{"bogus.example", 25, true, "dnssec-invalid"},
		{"late.example", 25, true, "dnssec-invalid"},
		{"plain.example", 25, true, "nothing"}, // it would stumble over the question
		{"alias.example", 25, true, "mx.example 3 1 1 01"},
		{"tobare.example", 25, true, "tobare.example 2 0 1 04"},
		{"toplain.example", 25, true, "toplain.example 3 1 1 05"},
		{"badalias.example", 25, true, "dnssec-invalid"},
		{"loose.example", 25, true, "nothing"},
	} {
		addrs, err := dns.Addrs(t.Context(), z, c.host)
		if err != nil {
			t.Fatal(err)
		}
		got := describe(LookupDANE(t.Context(), z, addrs, c.port, c.sure))
		if got != c.want {
			t.Errorf("%s port %d: %s, want %s", c.host, c.port, got, c.want)
		}
	}
	if d := LookupDANE(t.Context(), z, dns.Addresses{}, 25, true); d.Usable() || d.Failed != nil {
		t.Error(d)
	}
}

func describe(d DANE) string {
	switch {
	case d.Failed != nil:
		return string(d.Failed.Failure)
	case d.Base == "":
		return "nothing"
	}
	s := d.Base
	for _, r := range tlsaTexts(d.Records) {
		s += " " + strings.Replace(r, strings.Repeat("0", 62), "", 1)
	}
	return s
}

// TestDANEValidated asks through a real validating resolver.
func TestDANEValidated(t *testing.T) {
	s := dnstest.Serve(t, strings.ReplaceAll(`
signed.test       MX    10 mx.signed.test
signed.test       MX    10 alias.signed.test
mx.signed.test    A     192.0.2.1
_25._tcp.mx.signed.test TLSA 3 1 1 HASH
alias.signed.test CNAME mx.signed.test
bad.signed.test   A     192.0.2.1
_25._tcp.bad.signed.test TLSA 3 1 1 HASH
_25._tcp.bad.signed.test TLSA BOGUS
bare.signed.test  A     192.0.2.1
mx.plain.test     A     192.0.2.1
_25._tcp.mx.plain.test TLSA 3 1 1 HASH`, "HASH", hash(1)), "signed.test")
	r := dns.New(dns.Options{Servers: []netip.AddrPort{dnstest.Unbound(t, s, "plain.test")}})
	set, err := dns.MXs(t.Context(), r, "signed.test")
	if err != nil || !set.Authentic || len(set.Hosts) != 2 {
		t.Fatal(set, err)
	}
	for host, want := range map[string]string{
		"mx.signed.test":    "mx.signed.test 3 1 1 01",
		"alias.signed.test": "mx.signed.test 3 1 1 01",
		"bad.signed.test":   "dnssec-invalid",
		"bare.signed.test":  "nothing",
		"mx.plain.test":     "nothing",
	} {
		if got := describe(lookup(t.Context(), t, r, host)); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

func lookup(ctx context.Context, t *testing.T, r dns.Resolver, host string) DANE {
	t.Helper()
	addrs, err := dns.Addrs(ctx, r, host)
	if err != nil {
		t.Fatal(err)
	}
	return LookupDANE(ctx, r, addrs, 25, true)
}
