package relay

import (
	"testing"
	"testing/synctest"

	"restante/internal/store"
	"restante/internal/trust/tlspolicy"
)

// Silence is that nobody answers, and not that a host does not do what was promised, or has something against the message.
func TestSilent(t *testing.T) {
	for _, tt := range []struct {
		script string
		level  tlspolicy.Level
		silent bool
	}{
		{"silent", 0, true},
		{"GREETING => hang", 0, true},
		{"GREETING => drop", 0, true},
		{"RCPT => drop", 0, true},
		{". => hang", 0, true},
		{"GREETING => 421 4.3.2 not now", 0, false},
		{"RCPT => 451 4.7.1 later", 0, false},
		{"", tlspolicy.Encrypt, false}, // no STARTTLS
		{"EHLO => 250-mx.test | 250 STARTTLS\nSTARTTLS => 454 4.7.0 not now", tlspolicy.Encrypt, false},
		{"EHLO => 250-mx.test | 250 STARTTLS\nSTARTTLS => broken", tlspolicy.Encrypt, false},
		{"EHLO => 250-mx.test | 250 STARTTLS\nSTARTTLS => hang", tlspolicy.Encrypt, true},
		{"EHLO => 250-mx.test | 250 STARTTLS", tlspolicy.Authenticated, false}, // nobody knows the certificate
	} {
		t.Run(tt.script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := Options{}
				if tt.level != 0 {
					o.Rule = func(string) *tlspolicy.Rule { return &tlspolicy.Rule{Level: tt.level} }
				}
				w := oneHost(t, o, tt.script)
				defer w.close()
				got := w.one(t.Context(), "Subject: x\r\n\r\nx\r\n")
				if got.State != store.QueueWaiting || got.Silent != tt.silent {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}
