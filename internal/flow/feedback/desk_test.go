package feedback

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/flow/inbound"
	"restante/internal/proto/dmarcreport"
	"restante/internal/proto/packed"
)

// wrapped is a message with a file.
func wrapped(from, kind string, data []byte) string {
	return fmt.Sprintf("From: reporter@%s\r\nSubject: Report\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n--b\r\n"+
		"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n", from, kind, base64.StdEncoding.EncodeToString(data))
}

func xmlReport(domain string, begin time.Time) []byte {
	return fmt.Appendf(nil, `<feedback><report_metadata><org_name>Other</org_name><report_id>1</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>`+
		`<policy_published><domain>%s</domain><p>none</p></policy_published><record><row><source_ip>203.0.113.5</source_ip><count>12</count>`+
		`<policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>%s</header_from></identifiers>`+
		`<auth_results><spf><domain>elsewhere.example</domain><result>pass</result></spf></auth_results></record></feedback>`, begin.Unix(), begin.Unix()+86399, domain, domain)
}

func jsonReport(domain string, begin time.Time) []byte {
	return fmt.Appendf(nil, `{"organization-name":"Other","report-id":"1","date-range":{"start-datetime":%q,"end-datetime":%q},"policies":[{"policy":{"policy-type":"sts","policy-domain":%q},`+
		`"summary":{"total-successful-session-count":1,"total-failure-session-count":0}}]}`, begin.Format(time.RFC3339), begin.Add(24*time.Hour).Format(time.RFC3339), domain)
}

