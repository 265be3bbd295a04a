package submission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// maxHeader bounds a header, which is held in memory until it is whole.
const maxHeader = 256 << 10

// Message takes the octets of one message. It is not safe for concurrent use.
type Message struct {
	sub  *Submission
	env  flow.Envelope
	id   store.QueueID
	now  time.Time
	body *store.BodyWriter

	header    []byte // so far, until it is whole
	whole     bool
	sign      Signing // nil: it is not signed
	bcc       []byte
	messageID string
	begin     func(author) (Signing, error) // checks the author and begins the signature
}

// ID is the queue id, as it stands in the reply, the log and the trace header.
func (m *Message) ID() string { return store.FormatQueueID(m.id) }

// Write implements io.Writer. ErrNotYours, ErrHeader and store.ErrTooBig end the message.
func (m *Message) Write(p []byte) (int, error) {
	if m.whole {
		return len(p), m.emit(p)
	}
	// A blank line may be cut in two: three octets of what came before are looked at again.
	from := max(len(m.header)-3, 0)
	m.header = append(m.header, p...)
	end, rest := blankLine(m.header, from)
	if end < 0 {
		if len(m.header) > maxHeader {
			return 0, ErrHeader
		}
		return len(p), nil
	}
	return len(p), m.endHeader(m.header[:end], m.header[rest:])
}

// blankLine finds the blank line that ends a header: where the fields end, and where the body begins.
func blankLine(b []byte, from int) (end, rest int) {
	if bytes.HasPrefix(b, crlf) {
		return 0, 2
	}
	if i := bytes.Index(b[from:], []byte("\r\n\r\n")); i >= 0 {
		return from + i + 2, from + i + 4
	}
	return -1, -1
}

var crlf = []byte("\r\n")

// endHeader writes the header anew, then what has come of the body.
func (m *Message) endHeader(fields, rest []byte) error {
	d := defaults{from: m.env.Mail.From, date: m.now, messageID: m.ID() + "@" + m.sub.opts.Host}
	if d.from.IsZero() {
		d.from = m.env.Session.Identity.Address()
	}
	header, bcc, id, who := rewrite(fields, d)
	m.whole, m.header, m.bcc, m.messageID = true, nil, bytes.Clone(bcc), id
	var err error
	if m.sign, err = m.begin(who); err != nil {
		return err
	}
	if err := m.emit(header); err != nil {
		return err
	}
	return m.emit(rest)
}

func (m *Message) emit(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if m.sign != nil {
		if _, err := m.sign.Write(p); err != nil {
			return fmt.Errorf("submission: signing: %w", err)
		}
	}
	if m.env.Filters != nil { // they see what is sent: no Bcc
		if _, err := m.env.Filters.Write(p); err != nil {
			return err
		}
	}
	_, err := m.body.Write(p)
	return err
}

// author says whether the sender may write as the message says, and begins its signature.
func (s *Submission) author(ctx context.Context, e *flow.Envelope) func(author) (Signing, error) {
	return func(who author) (Signing, error) {
		if who.bad {
			return nil, ErrNotYours
		}
		for _, a := range who.addresses {
			if err := s.may(ctx, e.Session.Identity, a); err != nil {
				return nil, err
			}
		}
		if s.opts.Signer == nil {
			return nil, nil
		}
		return s.opts.Signer.Begin(ctx, who.addresses[0].Domain)
	}
}

