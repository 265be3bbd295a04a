package report

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/dsn"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// Options are what a Bounce works with.
type Options struct {
	Store *store.Store // required
	Front *queue.Front // required
	Host  string       // this host's name; letters come from mailer-daemon there
	Clock func() time.Time
}

// Bounce writes delivery status notifications. It is safe for concurrent use.
type Bounce struct{ opts Options }

// New returns a Bounce.
func New(o Options) *Bounce {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Bounce{o}
}

// maxReturned is the largest message that comes back whole; of larger ones the header does.
const maxReturned = 100 << 10

// Report implements queue.Reporter.
func (b *Bounce) Report(ctx context.Context, q *store.Queued, s queue.Settled) ([]store.Enqueued, error) {
	l := letter{bounce: b, q: q, now: b.opts.Clock(), id: b.opts.Store.NewQueueID()}
	l.gather(s)
	if len(l.report.Recipients) == 0 || q.Mail.From.IsZero() {
		return nil, nil
	}
	body, err := l.write(ctx)
	if err != nil {
		return nil, fmt.Errorf("report: about %s: %w", store.FormatQueueID(q.ID), err)
	}
	mail := smtpwire.Mail{SMTPUTF8: l.utf8, Body: smtpwire.Body8BitMIME, RequireTLS: q.Mail.RequireTLS} // RFC 8689 5
	return []store.Enqueued{b.opts.Front.Entry(&queue.Outgoing{
		ID: l.id, Kind: store.QueueReport, Mail: mail, Body: body, MessageID: l.messageID(), Time: l.now,
		To: []queue.Recipient{{Rcpt: smtpwire.Rcpt{To: q.Mail.From, NonASCII: q.Mail.NonASCII, Notify: smtpwire.NotifyNever}}}, // RFC 3461 6.1
	})}, nil
}

// letter is one report in the making.
type letter struct {
	bounce *Bounce
	q      *store.Queued
	now    time.Time
	id     store.QueueID
	report dsn.Report
	utf8   bool
}

func (l *letter) messageID() string {
	return store.FormatQueueID(l.id) + "@" + l.bounce.opts.Host
}

// gather makes the fields.
func (l *letter) gather(s queue.Settled) {
	l.report = dsn.Report{EnvelopeID: l.q.Mail.EnvID, ReportingMTA: l.bounce.opts.Host, Arrival: l.q.Accepted}
	for _, set := range []struct {
		list   []int
		action dsn.Action
	}{{s.Failed, dsn.Failed}, {s.Delayed, dsn.Delayed}, {s.Relayed, dsn.Relayed}, {s.Delivered, dsn.Delivered}} {
		for _, n := range set.list {
			l.report.Recipients = append(l.report.Recipients, l.recipient(&l.q.Recipients[n], set.action))
		}
	}
	l.utf8 = l.report.NeedsUTF8() || l.q.Mail.From.NeedsUTF8() || l.q.Mail.SMTPUTF8
}

func (l *letter) recipient(r *store.QueuedRecipient, action dsn.Action) dsn.Recipient {
	out := dsn.Recipient{OriginalType: r.ORcptType, Original: r.ORcpt, Final: r.To, Action: action, LastAttempt: r.Last, WillRetryUntil: l.q.Expires}
	code, status, _ := split(r.Reply)
	if forwarder, err := addr.Parse(r.Source); err == nil {
		out.Final = forwarder // where mail is forwarded to is its owner's business
	} else if code != 0 {
		out.RemoteMTA, _, _ = strings.Cut(r.Host, " ")
		out.Diagnostic = r.Reply
	}
	out.Status = fit(action, status)
	return out
}

// split reads what the queue keeps of an outcome: "550 5.1.1 text", "4.4.7 text" or text.
func split(reply string) (code int, status smtpwire.Enhanced, text string) {
	text = reply
	if n, _ := fmt.Sscanf(text, "%3d ", &code); n == 1 && code >= 200 && code <= 599 && len(text) > 3 && text[3] == ' ' {
		text = text[4:]
	} else {
		code = 0
	}
	var e smtpwire.Enhanced
	word, rest, _ := strings.Cut(text, " ")
	if n, _ := fmt.Sscanf(word, "%d.%d.%d", &e.Class, &e.Subject, &e.Detail); n == 3 && word == e.String() {
		return code, e, rest
	}
	return code, smtpwire.Enhanced{Class: uint16(code / 100)}, text
}

