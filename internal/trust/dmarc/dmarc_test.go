package dmarc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"restante/internal/base/dns/dnstest"
	"restante/internal/proto/addr"
)

// TestGolden runs the files of testdata (go test -rewrite writes the answers anew).
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		var zone *dnstest.Zone
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "zone":
				zone = dnstest.New(t, d.Input)
				return ""
			case "record":
				var out strings.Builder
				for line := range strings.Lines(d.Input) {
					r, err := ParseRecord(strings.TrimRight(line, "\n"))
					if err != nil {
						fmt.Fprintln(&out, err)
						continue
					}
					fmt.Fprintf(&out, "p=%s sp=%s np=%s dkim=%v spf=%v t=%v psd=%c %s\n", r.Policy, r.Subdomains, r.Absent, r.StrictDKIM, r.StrictSPF, r.Testing, r.Suffix,
						strings.Join(r.Aggregate, " "))
				}
				return out.String()
			case "check": // author, then who answers for the message: "dkim=domain", "spf=domain"
				var out strings.Builder
				for line := range strings.Lines(d.Input) {
					words := strings.Fields(line)
					var signers []Signer
					for _, w := range words[1:] {
						kind, domain, _ := strings.Cut(w, "=")
						signers = append(signers, Signer{Domain: addr.Domain(domain), SPF: kind == "spf"})
					}
					r := Check(t.Context(), zone, addr.Domain(words[0]), signers)
					fmt.Fprintf(&out, "%s %s: %s of %q, organization %q, by %q; %d questions\n", words[0], r.Status, r.Asked, r.Policy, r.Organization, r.Aligned.Domain, len(zone.Asked()))
				}
				return out.String()
			}
			t.Fatalf("no command %q", d.Cmd)
			return ""
		})
	})
}

// FuzzParseRecord: what is read has a policy, and may stand in a field.
func FuzzParseRecord(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; np=quarantine; rua=mailto:a@example.org,mailto:b@example.org!10m; adkim=s; psd=n; t=y")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err == nil && (r.Policy == "" || len(r.Aggregate) > maxURIs) {
			t.Errorf("%+v", r)
		}
	})
}

// FuzzAbove: a walk ends after eight questions.
func FuzzAbove(f *testing.F) {
	f.Add("a.b.c.d.e.f.g.h.i.j.example.org")
	f.Fuzz(func(t *testing.T, name string) {
		n := 0
		for ; name != ""; name = above(name) {
			if n++; n > 8 && !strings.Contains(name, "..") {
				t.Fatal(n, name)
			}
		}
	})
}
