package dns_test

import (
	"testing"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

func TestCAA(t *testing.T) {
	const ca = "ca.example"
	for _, test := range []struct {
		name, zone, host string
		at               string
		may              bool
	}{
		{"nobody says anything", "", "mail.example.org", "", true},
		{"at the name", `mail.example.org CAA 0 issue "ca.example"`, "mail.example.org", "mail.example.org", true},
		{"above it", `example.org CAA 0 issue "CA.example; validationmethods=http-01"`, "a.mail.example.org", "example.org", true},
		{"the nearest one counts", "example.org CAA 0 issue \"ca.example\"\nmail.example.org CAA 0 issue \"other.example\"", "mail.example.org", "mail.example.org", false},
		{"at the target of an alias", "mail.example.org CNAME host.example.net\nhost.example.net CAA 0 issue \"other.example\"", "mail.example.org", "mail.example.org", false},
		{"above an alias, and not above its target", "mail.example.org CNAME host.example.net\nhost.example.net A 192.0.2.1\nexample.net CAA 0 issue \"other.example\"", "mail.example.org", "", true},
		{"another authority", `example.org CAA 0 issue "other.example"`, "example.org", "example.org", false},
		{"one of several", "example.org CAA 0 issue \"other.example\"\nexample.org CAA 0 issue \"ca.example\"", "example.org", "example.org", true},
		{"nobody", `example.org CAA 0 issue ";"`, "example.org", "example.org", false},
		{"only wildcards", `example.org CAA 0 issuewild "other.example"`, "example.org", "example.org", true},
		{"only where to complain", `example.org CAA 0 iodef "mailto:ca@example.org"`, "example.org", "example.org", true},
		{"something critical that nobody knows", `example.org CAA 128 tbs "unknown"`, "example.org", "example.org", false},
		{"something that need not be known", `example.org CAA 0 tbs "unknown"`, "example.org", "example.org", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for kind, r := range map[string]dns.Resolver{
				"zone": dnstest.New(t, test.zone), "server": dns.New(dns.Options{Servers: servers(dnstest.Serve(t, test.zone))}),
			} {
				at, records, err := dns.CAAs(t.Context(), r, test.host)
				if err != nil || at != test.at || dns.MayIssue(records, ca) != test.may {
					t.Errorf("%s: at %q, may %v, %v; want %q, %v", kind, at, dns.MayIssue(records, ca), err, test.at, test.may)
				}
			}
		})
	}
}
