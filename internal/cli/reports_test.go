package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/serve/admind"
)

func TestReportsShown(t *testing.T) {
	span := admind.ReportsSpan{First: "2026-11-15", Last: "2026-11-21", Reports: 9, Reporters: []string{"Other Post", "google.com"}}
	var out bytes.Buffer
	con := &console{out: &out}
	unknown := span
	unknown.Unverified = 1
	for _, err := range []error{
		con.dmarcReports("example.org", &admind.DMARCReports{ReportsSpan: span, Messages: 1204, Passed: 1187, Sources: []admind.DMARCSource{
			{IP: "192.0.2.25", Name: "mail.example.org", Messages: 1187, Passed: 1187, SPF: 1180, DKIM: 1187, Here: true, Whose: "yours: this server"},
			{IP: "203.0.113.5", Messages: 12, Refused: 12, Whose: "not yours"},
			{IP: "198.51.100.7", Name: "lists.example.net", Messages: 5, Junk: 2, For: []string{"lists.example.net"}, Whose: "of lists.example.net: a list, a forward or a service, or not yours"},
		}, Others: 1}),
		con.tlsReports("example.org", &admind.TLSReports{ReportsSpan: unknown, Successes: 5326, Failures: 103, Failed: []admind.TLSFailure{
			{Reporter: "google.com", Last: "2026-11-20", Policy: "sts", Type: "certificate-expired", Host: "mail.example.org", Sessions: 100, Why: "the certificate had expired"},
			{Reporter: "Other Post", Last: "2026-11-18", Policy: "no-policy-found", Type: "validation-failure", Sessions: 3, Reason: "handshake failure", Why: "TLS failed"},
		}}),
		con.tlsReports("", &admind.TLSReports{}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := `example.org, 2026-11-15 to 2026-11-21: 1204 messages said to be from there, 1187 of them were
9 reports by Other Post, google.com

SOURCE         NAME                MESSAGES   SPF    DKIM   DONE                 WHOSE
192.0.2.25     mail.example.org    1187       1180   1187   taken                yours: this server
203.0.113.5    -                   12         0      0      12 refused           not yours
198.51.100.7   lists.example.net   5          0      0      2 to Junk, 3 taken   of lists.example.net: a list, a forward or a service, or not yours
and 1 message from sources that were too many

12 messages from 203.0.113.5 said to be from you and were not (12 refused).
example.org, 2026-11-15 to 2026-11-21: 5326 sessions by TLS, and 103 that failed
9 reports by Other Post, google.com; who sent 1 of them could not be verified

REPORTER     LAST         FAILED   HOST               POLICY    WHY
google.com   2026-11-20   100      mail.example.org   MTA-STS   the certificate had expired
Other Post   2026-11-18   3        -                  none      TLS failed: handshake failure
nobody has reported on all domains yet
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSinceDay(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{"7d": "2026-11-15", "2w": "2026-11-08", "2026-01-02": "2026-01-02", "": "error", "7": "error", "-7d": "error", "9999999d": "error"} {
		got := "error"
		if at, err := sinceDay(in, now); err == nil {
			got = at.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
