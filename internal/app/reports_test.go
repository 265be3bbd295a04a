package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/smtp"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/proto/packed"
	"restante/internal/serve/admind"
)

// reportBy brings a report to the door, as another server would.
func (h *house) reportBy(t *testing.T, to, file string, data []byte) error {
	t.Helper()
	text := fmt.Sprintf("From: reports@other.test\r\nSubject: Report\r\nMIME-Version: 1.0\r\nContent-Type: application/gzip; name=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
		file, base64.StdEncoding.EncodeToString(packed.Gzip(data)))
	c, err := smtp.Dial(h.address("smtp"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Mail("reports@other.test"), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return errors.Join(err, w.Close())
}

// What others report is taken at the door, though nobody has that address, and shown; what is no report is refused.
func TestReports(t *testing.T) {
	day := time.Now().UTC().AddDate(0, 0, -1).Truncate(24 * time.Hour)
	zone := dnstest.Serve(t, "5.113.0.203.in-addr.arpa PTR forger.test\nforger.test A 203.0.113.5\nmail.example.org A 192.0.2.1")
	h := startWith(t, edited(t, "mail.example.org", fmt.Sprintf("[dns]\nservers = [%q]\n", zone.Addr()))).furnished(t)
	read := func(name string) string {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer("BEGIN", fmt.Sprint(day.Unix()), "END", fmt.Sprint(day.Unix()+86399), "DAY", day.Format(time.DateOnly)).Replace(string(text))
	}
	if err := h.reportBy(t, "dmarc-reports@example.org", "x.xml.gz", []byte(read("dmarc-report.xml"))); err != nil {
		t.Fatal(err)
	}
	if err := h.reportBy(t, "TLS-reports@example.org", "x.json.gz", []byte(read("tls-report.json"))); err != nil {
		t.Fatal(err)
	}
	if err := h.reportBy(t, "dmarc-reports@example.org", "x.xml.gz", []byte("Hello")); err == nil || !strings.Contains(err.Error(), "5.6.0 ") {
		t.Errorf("%v", err)
	}
	if err := h.reportBy(t, "nobody@example.org", "x.xml.gz", nil); err == nil || !strings.Contains(err.Error(), "5.1.1 ") {
		t.Errorf("%v", err)
	}
	since := admind.ReportsRequest{Domain: "example.org", Since: day, Names: true}
	dmarc, err := h.DMARCReports(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d of %d by %v, %d unverified\n", dmarc.Passed, dmarc.Messages, dmarc.Reporters, dmarc.Unverified)
	for _, s := range dmarc.Sources {
		got += fmt.Sprintf("%s %q %d spf=%d dkim=%d refused=%d junk=%d %s\n", s.IP, s.Name, s.Messages, s.SPF, s.DKIM, s.Refused, s.Junk, s.Whose)
	}
	want := `103 of 120 by [Other Post], 1 unverified
192.0.2.1 "" 103 spf=100 dkim=103 refused=0 junk=0 yours: this server
203.0.113.5 "forger.test" 12 spf=0 dkim=0 refused=12 junk=0 not yours
198.51.100.7 "" 5 spf=0 dkim=0 refused=0 junk=2 of lists.test: a list, a forward or a service, or not yours
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	tls, err := h.TLSReports(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	got = fmt.Sprintf("%d %d\n", tls.Successes, tls.Failures)
	for _, f := range tls.Failed {
		got += fmt.Sprintf("%s %s %d %s %s: %s (%s)\n", f.Reporter, f.Policy, f.Sessions, f.Host, f.Type, f.Why, f.Reason)
	}
	if want := "40 3\nOther Post sts 3 mail.example.org certificate-expired: the certificate had expired (since Monday)\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	since.Domain = "nobody.test"
	if _, err := h.TLSReports(t.Context(), since); err == nil {
		t.Error("a domain that is not hosted")
	}
}

// A server sends mail to another one, and after midnight tells it how TLS went, by mail through its queue; the other one shows it. The report itself is not counted.
func TestReportSent(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	b := startAt(t, edited(t, "mail.other.test", ""), clock)
	if err := b.AddDomain(t.Context(), "other.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAccount(t.Context(), admind.NewAccount{Address: "bert@other.test", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(b.address("smtp"))
	zone := dnstest.Serve(t, "other.test MX 10 mail.other.test\nmail.other.test A "+at.Addr().String()+"\n_smtp._tls.other.test TXT v=TLSRPTv1; rua=mailto:tls-reports@other.test")
	a := startAt(t, edited(t, "mail.example.org", fmt.Sprintf("[send]\nport = %d\nnetworks = [\"127.0.0.0/8\"]\n[dns]\nservers = [%q]\n[report]\nfrom = \"postmaster@example.org\"\norganization = \"Example\"\n",
		at.Port(), zone.Addr())), clock).furnished(t)
	if _, err := a.signing.Generate(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	if err := a.signing.Use(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	a.enqueue(t, "bert@other.test")
	b.received(t, "bert@other.test", 1)
	began := clock()
	ahead.Store(int64(30 * time.Hour))
	a.courier.Send(t.Context())
	for {
		got, err := b.TLSReports(t.Context(), admind.ReportsRequest{Domain: "other.test", Since: began})
		if err != nil {
			t.Fatal(err)
		}
		if got.Reports > 0 {
			if got.Successes != 1 || got.Failures != 0 || got.Reporters[0] != "Example" {
				t.Errorf("%+v", got)
			}
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("no report has come")
		case <-time.After(10 * time.Millisecond):
		}
	}
	ahead.Store(int64(60 * time.Hour))
	a.courier.Send(t.Context())
	if n := strings.Count(a.log.String(), "report sent"); n != 1 {
		t.Errorf("%d reports: the session that carried one is in another", n)
	}
}