// Commit makes the message durable. An error means that nothing is sent.
func (m *Message) Commit(ctx context.Context) (flow.Receipt, error) {
	if !m.whole { // a header without a body
		if len(m.header) > 0 && !bytes.HasSuffix(m.header, crlf) {
			m.header = append(m.header, crlf...)
		}
		if err := m.endHeader(m.header, nil); err != nil {
			return flow.Receipt{}, err
		}
	}
	var filtered flow.Filtered
	if m.env.Filters != nil {
		filtered = m.env.Filters.Finish(ctx)
	}
	if filtered.Declined != nil {
		return flow.Receipt{}, filtered.Declined
	}
	receipt := flow.Receipt{Queue: m.id, Errs: make([]error, len(m.env.Recipients))}
	if filtered.Discard != "" {
		m.sub.opts.Log.Warn("dropped", "queue_id", m.ID(), "login", m.env.Session.Identity.Login, "filter", filtered.Discard)
		return receipt, nil
	}
	prepend, err := m.prepend()
	if err != nil {
		return flow.Receipt{}, err
	}
	body, err := m.body.Finish(ctx)
	if err != nil {
		return flow.Receipt{}, err
	}
	out := queue.Outgoing{
		ID: m.id, Kind: store.QueueSubmitted, Account: m.env.Session.Identity.Account, Device: m.env.Session.Identity.Device,
		Mail: m.env.Mail, Prepend: append(filtered.Fields, prepend...), Body: body, MessageID: m.messageID, Time: m.now, Hold: filtered.Quarantine,
	}
	for i := range m.env.Recipients {
		out.To = append(out.To, queue.Recipient{Rcpt: m.env.Recipients[i].Rcpt})
	}
	if _, err := m.sub.opts.Front.Enqueue(ctx, out); err != nil {
		return flow.Receipt{}, err
	}
	m.sub.usage.sent(ctx, out.Account, out.To)
	sent, err := m.saveSent(ctx, body)
	if err != nil {
		m.sub.opts.Log.Error("no Sent copy", "queue_id", m.ID(), "login", m.env.Session.Identity.Login, "error", err)
	}
	m.sub.opts.Log.Info("submitted", "queue_id", m.ID(), "login", m.env.Session.Identity.Login, "from", m.env.Mail.From.String(),
		"rcpts", len(out.To), "size", body.Size(), "message_id", m.messageID)
	if m.sub.opts.Observe != nil {
		m.sub.opts.Observe(ctx, &flow.Submitted{Envelope: m.env, Queue: m.id, Time: m.now, MessageID: m.messageID, Size: body.Size(), Sent: sent})
	}
	return receipt, nil
}

// prepend is what stands before the message on its way: how it came, and the signatures.
func (m *Message) prepend() ([]byte, error) {
	s := &m.env.Session
	r := smtpwire.Received{Hello: "submission", By: m.sub.opts.Host, With: s.Protocol(m.env.Mail.SMTPUTF8), Cipher: s.Cipher, ID: m.ID(), Time: m.now}
	if m.sub.opts.ShowClient {
		r.Hello, r.Name, r.Peer = s.Hello, s.Name, s.Peer
	}
	b := r.AppendTo(nil)
	if m.sign == nil {
		return b, nil
	}
	fields, err := m.sign.Finish()
	if err != nil {
		return nil, fmt.Errorf("submission: signing: %w", err)
	}
	return append(fields, b...), nil
}

// Abort drops the message.
func (m *Message) Abort() { m.body = nil }

// saveSent keeps a copy for the sender, with the Bcc that nobody else sees. What his program saves itself is the same message (store.SentSource), and there is
// only one.
func (m *Message) saveSent(ctx context.Context, body *store.Body) (store.MessageID, error) {
	id := m.env.Session.Identity
	saves, err := m.sub.opts.Directory.SavesSent(ctx, id)
	if err != nil || !saves {
		return 0, err
	}
	h, err := m.sub.opts.Store.Account(ctx, id.Account)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	added, err := h.SaveSent(ctx, store.Origin{Device: id.Device, Protocol: store.ProtocolSMTP}, body, store.AddOptions{
		Flags: store.Seen, Internal: m.now, Prepend: m.bcc, Urgent: true,
	})
	if errors.Is(err, store.ErrNoMailbox) {
		return 0, nil // its owner does not want a Sent
	}
	return added.Message, err
}
