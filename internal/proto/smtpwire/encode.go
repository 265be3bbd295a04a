package smtpwire

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// UnsupportedError is an envelope that a server cannot take as it is, because it
// does not offer Extension. Sending it without would break a promise made to the
// sender, so it is not sent.
type UnsupportedError struct{ Extension Extensions }

func (e *UnsupportedError) Error() string { return "server does not offer " + e.Extension.String() }

var errInjection = errors.New("line end in an SMTP command")

// Check says whether a server that offers have can take m: a *[UnsupportedError]
// where it cannot. BODY=8BITMIME, DSN, SIZE, priorities and DELIVERBY in mode N
// may be lost without harm; they are just not sent.
func (m Mail) Check(have Extensions) error {
	for _, need := range []struct {
		is  bool
		ext Extensions
	}{
		{m.SMTPUTF8 || m.From.NeedsUTF8(), SMTPUTF8},
		{m.Body == BodyBinaryMIME, BinaryMIME | Chunking},
		{m.RequireTLS, RequireTLS},
		{m.By.Mode == ByReturn, DeliverBy},
		{m.HoldFor != 0 || !m.HoldUntil.IsZero(), FutureRelease},
	} {
		if need.is && !have.Has(need.ext) {
			return &UnsupportedError{need.ext &^ have}
		}
	}
	return nil
}

// AppendTo appends the MAIL command with the parameters that a server with these
// extensions knows.
func (m Mail) AppendTo(dst []byte, have Extensions) []byte {
	dst = fmt.Appendf(dst, "MAIL FROM:%s", m.From.Path())
	add := func(ext Extensions, given bool, keyword, value string) {
		if given && have.Has(ext) {
			dst = append(append(dst, ' '), keyword...)
			dst = append(dst, value...)
		}
	}
	body := EightBitMIME
	if m.Body == BodyBinaryMIME {
		body = BinaryMIME
	}
	auth := "<>"
	if !m.Auth.IsZero() {
		auth = addr.EncodeXtext(m.Auth.String())
	}
	by := fmt.Sprintf("%d;%c", m.By.Seconds, m.By.Mode)
	if m.By.Trace {
		by += "T"
	}
	add(Size, m.Size > 0, "SIZE=", fmt.Sprint(m.Size))
	add(body, m.Body != BodyUnspecified, "BODY=", m.Body.String())
	add(SMTPUTF8, m.SMTPUTF8 || m.From.NeedsUTF8(), "SMTPUTF8", "")
	add(DSN, m.Ret != RetUnspecified, "RET=", m.Ret.String())
	add(DSN, m.EnvID != "", "ENVID=", addr.EncodeXtext(m.EnvID))
	add(Auth, m.AuthGiven, "AUTH=", auth)
	add(RequireTLS, m.RequireTLS, "REQUIRETLS", "")
	add(DeliverBy, m.By.Mode != 0, "BY=", by)
	add(MTPriority, m.PriorityGiven, "MT-PRIORITY=", fmt.Sprint(m.Priority))
	add(FutureRelease, m.HoldFor != 0, "HOLDFOR=", fmt.Sprint(int64(m.HoldFor/time.Second)))
	add(FutureRelease, !m.HoldUntil.IsZero(), "HOLDUNTIL=", m.HoldUntil.UTC().Format(time.RFC3339))
	return append(dst, "\r\n"...)
}

// AppendTo appends the RCPT command with the parameters that a server with these
// extensions knows.
func (r Rcpt) AppendTo(dst []byte, have Extensions) []byte {
	dst = fmt.Appendf(dst, "RCPT TO:%s", r.To.Path())
	if have.Has(DSN) {
		if r.Notify != 0 {
			dst = append(append(dst, " NOTIFY="...), r.Notify.String()...)
		}
		if r.ORcptType != "" {
			text := addr.EncodeXtext(r.ORcpt)
			if r.ORcptType == "utf-8" {
				text = addr.EncodeUnitext(r.ORcpt, have.Has(SMTPUTF8))
			}
			dst = append(append(dst, " ORCPT="...), r.ORcptType...)
			dst = append(append(dst, ';'), text...)
		}
	}
	return append(dst, "\r\n"...)
}

// checkLine refuses a command that would be two: values that were not made by a
// parser may hold anything.
func checkLine(line []byte) error {
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.ContainsAny(text, "\r\n\x00") {
		return errInjection
	}
	return nil
}
