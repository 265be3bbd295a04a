// Package dsn is the grammar of delivery status notifications: the machine's part of a report about what has become of a
// message (RFC 3464), with addresses in UTF-8 (RFC 6533).
//
// # Model
//
// A Report is the fields of a message/delivery-status part: those of the message, then a group for each recipient. AppendTo writes it, Parse
// reads what anybody has written. The letter around it is flow/report's.
//
// # What it does not do
//
// No I/O, no clock, no log. Fields that it does not know are passed over; comments in fields are dropped.
package dsn

import (
	"fmt"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
)

// Action is what has been done (RFC 3464 2.3.3).
type Action string

// The actions.
const (
	Failed    Action = "failed"
	Delayed   Action = "delayed"
	Delivered Action = "delivered"
	Relayed   Action = "relayed"
	Expanded  Action = "expanded"
)

// Report is a message/delivery-status part.
type Report struct {
	EnvelopeID   string // as the sender gave it (RFC 3464 2.2.1); empty: none
	ReportingMTA string // a host's name
	ReceivedFrom string // a host's name; empty: not said
	Arrival      time.Time
	Recipients   []Recipient
}

// Recipient is what has become of one.
type Recipient struct {
	OriginalType, Original string // as in smtpwire.Rcpt; empty: not known
	Final                  addr.Address
	Action                 Action
	Status                 smtpwire.Enhanced
	RemoteMTA              string // a host's name; empty: none
	Diagnostic             string // the reply of that host in one line, without a type; empty: none
	LastAttempt            time.Time
	WillRetryUntil         time.Time
}

// NeedsUTF8 says whether the report can be written in ASCII alone only with addresses in another form.
func (r *Report) NeedsUTF8() bool {
	for i := range r.Recipients {
		if r.Recipients[i].Final.NeedsUTF8() {
			return true
		}
	}
	return false
}

// AppendTo appends the part, with CRLF line ends. With utf8 it is a message/global-delivery-status (RFC 6533 5), otherwise a message/delivery-status
// of ASCII alone.
func (r *Report) AppendTo(dst []byte, utf8 bool) []byte {
	w := writer{dst, utf8}
	if r.EnvelopeID != "" {
		w.field("Original-Envelope-Id", addr.EncodeXtext(r.EnvelopeID))
	}
	w.field("Reporting-MTA", "dns; "+r.ReportingMTA)
	if r.ReceivedFrom != "" {
		w.field("Received-From-MTA", "dns; "+r.ReceivedFrom)
	}
	w.date("Arrival-Date", r.Arrival)
	for i := range r.Recipients {
		w.b = append(w.b, "\r\n"...)
		w.recipient(&r.Recipients[i])
	}
	return w.b
}

type writer struct {
	b    []byte
	utf8 bool
}

// maxField bounds what a field may hold, in octets: replies of other hosts come here.
const maxField = 2000

// field writes a field; what is not text becomes text, so that no value makes a line of its own.
func (w *writer) field(name, value string) {
	w.b = append(append(w.b, name...), ": "...)
	value = strings.ToValidUTF8(value[:min(len(value), maxField)], "?")
	for _, c := range value {
		switch {
		case c < ' ' && c != '\t' || c == 0x7f:
			w.b = append(w.b, ' ')
		case c >= 0x80 && !w.utf8:
			w.b = fmt.Appendf(w.b, `\x{%02X}`, c)
		default:
			w.b = append(w.b, string(c)...)
		}
	}
	w.b = append(w.b, "\r\n"...)
}

func (w *writer) date(name string, t time.Time) {
	if !t.IsZero() {
		w.field(name, t.Format(time.RFC1123Z))
	}
}

func (w *writer) recipient(r *Recipient) {
	if r.OriginalType != "" {
		text := addr.EncodeXtext(r.Original)
		if r.OriginalType == "utf-8" {
			text = addr.EncodeUnitext(r.Original, w.utf8)
		}
		w.field("Original-Recipient", r.OriginalType+"; "+text)
	}
	if r.Final.NeedsUTF8() { // RFC 6533 3
		w.field("Final-Recipient", "utf-8; "+addr.EncodeUnitext(r.Final.String(), w.utf8))
	} else {
		w.field("Final-Recipient", "rfc822; "+r.Final.String())
	}
	w.field("Action", string(r.Action))
	w.field("Status", r.Status.String())
	if r.RemoteMTA != "" {
		w.field("Remote-MTA", "dns; "+r.RemoteMTA)
	}
	if r.Diagnostic != "" {
		w.field("Diagnostic-Code", "smtp; "+r.Diagnostic)
	}
	w.date("Last-Attempt-Date", r.LastAttempt)
	if r.Action == Delayed {
		w.date("Will-Retry-Until", r.WillRetryUntil)
	}
}
