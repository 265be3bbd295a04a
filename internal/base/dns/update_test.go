package dns_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

func servers(s *dnstest.Server) []netip.AddrPort { return []netip.AddrPort{s.Addr()} }

func TestUpdate(t *testing.T) {
	s := dnstest.Serve(t, "example.org SOA ns.example.org\n_acme-challenge.example.org TXT theirs")
	u := &dns.Updater{Server: s.Addr(), Key: dnstest.UpdateKey()}
	const name = "_acme-challenge.example.org"
	texts := func() []string {
		list, _, _ := dns.TXTs(t.Context(), s.Zone, name)
		slices.Sort(list)
		return list
	}
	if err := u.AddText(t.Context(), "example.org", name, "ours"); err != nil {
		t.Fatal(err)
	}
	if got := texts(); !slices.Equal(got, []string{"ours", "theirs"}) {
		t.Errorf("added: %q", got)
	}
	if err := u.RemoveText(t.Context(), "example.org", name, "ours"); err != nil {
		t.Fatal(err)
	}
	if got := texts(); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("removed: %q", got)
	}
	wrong := *u
	wrong.Key.Secret = "bm90IHRoZSBzZWNyZXQ="
	if err := wrong.AddText(t.Context(), "example.org", name, "forged"); err == nil || !strings.Contains(err.Error(), "NOTAUTH") {
		t.Errorf("with another secret: %v", err)
	}
	if err := u.AddText(t.Context(), "example.org", "example.net", "elsewhere"); err == nil || !strings.Contains(err.Error(), "NOTZONE") {
		t.Errorf("outside the zone: %v", err)
	}
	if got := texts(); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("after refusals: %q", got)
	}
}

func TestZoneOf(t *testing.T) {
	z := dnstest.New(t, "example.org SOA ns.example.org\nmail.example.org A 192.0.2.1\nsub.example.org SOA ns.example.org\nalias.example.org CNAME example.net\nexample.net SOA ns.example.net\nbroken.example.org SOA SERVFAIL")
	for name, want := range map[string]string{
		"_acme-challenge.mail.example.org": "example.org",
		"_acme-challenge.sub.example.org":  "sub.example.org",
		"alias.example.org":                "example.org",
		"example.org":                      "example.org",
	} {
		if got, err := dns.ZoneOf(t.Context(), z, name); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := dns.ZoneOf(t.Context(), z, "mail.example.com"); !errors.Is(err, dns.ErrNoRecord) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := dns.ZoneOf(t.Context(), z, "broken.example.org"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("broken: %v", err)
	}
}

func TestParseUpdateKey(t *testing.T) {
	want := dns.UpdateKey{Name: "acme.example.org", Algorithm: "hmac-sha512", Secret: "c2VjcmV0"}
	for _, text := range []string{
		"key \"acme.example.org\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0\";\n};\n",
		"key Acme.example.org. { secret c2VjcmV0; algorithm HMAC-SHA512; };",
	} {
		if got, err := dns.ParseUpdateKey(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "key", "secret c2VjcmV0;", "key k { secret ***; };", "key k { algorithm hmac-md5; secret c2VjcmV0; };", "zone \"x\" { };",
	} {
		if k, err := dns.ParseUpdateKey(text); !errors.Is(err, dns.ErrUpdateKey) {
			t.Errorf("%q: %+v, %v", text, k, err)
		}
	}
}

func FuzzParseUpdateKey(f *testing.F) {
	f.Add("key \"a\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; };")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := dns.ParseUpdateKey(text)
		if err != nil {
			return
		}
		again, err := dns.ParseUpdateKey("key " + k.Name + " { algorithm " + k.Algorithm + "; secret " + k.Secret + "; };")
		if err != nil || again != k {
			t.Errorf("%+v, then %+v, %v", k, again, err)
		}
	})
}
