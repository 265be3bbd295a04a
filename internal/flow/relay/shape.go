package relay

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/mime"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// mail is the MAIL command for a host. An error is a *queue.PermanentError: the message cannot be brought to this host as its sender wants it.
func (d *delivery) mail(s *session, b *body) (smtpwire.Mail, error) {
	caps := s.c.Capabilities()
	m := d.a.Message.Mail
	m.Size, m.Body = b.size, b.kind
	if caps.MaxSize > 0 && m.Size > caps.MaxSize { // RFC 1870 6
		return m, permanent(3, 4, "the message has %d octets, and %s takes at most %d", m.Size, s.host, caps.MaxSize)
	}
	if m.SMTPUTF8 && !caps.Extensions.Has(smtpwire.SMTPUTF8) && !utf8Header(d.a.Text) {
		m.SMTPUTF8 = false // it was declared, and is not made use of
	}
	if m.From.IsZero() && !(s.sure && caps.Extensions.Has(smtpwire.RequireTLS)) {
		m.RequireTLS = false // RFC 8689 5: a report is not lost for it
	}
	if !s.auth {
		m.Auth, m.AuthGiven = m.From, false // RFC 4954 5: only for who trusts us
	}
	if err := d.deadline(&m, caps); err != nil {
		return m, err
	}
	var missing *smtpwire.UnsupportedError
	if err := m.Check(caps.Extensions); errors.As(err, &missing) {
		return m, unsupported(missing, s.host)
	}
	return m, nil
}

// deadline turns the time by which a message is to arrive back into what is left of it (RFC 2852 4.1.5).
func (d *delivery) deadline(m *smtpwire.Mail, caps smtpwire.Capabilities) error {
	by := d.a.Message.Deadline
	if m.By.Mode == 0 || by.IsZero() {
		m.By = smtpwire.By{}
		return nil
	}
	left := by.Sub(d.r.opts.Clock())
	if m.By.Mode == smtpwire.ByReturn && (left < time.Second || left < caps.MinBy) {
		return permanent(4, 7, "the message is to arrive within %v, and that cannot be", left.Round(time.Second))
	}
	m.By.Seconds = int32(left / time.Second)
	return nil
}

// unsupported is what a host cannot do and the message needs.
func unsupported(e *smtpwire.UnsupportedError, host string) error {
	switch {
	case e.Extension.Has(smtpwire.SMTPUTF8): // RFC 6531 3.2
		return permanent(6, 7, "the message has an address or a header outside ASCII (SMTPUTF8), which %s does not take", host)
	case e.Extension.Has(smtpwire.RequireTLS):
		return permanent(7, 30, "the sender requires TLS on the whole way, and %s does not promise it (REQUIRETLS)", host)
	case e.Extension.Has(smtpwire.DeliverBy):
		return permanent(3, 3, "the message is to arrive in time or come back (DELIVERBY), which %s cannot promise", host)
	}
	return permanent(3, 3, "%s: %v", host, e)
}

// refusedBy is the outcome of what we do not even ask a host for; errors that are not permanent are this server's own, and may pass.
func refusedBy(err error) queue.Outcome {
	o := queue.Outcome{Err: err}
	var p *queue.PermanentError
	if errors.As(err, &p) {
		o.State, o.Status = store.QueueFailed, p.Status
	}
	return o
}

// speakable leaves the recipients whose addresses the host can take.
func (d *delivery) speakable(s *session, group []int) []int {
	if s.c.Capabilities().Extensions.Has(smtpwire.SMTPUTF8) {
		return group
	}
	left := group[:0]
	for _, i := range group {
		if d.rcpt(i).To.NeedsUTF8() {
			d.settle(s, i, refusedBy(unsupported(&smtpwire.UnsupportedError{Extension: smtpwire.SMTPUTF8}, s.host)))
			continue
		}
		left = append(left, i)
	}
	return left
}

// maxHeader is how much of a message is looked at for its header.
const maxHeader = 256 << 10

// header reads the header of a message; whole says that it is all of it.
func header(t *store.Text) (head []byte, whole bool) {
	if t == nil {
		return nil, true
	}
	var buf []byte
	for step := 8 << 10; len(buf) < maxHeader; step *= 2 {
		n := len(buf)
		buf = append(buf, make([]byte, step)...)
		k, err := t.ReadAt(buf[n:], int64(n))
		buf = buf[:n+k]
		if i := bytes.Index(buf, []byte("\r\n\r\n")); i >= 0 {
			return buf[:i+2], true
		}
		if err != nil || k == 0 {
			return buf, err == nil || errors.Is(err, io.EOF)
		}
	}
	return buf, false
}

// utf8Header says whether a header has anything outside ASCII, or cannot be read.
func utf8Header(t *store.Text) bool {
	head, whole := header(t)
	for _, c := range head {
		if c >= 0x80 {
			return true
		}
	}
	return !whole
}

// waives says whether a message asks to be sent rather in the clear than not at all (RFC 8689 3).
func waives(t *store.Text) bool {
	head, _ := header(t)
	v, ok := mime.Get(head, "TLS-Required")
	return ok && strings.EqualFold(strings.TrimSpace(v), "no")
}
