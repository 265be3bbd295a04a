package trace

import (
	"time"

	"restante/internal/store"
)

// Stage says what an event tells of.
type Stage string

// The stages.
const (
	Arrived   Stage = "arrived"   // a client has brought it for mailboxes here; see Outcome
	Submitted Stage = "submitted" // one of our users has sent it; it is in the queue
	Refused   Stage = "refused"   // a client was told no
	Delivered Stage = "delivered" // the queue has brought it to mailboxes here
	Tried     Stage = "tried"     // an attempt of the queue, or the end of its patience
	Told      Stage = "told"      // its sender was written to: Other is that letter
	Letter    Stage = "letter"    // it is such a letter, about Other
	Forwarded Stage = "forwarded" // it is a copy of Other that goes on from here
	Handled   Stage = "handled"   // somebody has held it, released it, taken it back or had it tried at once
)

// Event is what one stage has done with a message. Fields that do not belong to its stage are zero.
type Event struct {
	Queue store.QueueID `json:"-"`
	Time  time.Time     `json:"time,omitzero"` // to the microsecond
	Stage Stage         `json:"stage"`

	Client    *Client     `json:"client,omitempty"`
	From      string      `json:"from,omitempty"` // the reverse-path; empty is the null one
	To        []Recipient `json:"to,omitempty"`
	More      int         `json:"more,omitempty"` // recipients that are left out of To
	MessageID string      `json:"message_id,omitempty"`
	Size      int64       `json:"size,omitempty"`
	Checks    []Check     `json:"checks,omitempty"`
	// Outcome is of Arrived: "accepted", "junk", "dropped" (nobody got it, though the client was told that it was taken), "refused" or "failed".
	// Of Told it is what the sender hears of, as in Attempt.State.
	Outcome  string    `json:"outcome,omitempty"`
	Why      string    `json:"why,omitempty"`
	Refusals []Refusal `json:"refusals,omitempty"`
	Copies   []Copy    `json:"copies,omitempty"`
	Onward   []Onward  `json:"onward,omitempty"`
	Attempt  *Attempt  `json:"attempt,omitempty"`
	Other    string    `json:"other,omitempty"` // the queue id of another message that this one led to, or comes from
}

// Client is who brought a message.
type Client struct {
	Address string `json:"address,omitempty"` // empty: by a socket of this machine
	Name    string `json:"name,omitempty"`    // in the DNS, where that holds both ways
	Hello   string `json:"hello,omitempty"`   // what it calls itself
	With    string `json:"with"`              // "ESMTPS", as trace headers have it
	TLS     string `json:"tls,omitempty"`     // version
	Cipher  string `json:"cipher,omitempty"`
	Proxied bool   `json:"proxied,omitempty"` // a proxy said who it is

	Account store.AccountID `json:"account,omitempty"` // who had logged in; 0: nobody
	Login   string          `json:"login,omitempty"`
	Device  string          `json:"device,omitempty"`
}

// Recipient is whom a message is for, and what became of that.
type Recipient struct {
	Address string `json:"address"`
	Error   string `json:"error,omitempty"` // why it has not got it
}

// Check is one thing that was found out about a message, in the words of Authentication-Results (RFC 8601).
type Check struct {
	Method string   `json:"method"`
	Result string   `json:"result"`
	About  []string `json:"about,omitempty"` // values of what was looked at: a domain, a selector
	Reason string   `json:"reason,omitempty"`
}

// Refusal is a no to a client.
type Refusal struct {
	Stage string `json:"stage"`           // MAIL, RCPT or DATA
	To    string `json:"to,omitempty"`    // whom it is about, at RCPT
	Reply string `json:"reply,omitempty"` // empty: the connection was lost
	Why   string `json:"why,omitempty"`   // where it says more than the reply
}

// Copy is what one account has got.
type Copy struct {
	For     string          `json:"for,omitempty"` // the address that it was sent to, where that is not the account's
	Account store.AccountID `json:"account,omitempty"`
	Login   string          `json:"login,omitempty"`
	Message store.MessageID `json:"message,omitempty"`
	Sent    bool            `json:"sent,omitempty"` // the sender's own
}

// Onward is a copy that goes on from here.
type Onward struct {
	Queue string      `json:"queue_id"`
	From  string      `json:"from,omitempty"` // the reverse-path that it goes with
	To    []Recipient `json:"to"`
	More  int         `json:"more,omitempty"`
	Here  bool        `json:"here,omitempty"` // to mailboxes here that have no room now
}

// Attempt is one of the queue's.
type Attempt struct {
	State    string    `json:"state"` // waiting, delivered, relayed or failed
	Number   int       `json:"number"`
	Host     string    `json:"host,omitempty"`
	Reply    string    `json:"reply,omitempty"`
	Next     time.Time `json:"next,omitzero"`
	Evidence []string  `json:"evidence,omitempty"`
}

// failed says whether somebody has not got the message, for good or for now.
func (e *Event) failed() bool {
	switch {
	case e.Stage == Refused, e.Outcome == "refused", e.Outcome == "failed", e.Attempt != nil && e.Attempt.State == "failed":
		return true
	case e.Stage == Told:
		return e.Outcome == "waiting" // it is late
	}
	for i := range e.To {
		if e.To[i].Error != "" {
			return true
		}
	}
	return len(e.Refusals) > 0
}

// final says whether an event ends something, so that it must not be missing.
func (e *Event) final() bool {
	return e.Stage != Tried || e.Attempt == nil || e.Attempt.State != "waiting"
}

// begins says whether it is the first of its life.
func (e *Event) begins() bool {
	return e.Stage == Arrived || e.Stage == Submitted || e.Stage == Letter || e.Stage == Forwarded
}
