package feedback

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// letter is a message with a report.
type letter struct {
	to       []addr.Address
	subject  string // folded
	header   string // more fields, with their line ends
	kind     string // the media type of the whole, without its boundary
	text     string // for people
	file     string
	fileType string
	data     []byte // packed
	signed   bool   // without a signature it is not to be sent
}

var errUnsigned = errors.New("the domain of report.from has no DKIM key, and reports without a signature are ignored (restante dkim)")

// compose writes the message, as it is before it is signed.
func (c *Courier) compose(l *letter, id string) []byte {
	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	to := make([]string, len(l.to))
	for i, a := range l.to {
		to[i] = a.Path()
	}
	boundary := "=_" + id
	field("From", c.opts.From.Path())
	field("To", strings.Join(to, ",\r\n\t"))
	field("Subject", l.subject)
	field("Date", c.opts.Clock().Format(time.RFC1123Z))
	field("Message-ID", "<"+id+"@"+c.opts.Host+">")
	field("Auto-Submitted", "auto-generated") // RFC 3834 5
	b.WriteString(l.header)
	field("MIME-Version", "1.0")
	field("Content-Type", l.kind+";\r\n\tboundary=\""+boundary+"\"")
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n%s\r\n", boundary, strings.ReplaceAll(l.text, "\n", "\r\n"))
	fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n\tfilename=\"%s\"\r\n\r\n",
		boundary, l.fileType, l.file)
	text := base64.StdEncoding.EncodeToString(l.data)
	for len(text) > 0 {
		n := min(len(text), 76) // RFC 2045 6.8
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// mail signs a letter and puts it into the queue. Nobody hears if it does not arrive.
func (c *Courier) mail(ctx context.Context, l *letter) error {
	id := c.opts.Store.NewQueueID()
	text := c.compose(l, store.FormatQueueID(id))
	signature, err := c.sign(ctx, text)
	switch {
	case err != nil:
		return err
	case signature == nil && l.signed:
		return errUnsigned
	}
	w, err := c.opts.Store.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	body, err := w.Finish(ctx)
	if err != nil {
		return err
	}
	// The reverse-path is not null: SPF then stands for the author's domain, too (RFC 7489 7.2.1.1).
	out := queue.Outgoing{
		ID: id, Kind: store.QueueReport, Mail: smtpwire.Mail{From: c.opts.From}, Prepend: signature, Body: body,
		MessageID: store.FormatQueueID(id) + "@" + c.opts.Host, Time: c.opts.Clock(),
	}
	for _, a := range l.to {
		out.Mail.SMTPUTF8 = out.Mail.SMTPUTF8 || a.NeedsUTF8()
		out.To = append(out.To, queue.Recipient{Rcpt: smtpwire.Rcpt{To: a, Notify: smtpwire.NotifyNever}})
	}
	_, err = c.opts.Front.Enqueue(ctx, out)
	return err
}

// sign returns the signatures, nil where there are no keys.
func (c *Courier) sign(ctx context.Context, text []byte) ([]byte, error) {
	s, err := c.opts.Signer.Begin(ctx, c.opts.From.Domain)
	if err != nil || s == nil {
		return nil, err
	}
	if _, err := s.Write(text); err != nil {
		return nil, err
	}
	return s.Finish()
}
