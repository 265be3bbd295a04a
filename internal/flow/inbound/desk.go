package inbound

import (
	"context"
	"errors"
	"io"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
)

// ErrNotTaken means that a message for an address that takes reports alone is none that is taken; it wraps the Desk's reason.
var ErrNotTaken = errors.New("inbound: this address takes reports alone")

// Desk takes messages that are for the server itself: the reports of other servers. *feedback.Desk is one. It is safe for concurrent use.
type Desk interface {
	// Takes says whether an address is one of its own, and alone whether no mailbox or alias has that name, so that nobody else gets the message.
	Takes(ctx context.Context, a addr.Address) (takes, alone bool)
	// Begin begins with a message.
	Begin() Sheet
}

// Sheet is one message at a Desk. It is not safe for concurrent use.
type Sheet interface {
	io.Writer // does not fail
	// Take reads the message and keeps what is in it. Where again says so, another try may help.
	Take(ctx context.Context, r *flow.Received) (again bool, err error)
	// End lets go of what is held; it may be called more than once.
	End()
}

// desk says whether a forward-path is the Desk's alone.
func (in *Inbound) desk(ctx context.Context, r smtpwire.Rcpt) bool {
	if in.opts.Desk == nil {
		return false
	}
	takes, alone := in.opts.Desk.Takes(ctx, r.To)
	return takes && alone
}

// sheet begins with a message for the Desk, nil if none of its recipients is.
func (in *Inbound) sheet(ctx context.Context, e *flow.Envelope) Sheet {
	if in.opts.Desk == nil {
		return nil
	}
	for i := range e.Recipients {
		if takes, _ := in.opts.Desk.Takes(ctx, e.Recipients[i].To); takes {
			return in.opts.Desk.Begin()
		}
	}
	return nil
}

// report hands the message to the Desk. What is no report is refused where nobody else gets it: nothing vanishes without a word.
func (m *Message) report(ctx context.Context, r *flow.Received) error {
	if m.desk == nil {
		return nil
	}
	again, err := m.desk.Take(ctx, r)
	switch {
	case err == nil:
		return nil
	case again:
		return err
	}
	for i := range r.Recipients {
		if !deskAlone(&r.Recipients[i]) {
			return nil
		}
	}
	return errors.Join(ErrNotTaken, err)
}

// mailbox says that a recipient of the queue has one: what goes to the Desk alone comes from other servers alone.
func mailbox(r flow.Recipient, err error) error {
	if err == nil && deskAlone(&r) {
		return directory.ErrUnknownUser
	}
	return err
}

// deskAlone says whether a recipient that was accepted is the Desk and nobody else.
func deskAlone(r *flow.Recipient) bool { return reach(r) == 0 }
