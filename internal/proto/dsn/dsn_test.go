package dsn

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
)

func address(t testing.TB, s string) addr.Address {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func sample(t testing.TB) *Report {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	return &Report{
		EnvelopeID: "a b+c", ReportingMTA: "mail.example.org", ReceivedFrom: "pc.example.org", Arrival: at,
		Recipients: []Recipient{
			{OriginalType: "rfc822", Original: "b+x@example.com", Final: address(t, "b@example.com"), Action: Failed, Status: smtpwire.Enhanced{Class: 5, Subject: 1, Detail: 1},
				RemoteMTA: "mx.example.com", Diagnostic: "550 5.1.1 no such user", LastAttempt: at},
			{OriginalType: "utf-8", Original: "ü@example.com", Final: address(t, "ü@example.com"), Action: Delayed, Status: smtpwire.Enhanced{Class: 4, Subject: 4, Detail: 1},
				Diagnostic: "421 café", LastAttempt: at, WillRetryUntil: at.Add(time.Hour)},
		},
	}
}

const golden = `Original-Envelope-Id: a+20b+2Bc
Reporting-MTA: dns; mail.example.org
Received-From-MTA: dns; pc.example.org
Arrival-Date: Sun, 22 Nov 2026 09:00:00 +0000

Original-Recipient: rfc822; b+2Bx@example.com
Final-Recipient: rfc822; b@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Sun, 22 Nov 2026 09:00:00 +0000

Original-Recipient: utf-8; \x{FC}@example.com
Final-Recipient: utf-8; \x{FC}@example.com
Action: delayed
Status: 4.4.1
Diagnostic-Code: smtp; 421 caf\x{E9}
Last-Attempt-Date: Sun, 22 Nov 2026 09:00:00 +0000
Will-Retry-Until: Sun, 22 Nov 2026 10:00:00 +0000
`

func TestWritten(t *testing.T) {
	r := sample(t)
	got := string(r.AppendTo(nil, false))
	if want := strings.ReplaceAll(golden, "\n", "\r\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !r.NeedsUTF8() {
		t.Error("an address outside of ASCII was not noticed")
	}
}

func TestReadAsWritten(t *testing.T) {
	for _, utf8 := range []bool{false, true} {
		r := sample(t)
		got, err := Parse(r.AppendTo(nil, utf8))
		if err != nil {
			t.Fatal(err)
		}
		if !utf8 {
			got.Recipients[1].Diagnostic = r.Recipients[1].Diagnostic // it cannot be told from what looks like an escape
		}
		for i := range got.Recipients { // another pointer to the same zone
			got.Recipients[i].LastAttempt = got.Recipients[i].LastAttempt.UTC()
			got.Recipients[i].WillRetryUntil = got.Recipients[i].WillRetryUntil.UTC()
		}
		got.Arrival = got.Arrival.UTC()
		if !reflect.DeepEqual(got, r) {
			t.Errorf("utf8 %v:\ngot  %+v\nwant %+v", utf8, got, r)
		}
	}
}

// No reply of another host makes a field of its own.
func TestInjection(t *testing.T) {
	r := sample(t)
	r.Recipients[0].Diagnostic = "550 x\r\nAction: delivered\r\n\r\nFinal-Recipient: rfc822; z@z\r\n"
	got, err := Parse(r.AppendTo(nil, false))
	if err != nil || len(got.Recipients) != 2 || got.Recipients[0].Action != Failed {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte("Reporting-MTA: x\n\nFinal-Recipient: <a@b>\nAction: Failed (bounce)\n folded\nStatus: 5.0.0 (x)\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		// What was understood is understood again when we write it.
		again, err := Parse(r.AppendTo(nil, true))
		if err != nil || len(again.Recipients) != len(r.Recipients) {
			t.Fatalf("%+v came back as %+v, %v", r, again, err)
		}
		for i := range r.Recipients {
			if again.Recipients[i].Final != r.Recipients[i].Final || again.Recipients[i].Status != r.Recipients[i].Status {
				t.Errorf("%+v came back as %+v", r.Recipients[i], again.Recipients[i])
			}
		}
	})
}
