package dsn

import (
	"errors"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
)

// ErrReport says that a text is not a delivery status.
var ErrReport = errors.New("dsn: not a delivery status")

// Bounds of what Parse reads; what is more is left out.
const (
	maxRecipients = 1000
	maxParse      = 1 << 20
)

// Parse reads a message/delivery-status or message/global-delivery-status part. It takes what others write: groups in which
// fields are missing, bare LF. A recipient without a readable address or action is passed over.
func Parse(text []byte) (*Report, error) {
	if len(text) > maxParse {
		text = text[:maxParse]
	}
	r := new(Report)
	first := true
	for _, group := range groups(string(text)) {
		if first {
			first = false
			r.message(group)
			continue
		}
		if len(r.Recipients) == maxRecipients {
			break
		}
		if one, ok := recipient(group); ok {
			r.Recipients = append(r.Recipients, one)
		}
	}
	if len(r.Recipients) == 0 {
		return nil, ErrReport
	}
	return r, nil
}

type field struct{ name, value string }

// groups splits a text into groups of fields, unfolded.
func groups(text string) (out [][]field) {
	var group []field
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.TrimSpace(line) == "":
			if len(group) > 0 {
				out = append(out, group)
				group = nil
			}
		case line[0] == ' ' || line[0] == '\t':
			if n := len(group); n > 0 {
				group[n-1].value += " " + strings.TrimSpace(line)
			}
		default:
			if name, value, ok := strings.Cut(line, ":"); ok {
				group = append(group, field{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
			}
		}
	}
	if len(group) > 0 {
		out = append(out, group)
	}
	return out
}

// typed splits "type; value".
func typed(s string) (kind, value string) {
	kind, value, ok := strings.Cut(s, ";")
	if !ok {
		return "", strings.TrimSpace(s)
	}
	return strings.ToLower(strings.TrimSpace(kind)), strings.TrimSpace(value)
}

func (r *Report) message(group []field) {
	for _, f := range group {
		switch f.name {
		case "original-envelope-id":
			if id, err := addr.DecodeXtext(f.value); err == nil {
				r.EnvelopeID = id
			}
		case "reporting-mta":
			_, r.ReportingMTA = typed(f.value)
		case "received-from-mta":
			_, r.ReceivedFrom = typed(f.value)
		case "arrival-date":
			r.Arrival = date(f.value)
		}
	}
}

func recipient(group []field) (r Recipient, ok bool) {
	for _, f := range group {
		switch f.name {
		case "original-recipient":
			r.OriginalType, r.Original = original(f.value)
		case "final-recipient":
			kind, value := typed(f.value)
			if kind == "utf-8" {
				value, _ = addr.DecodeUnitext(value)
			}
			r.Final, _ = addr.Parse(strings.Trim(value, "<>"))
		case "action":
			word, _, _ := strings.Cut(strings.ToLower(f.value), " ")
			r.Action = Action(word)
		case "status":
			r.Status = status(f.value)
		case "remote-mta":
			_, r.RemoteMTA = typed(f.value)
		case "diagnostic-code":
			_, r.Diagnostic = typed(f.value)
		case "last-attempt-date":
			r.LastAttempt = date(f.value)
		case "will-retry-until":
			r.WillRetryUntil = date(f.value)
		}
	}
	return r, !r.Final.IsZero() && r.Action != ""
}

func original(s string) (kind, value string) {
	kind, value = typed(s)
	decoded, err := addr.DecodeXtext(value)
	if kind == "utf-8" {
		decoded, err = addr.DecodeUnitext(value)
	}
	if err != nil || kind == "" {
		return "", ""
	}
	return kind, decoded
}

// status reads "5.1.1", with whatever behind it; the zero value for anything else.
func status(s string) (e smtpwire.Enhanced) {
	word, _, _ := strings.Cut(s, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 {
		return e
	}
	for i, to := range []*uint16{&e.Class, &e.Subject, &e.Detail} {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil || n > 999 {
			return smtpwire.Enhanced{}
		}
		*to = uint16(n)
	}
	return e
}

func date(s string) time.Time {
	t, err := mail.ParseDate(s)
	if err != nil {
		return time.Time{}
	}
	return t
}
