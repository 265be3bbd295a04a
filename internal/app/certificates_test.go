package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/base/certs"
	"restante/internal/base/certs/acme"
	"restante/internal/base/dns/dnstest"
	"restante/internal/serve/admind"
)

// away is [acme] with an authority that nobody reaches.
const away = `[acme]
enabled = true
terms_agreed = true
directory = "https://127.0.0.1:1/dir"
`

func certified(t *testing.T, more string) *house {
	t.Helper()
	file := configFile(t, t.TempDir(), "postmaster = \"anna@example.org\"\n")
	b, err := os.ReadFile(file)
	if err == nil {
		b = []byte(strings.Replace(string(b), "[listen]\n", more+"[listen]\nhttp = [\"127.0.0.1:0\"]\n", 1))
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, file).furnished(t)
}

func TestCertificateNames(t *testing.T) {
	dir := t.TempDir()
	pop := filepath.Join(dir, "pop.pem")
	if _, err := certs.New(certs.Options{SelfSigned: pop, Hosts: []string{"pop.example.org"}}); err != nil {
		t.Fatal(err)
	}
	h := certified(t, away+"[[tls]]\ncert = \""+pop+"\"\nkey = \""+pop+"\"\n")
	for _, test := range []struct {
		name, zone string
		want       []string
	}{
		{"nothing is known", "", []string{"mail.example.org elsewhere it has no address in the DNS"}},
		{"nobody can tell", "* * SERVFAIL", nil},
		{"aliases, addresses, and what leads elsewhere", `
mail.example.org A 192.0.2.1
mail.example.org AAAA 2001:db8::1
imap.example.org CNAME mail.example.org
autoconfig.example.org A 192.0.2.1
smtp.example.org A 192.0.2.1
smtp.example.org A 192.0.2.9
mta-sts.example.org A SERVFAIL
pop.example.org CNAME mail.example.org
www.example.org CNAME mail.example.org`, []string{
			"mail.example.org here", "imap.example.org here", "smtp.example.org elsewhere it leads to 192.0.2.9, which is no address of mail.example.org",
			"autoconfig.example.org here", "mta-sts.example.org unknown",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			names, err := h.certificateNames(t.Context(), dnstest.New(t, test.zone))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range names {
				text := n.Name + " " + string(n.Way)
				if n.Way == acme.Elsewhere {
					text += " " + n.Why
				}
				got = append(got, text)
			}
			if test.want == nil {
				if len(got) != 6 || slices.ContainsFunc(names, func(n acme.Name) bool { return n.Way != acme.Unknown }) {
					t.Errorf("%q", got)
				}
				return
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// certificatesOf are the certificates, as "NAME STATE SOURCE".
func certificatesOf(t *testing.T, h *house) []string {
	t.Helper()
	var got []string
	for c, err := range h.Certificates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c.Name+" "+c.State+" "+c.Source)
	}
	return got
}

func TestCertificatesTold(t *testing.T) {
	h := certified(t, "")
	if got := certificatesOf(t, h); !slices.Equal(got, []string{"mail.example.org self-signed self-signed"}) {
		t.Errorf("%q", got)
	}
	for _, err := range h.RenewCertificates(t.Context(), nil) {
		if !errors.Is(err, errNoACME) {
			t.Error(err)
		}
	}
	if st := h.certificateStatus(); st.Names != 1 || len(st.Wrong) != 0 || st.Until.Before(time.Now()) {
		t.Errorf("%+v", st)
	}
	now := time.Now()
	for _, test := range []struct {
		status acme.Status
		state  string
		wrong  bool
	}{
		{acme.Status{Way: acme.Here, Until: now.Add(80 * 24 * time.Hour)}, admind.CertificateGood, false},
		{acme.Status{Way: acme.Here, Until: now.Add(25 * 24 * time.Hour), Error: "refused"}, admind.CertificateFailing, false},
		{acme.Status{Way: acme.Here, Until: now.Add(19 * 24 * time.Hour), Soon: true, Error: "refused"}, admind.CertificateSoon, true},
		{acme.Status{Way: acme.Here, Until: now.Add(-time.Hour), Soon: true}, admind.CertificateExpired, true},
		{acme.Status{Way: acme.Here}, admind.CertificateMissing, false},
		{acme.Status{Way: acme.Here, Error: "refused"}, admind.CertificateMissing, true},
		{acme.Status{Way: acme.Elsewhere, Why: "it leads to 192.0.2.9"}, admind.CertificateElsewhere, false},
		{acme.Status{Way: acme.Unknown, Why: "no answer"}, admind.CertificateUnknown, false},
	} {
		if c := fromACME(test.status, now); c.State != test.state || c.Wrong() != test.wrong {
			t.Errorf("%+v: %s, wrong %v", test.status, c.State, c.Wrong())
		}
	}
}

// The postmaster gets a letter about a certificate that ends soon.
func TestCertificateLetter(t *testing.T) {
	h := certified(t, "")
	h.warnCertificate(t.Context(), acme.Status{
		Name: "imap.example.org", Until: time.Now().Add(19 * 24 * time.Hour), Error: "the authority says: connection refused\u2026", Advice: "open port 80",
	})
	a, err := h.Account(t.Context(), "anna@example.org")
	if err != nil || a.Messages != 1 {
		t.Errorf("%d letters, %v", a.Messages, err)
	}
}