// TestDesk: what is a report is kept, by whatever name; what is none is refused, where nobody else gets it.
func TestDesk(t *testing.T) {
	w, _, b := newWorld(t)
	yesterday := w.now.Add(-24 * time.Hour).Truncate(24 * time.Hour)
	good := packed.Gzip(xmlReport("b.example", yesterday))
	for _, c := range []struct {
		name, to, text string
		want           error
	}{
		{"DMARC", "dmarc-reports@b.example", wrapped("other.example", "application/gzip", good), nil},
		{"to the other desk", "TLS-Reports@b.example", wrapped("other.example", "application/octet-stream; name=x.bin", good), nil},
		{"not packed", "dmarc-reports@b.example", wrapped("other.example", "text/xml", xmlReport("sub.b.example", yesterday)), nil},
		{"a message that is the file", "dmarc-reports@b.example",
			"From: a@other.example\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(good), nil},
		{"about others", "dmarc-reports@b.example", wrapped("other.example", "application/gzip", packed.Gzip(xmlReport("c.example", yesterday))), ErrForeign},
		{"about a domain that ends like ours", "dmarc-reports@b.example", wrapped("other.example", "text/xml", xmlReport("notb.example", yesterday)), ErrForeign},
		{"old", "dmarc-reports@b.example", wrapped("other.example", "text/xml", xmlReport("b.example", yesterday.Add(-40*24*time.Hour))), ErrOld},
		{"of tomorrow", "dmarc-reports@b.example", wrapped("other.example", "text/xml", xmlReport("b.example", yesterday.Add(72*time.Hour))), ErrOld},
		{"a letter", "dmarc-reports@b.example", "From: a@other.example\r\n\r\nHello?\r\n", ErrNoReport},
		{"a bomb", "dmarc-reports@b.example", wrapped("other.example", "application/gzip", packed.Gzip(make([]byte, dmarcreport.MaxText+1))), ErrNoReport},
		{"damaged", "dmarc-reports@b.example", wrapped("other.example", "application/gzip", good[:40]), ErrNoReport},
		{"too large", "dmarc-reports@b.example", "From: a@other.example\r\n\r\n" + strings.Repeat("x", maxMessage), ErrNoReport},
		{"TLS without a signature", "tls-reports@b.example", wrapped("other.example", "application/tlsrpt+json", jsonReport("b.example", yesterday)), ErrUnsigned},
	} {
		err := b.takes("198.51.100.1", "reporter@other.example", c.to, c.text)
		if !errors.Is(err, c.want) || c.want != nil && !errors.Is(err, inbound.ErrNotTaken) {
			t.Errorf("%s: %v", c.name, err)
		}
		if b.desk.held != 0 {
			t.Errorf("%s: %d octets are held", c.name, b.desk.held)
		}
	}
	if got := strings.Count(shown(b), "Count:12"); got != 2 { // one of b.example, which came three times, and one of sub.b.example
		t.Errorf("%d reports: %s", got, shown(b))
	}
	// Where somebody has the name as an address of his own, he gets it all.
	b.users[DMARCDesk] = true
	if err := b.takes("198.51.100.1", "reporter@other.example", "dmarc-reports@b.example", "From: a@other.example\r\n\r\nHello?\r\n"); err != nil {
		t.Error(err)
	}
	if takes, alone := b.desk.Takes(t.Context(), w.address("dmarc-reports@b.example")); !takes || alone {
		t.Error(takes, alone)
	}
	if takes, _ := b.desk.Takes(t.Context(), w.address("dmarc-reports@a.example")); takes {
		t.Error("a domain that is not ours")
	}
}

// TestDeskBusy: when too much comes in at a time, it is to come again.
func TestDeskBusy(t *testing.T) {
	w, _, b := newWorld(t)
	var all []inbound.Sheet
	for range maxHeld/maxMessage + 1 {
		s := b.desk.Begin()
		for range maxMessage / (1 << 20) {
			_, _ = s.Write(make([]byte, 1<<20))
		}
		all = append(all, s)
	}
	if b.desk.held > maxHeld {
		t.Errorf("%d octets are held", b.desk.held)
	}
	text := wrapped("other.example", "text/xml", xmlReport("b.example", w.now.Add(-24*time.Hour)))
	for _, s := range all[:len(all)-1] {
		s.End()
		s.End()
	}
	if err := b.takes("198.51.100.1", "", "dmarc-reports@b.example", text); err != nil {
		t.Error(err)
	}
	for range maxHeld / maxMessage * 2 {
		_, _ = b.desk.Begin().Write(make([]byte, maxMessage/2))
	}
	if err := b.takes("198.51.100.1", "", "dmarc-reports@b.example", text); !errors.Is(err, ErrBusy) || errors.Is(err, inbound.ErrNotTaken) {
		t.Error(err)
	}
}

// TestArchiveBounds: one who reports all day fills no disk.
func TestArchiveBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long under the race detector, and nothing in it shares anything")
	}
	w, _, b := newWorld(t)
	r := dmarcreport.Report{Begin: w.now, End: w.now, Policy: dmarcreport.Policy{Domain: "b.example"}}
	full := 0
	for i := range maxReportsOfDay + 20 {
		r.ID = fmt.Sprint(i)
		switch err := b.archive.addDMARC(t.Context(), &r, ""); {
		case errors.Is(err, ErrFull):
			full++
		case err != nil:
			t.Fatal(err)
		}
	}
	r.ID = "0" // again
	if err := b.archive.addDMARC(t.Context(), &r, ""); err != nil || full != 20 {
		t.Errorf("%v, %d were refused", err, full)
	}
	// Many sources are summed up.
	wide, err := dmarcreport.Parse(xmlReport("b.example", w.now))
	if err != nil {
		t.Fatal(err)
	}
	one := wide.Records[0]
	for i := range 3000 {
		one.HeaderFrom = fmt.Sprintf("d%d.b.example", i)
		wide.Records = append(wide.Records, one)
	}
	wide.Policy.Domain, wide.ID = "sub.b.example", "wide"
	octets := b.archive.octets
	clear(octets)
	if err := b.archive.addDMARC(t.Context(), &wide, ""); err != nil {
		t.Fatal(err)
	}
	got := shown(b)
	if !strings.Contains(got, fmt.Sprintf("others %d", (3001-maxSources)*12)) {
		t.Errorf("%.300s", got)
	}
	for i := range 200 {
		wide.ID = fmt.Sprint(i)
		if err = b.archive.addDMARC(t.Context(), &wide, ""); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Error("a day has no end")
	}
}
