// Package submission takes what our users send (RFC 6409): it says who may send as whom, makes a sound message of what their programs
// wrote, signs it, hands it to the queue, and keeps a copy in Sent.
//
// # Model
//
// A Submission is the backend of a submission server. The header of a message is held until it is whole and then written again (header.go):
// Bcc goes, what is missing comes. The rest streams. At the end the message is enqueued, and only then is its Sent copy saved, under the same id.
//
// # Invariants
//
//   - Nobody sends as somebody else: neither the reverse-path nor the author's address (RFC 6409 6.1, 8).
//   - What is answered with 250 is in the queue.
//   - Recipients of Bcc are in nobody's message but the sender's own copy (RFC 5322 3.6.3).
//
// # What it does not do
//
// It does not say where mail goes: that is the queue's, for recipients here as for all others.
package submission

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/milter"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// What a Submission refuses, beside the errors of the store.
var (
	// ErrNotYours says that the address is not one of the sender's.
	ErrNotYours = errors.New("submission: not an address of the sender's")
	// ErrTooMany says that the account has sent enough for one day.
	ErrTooMany = errors.New("submission: too much for one day")
	// ErrHeader says that the header cannot be made sound.
	ErrHeader = errors.New("submission: the header is too long")
	// ErrSuppressed says that a recipient does not exist, as this sender has heard before. It is a *SuppressedError.
	ErrSuppressed = errors.New("submission: there is no such address")
)

// Directory is what a Submission asks of *directory.Directory.
type Directory interface {
	// MaySend says whether an identity may send as an address: nil, or an error that says no for now.
	MaySend(ctx context.Context, id directory.Identity, a addr.Address) (bool, error)
	// SavesSent says whether messages that a device sends are saved in Sent.
	SavesSent(ctx context.Context, id directory.Identity) (bool, error)
}

// Signer signs messages.
type Signer interface {
	// Begin begins a signature for an author's domain. A nil Signing says that there are no keys for it.
	Begin(ctx context.Context, domain addr.Domain) (Signing, error)
}

// Signing takes the octets of one message, with CRLF line ends.
type Signing interface {
	Write(p []byte) (int, error)
	// Finish returns the header fields to put before the message.
	Finish() ([]byte, error)
}

// Options are what a Submission works with.
type Options struct {
	Store     *store.Store  // required
	Directory Directory     // required
	Front     *queue.Front  // required
	Host      string        // this host's name
	Signer    Signer        // nil: nothing is signed
	Suppress  *Suppressions // nil: nobody is
	Limits    Limits
	// Filters are asked about what is sent; nil: there are none.
	Filters *milter.Client
	// ShowClient puts the client's name and address into the trace header for all to read.
	ShowClient bool
	// Observe is called for each message that is in the queue. It must neither block nor keep or change what it is given. Nil: nobody looks.
	Observe func(ctx context.Context, s *flow.Submitted)
	Clock   func() time.Time
	Log     *slog.Logger
}

// Submission takes messages. It is safe for concurrent use.
type Submission struct {
	opts  Options
	usage *usage
}

// New returns a Submission.
func New(o Options) *Submission {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Submission{opts: o, usage: newUsage(o.Store, o.Limits.withDefaults(), o.Clock)}
}

// Sender says whether mail is taken with this reverse-path. The null one is for what programs answer by themselves.
func (s *Submission) Sender(ctx context.Context, e *flow.Envelope) error {
	err := s.usage.messages(ctx, e.Session.Identity.Account)
	if err == nil && !e.Mail.From.IsZero() {
		err = s.may(ctx, e.Session.Identity, e.Mail.From)
	}
	if err == nil {
		e.Filters, err = s.opts.Filters.Begin(ctx, &e.Session, &e.Mail)
	}
	return err
}

func (s *Submission) may(ctx context.Context, id directory.Identity, a addr.Address) error {
	ok, err := s.opts.Directory.MaySend(ctx, id, a)
	if err == nil && !ok {
		err = ErrNotYours
	}
	return err
}

// Recipient takes any recipient; what becomes of him is the queue's to find out.
func (s *Submission) Recipient(ctx context.Context, e *flow.Envelope, r smtpwire.Rcpt) (flow.Recipient, error) {
	account := e.Session.Identity.Account
	if s.opts.Suppress != nil {
		if err := s.opts.Suppress.Check(ctx, account, r.To); err != nil {
			return flow.Recipient{}, err
		}
	}
	if err := s.usage.recipient(ctx, account, r.To, e.Recipients); err != nil {
		return flow.Recipient{}, err
	}
	if e.Filters != nil {
		if err := e.Filters.Recipient(ctx, r); err != nil {
			return flow.Recipient{}, err
		}
	}
	return flow.Recipient{Rcpt: r}, nil
}

// Begin opens a message.
func (s *Submission) Begin(ctx context.Context, e flow.Envelope) (*Message, error) {
	body, err := s.opts.Store.NewBody(ctx, store.BodyOptions{Binary: e.Mail.Body == smtpwire.BodyBinaryMIME})
	if err != nil {
		return nil, err
	}
	m := &Message{sub: s, env: e, id: s.opts.Store.NewQueueID(), now: s.opts.Clock(), body: body, begin: s.author(ctx, &e)}
	if e.Filters != nil {
		if err := e.Filters.Data(ctx, m.ID()); err != nil {
			return nil, err
		}
	}
	return m, nil
}
