package dmarc

import (
	"fmt"
	"testing"

	"restante/internal/base/dns/dnstest"
)

// TestDestinations: reports go where the domain says, and to nobody who has not agreed (RFC 9990 4).
func TestDestinations(t *testing.T) {
	z := dnstest.New(t, `
_dmarc.own.example TXT v=DMARC1; p=none; rua=mailto:a@own.example,mailto:b@mail.own.example!10m
_dmarc.outside.example TXT v=DMARC1; p=none; rua=mailto:x@agrees.example, mailto:x@silent.example, mailto:x@moves.example,mailto:x@strays.example
outside.example._report._dmarc.agrees.example TXT v=DMARC1;
outside.example._report._dmarc.moves.example TXT v=DMARC1; rua=mailto:other@moves.example!1k
outside.example._report._dmarc.strays.example TXT v=DMARC1; rua=mailto:victim@own.example
outside.example._report._dmarc.silent.example TXT hello
_dmarc.odd.example TXT v=DMARC1; p=none; rua=https://x.example/,mailto:,mailto:a%40odd.example?subject=x,mailto:b@odd.example!10x
_dmarc.late.example TXT v=DMARC1; p=none; rua=mailto:x@slow.example
late.example._report._dmarc.slow.example TXT TIMEOUT
_dmarc.wild.example TXT v=DMARC1; p=none; rua=mailto:x@any.example
wild.example._report._dmarc.any.example TXT v=DMARC1
`)
	for domain, want := range map[string]string{
		"own.example":     "[{a@own.example 0} {b@mail.own.example 10485760}] <nil>",
		"outside.example": "[{x@agrees.example 0} {other@moves.example 1024}] <nil>",
		"odd.example":     "[{a@odd.example 0}] <nil>",
		"late.example":    "[] temporary",
		"wild.example":    "[{x@any.example 0}] <nil>",
	} {
		r, err := Published(t.Context(), z, domain)
		if err != nil || r == nil {
			t.Fatal(domain, r, err)
		}
		list, err := Destinations(t.Context(), z, domain, r)
		got := fmt.Sprint(list, " ", err)
		if err != nil {
			got = fmt.Sprint(list, " temporary")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
	if r, err := Published(t.Context(), z, "nothing.example"); r != nil || err != nil {
		t.Error(r, err)
	}
}

// FuzzDestination: what is found is an address that mail can go to.
func FuzzDestination(f *testing.F) {
	f.Add("mailto:a%40b.example!10m")
	f.Fuzz(func(t *testing.T, uri string) {
		d, ok := parseDestination(uri)
		if ok && (d.To.Local == "" || d.To.Domain == "" || d.To.Domain.IsLiteral()) {
			t.Errorf("%q: %+v", uri, d)
		}
	})
}
