package flow

import (
	"context"

	"restante/internal/proto/smtpwire"
)

// Filters are programs beside this one that look at a transaction while it goes on (flow/milter). They belong to one transaction and are not safe for
// concurrent use. An error is what the client is told: a smtpwire.Reply, or that a filter cannot be asked.
type Filters interface {
	// Recipient shows a recipient that would be taken.
	Recipient(ctx context.Context, r smtpwire.Rcpt) error
	// Data says that the message follows, under a queue id.
	Data(ctx context.Context, id string) error
	// Write shows octets of the message.
	Write(p []byte) (int, error)
	// Finish says that it was all, and returns what the filters want.
	Finish(ctx context.Context) Filtered
	// Close ends the transaction, however far it has come. It may be called again.
	Close()
}

// Filtered is what filters want done with a message. The zero value is nothing.
type Filtered struct {
	// Declined is why filters refuse it; nil: they do not.
	Declined error
	// Quarantine is why it is to be kept apart; empty: it is not.
	Quarantine string
	// Discard is who wants it dropped, though the client is told that it was taken; empty: nobody.
	Discard string
	// Fields are header fields to put before it, with CRLF line ends.
	Fields []byte
}