// fit makes a status that says what the action says (RFC 3464 2.3.4): a recipient who has failed because time was up was last refused for now.
func fit(action dsn.Action, status smtpwire.Enhanced) smtpwire.Enhanced {
	class := map[dsn.Action]uint16{dsn.Failed: 5, dsn.Delayed: 4, dsn.Relayed: 2, dsn.Delivered: 2}[action]
	expired := smtpwire.Enhanced{Class: 4, Subject: 4, Detail: 7}
	switch {
	case action == dsn.Failed && status == expired, status.Class == class:
		return status
	case class == 2:
		return smtpwire.Enhanced{Class: 2}
	}
	return smtpwire.Enhanced{Class: class, Subject: status.Subject, Detail: status.Detail}
}

// write writes the letter.
func (l *letter) write(ctx context.Context) (*store.Body, error) {
	w, err := l.bounce.opts.Store.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		return nil, err
	}
	original, whole, err := l.original(ctx)
	if err != nil {
		return nil, err
	}
	boundary := "=_" + store.FormatQueueID(l.id)
	host := l.bounce.opts.Host
	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("From", "Mail delivery <mailer-daemon@"+host+">")
	field("To", l.q.Mail.From.Path())
	field("Subject", l.subject())
	field("Date", l.now.Format(time.RFC1123Z))
	field("Message-ID", "<"+l.messageID()+">")
	field("Auto-Submitted", "auto-replied") // RFC 3834 5
	if l.q.MessageID != "" {
		field("In-Reply-To", "<"+l.q.MessageID+">")
		field("References", "<"+l.q.MessageID+">")
	}
	field("MIME-Version", "1.0")
	field("Content-Type", fmt.Sprintf("multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"", boundary)) // RFC 6522 3
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary)
	b.WriteString(strings.ReplaceAll(l.text(whole), "\n", "\r\n"))
	status := "message/delivery-status"
	if l.utf8 {
		status = "message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit" // RFC 6533 5
	}
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\n\r\n", boundary, status)
	b.Write(l.report.AppendTo(nil, l.utf8))
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary, returned(whole, l.utf8))
	if _, err := w.Write(b.Bytes()); err != nil {
		return nil, err
	}
	if _, err := w.Write(original); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(w, "\r\n--%s--\r\n", boundary); err != nil {
		return nil, err
	}
	return w.Finish(ctx)
}

// returned is the type of the part with the original (RFC 6522 2, RFC 6533 6).
func returned(whole, utf8 bool) string {
	switch {
	case whole && utf8:
		return "message/global"
	case whole:
		return "message/rfc822"
	case utf8:
		return "message/global-headers"
	}
	return "text/rfc822-headers"
}

// original is what comes back of the message: all of it where something has failed and its sender has not asked for less (RFC 3461 4.3), nor asked for
// TLS all the way (RFC 8689 5), it is not large, and it is text.
func (l *letter) original(ctx context.Context) (text []byte, whole bool, err error) {
	t := l.bounce.opts.Store.QueuedText(l.q)
	whole = l.q.Mail.Ret != smtpwire.RetHeaders && !l.q.Mail.RequireTLS && t.Size() <= maxReturned && l.q.Mail.Body != smtpwire.BodyBinaryMIME && l.failed()
	n := t.Size()
	if !whole {
		n = min(n, maxReturned)
	}
	var b bytes.Buffer
	if err := t.CopyRange(ctx, &b, 0, n); err != nil {
		return nil, false, err
	}
	text = b.Bytes()
	if !whole {
		if i := bytes.Index(text, []byte("\r\n\r\n")); i >= 0 {
			text = text[:i+2]
		}
	}
	return text, whole, nil
}

func (l *letter) failed() bool {
	for i := range l.report.Recipients {
		if l.report.Recipients[i].Action == dsn.Failed {
			return true
		}
	}
	return false
}
