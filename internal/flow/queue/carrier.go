package queue

import (
	"context"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// Way is where recipients go together: those of one message and one Way are tried at once. It is comparable.
type Way struct {
	// Carrier is the name of the Carrier, as in Options.Carriers.
	Carrier string
	// Next is what it needs to know: a domain to find by the DNS, or a smart host. Concurrency, pace and back-off are counted by it.
	Next string
}

// Router says which way a recipient's address goes, now. An error that is Permanent fails the recipient, any other is tried again.
type Router interface {
	Route(ctx context.Context, to addr.Address) (Way, error)
}

// Attempt is one message for some of its recipients, one way.
type Attempt struct {
	Message *store.Queued // to read only
	To      []int         // places in Message.Recipients
	Way     Way
	Text    *store.Text
}

// Outcome is what came of an attempt for one recipient.
type Outcome struct {
	// State is QueueDelivered, QueueRelayed or QueueFailed; QueueWaiting is to be tried again.
	State store.QueueState
	// Host is whom we spoke to, for people: a name and an address.
	Host string
	// Reply is the last word of that host; its Code is 0 where there was none, and then Err says why.
	Reply smtpwire.Reply
	Err   error
	// Status is the status code for reports (RFC 3463) that goes with Err.
	Status smtpwire.Enhanced
	// Retry, when not zero, is when to try again at the earliest: what a host asked for.
	Retry time.Time
	// DSN says that the next host has taken over the duty to report (RFC 3461 5.2.1).
	DSN bool
	// Silent says that nobody answers whom the way leads to. After some of these in a row the way is left alone for a while, by everybody's messages. It is not for
	// what is wrong with one message or one recipient, nor for a host that answers and does not keep what was promised for it: other messages may do without.
	Silent bool
	// Evidence is for the trace: TLS version, policy, addresses that were tried.
	Evidence []string
	// Also is what takes the recipient's place in the queue: it is enqueued in the step that writes the outcome.
	Also []store.Enqueued
}

// Carrier tries to bring messages one kind of way. It is safe for concurrent use.
type Carrier interface {
	// Carry makes one attempt and returns an outcome for each of a.To. It ends by itself within bounds, sooner when ctx ends: then what is
	// not certain to be taken is to be tried again.
	Carry(ctx context.Context, a Attempt) []Outcome
}

// PermanentError fails what it is about at once, with a status code of RFC 3463.
type PermanentError struct {
	Status smtpwire.Enhanced
	Err    error
}

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *PermanentError) Unwrap() error { return e.Err }
