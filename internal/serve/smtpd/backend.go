package smtpd

import (
	"context"
	"io"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/guard"
	"restante/internal/flow/inbound"
	"restante/internal/flow/submission"
	"restante/internal/proto/smtpwire"
)

// Backend is what smtpd asks of the rest; flow/inbound answers (see [Inbound]). It
// is safe for concurrent use. Its errors are domain errors that errors.go has a
// reply for; all others are answered with 451, logged, and never shown.
type Backend interface {
	// Sender says whether mail is taken from this client with this reverse-path; the envelope has no recipients yet.
	Sender(ctx context.Context, e *flow.Envelope) error
	// Recipient says whether mail is taken for a forward-path, which may be
	// <Postmaster> without a domain, and for whom; the envelope has the recipients so far.
	Recipient(ctx context.Context, e *flow.Envelope, r smtpwire.Rcpt) (flow.Recipient, error)
	// Begin opens a message for an envelope whose recipients came from Recipient. An
	// error is the answer to DATA: the client sends nothing.
	Begin(ctx context.Context, e flow.Envelope) (Message, error)
}

// Guard is what smtpd asks about a client beside its mail; *guard.Guard answers. It is safe for concurrent use.
type Guard interface {
	// Connect says whether a client may speak, and how long its greeting is to wait.
	Connect(s *flow.Session) (greet time.Duration, err error)
	// Failed is told of each command that was refused.
	Failed(s *flow.Session)
}

var _ Guard = (*guard.Guard)(nil)

// Message takes the text of one message: lines that end with CR LF, without
// dot-stuffing and without bare CR, bare LF or NUL; but the text of a
// BODY=BINARYMIME envelope may be anything. Exactly one of Commit and Abort is
// called, once, after the last Write.
type Message interface {
	io.Writer
	// ID is the queue id, by which the message can be found in logs and traces.
	ID() string
	// Commit makes the message durable for its recipients. An error means that
	// nobody has it.
	//
	// SMTP has one reply for all recipients. A backend that has taken a message for
	// some and cannot for others has to send reports for those and leave no error in
	// the receipt (RFC 5321 4.4); any error there is the reply to all, so that the
	// client keeps the message: a double is better than a loss.
	Commit(ctx context.Context) (flow.Receipt, error)
	// Abort drops what was written.
	Abort()
}

// Inbound returns the backend that delivers here.
func Inbound(in *inbound.Inbound) Backend { return local{in} }

// Submission returns the backend for those who send.
func Submission(s *submission.Submission) Backend { return outgoing{s} }

type outgoing struct{ *submission.Submission }

func (o outgoing) Begin(ctx context.Context, e flow.Envelope) (Message, error) {
	m, err := o.Submission.Begin(ctx, e)
	if err != nil {
		return nil, err
	}
	return m, nil
}

type local struct{ *inbound.Inbound }

func (l local) Begin(ctx context.Context, e flow.Envelope) (Message, error) {
	m, err := l.Inbound.Begin(ctx, e)
	if err != nil {
		return nil, err // not m: a nil *inbound.Message is not a nil Message
	}
	return m, nil
}
