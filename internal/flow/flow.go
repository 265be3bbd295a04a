// Package flow is the life of a message from acceptance to a mailbox or the
// next host, as values that each stage takes from the one before and adds to:
//
//	Envelope + octets -> Received -> Verdict -> Route -> Receipt
//
// A stage appends evidence; the decision is one pure function over it. No stage
// calls back to an earlier one. This package has the values only; the stages are
// the packages below it.
package flow

import (
	"fmt"
	"net/netip"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// ErrDomainFull means that there is room in the mailbox, but all those of its domain together have none. It is a store.ErrOverQuota.
var ErrDomainFull = fmt.Errorf("flow: the quota of the domain: %w", store.ErrOverQuota)

// Session is what is known of the client that brings a message.
type Session struct {
	Peer   netip.Addr // not valid for a local socket
	Local  netip.Addr // this machine's end; not valid for a local socket
	Name   string     // its name in the DNS where that holds both ways; may be empty
	Hello  string     // what it calls itself; not to be believed
	Cipher string     // TLS cipher suite by its registered name; empty without TLS
	LMTP   bool
	TLS    bool
	// TLSVersion is "TLS 1.3"; empty without TLS, or where a proxy ends it and does not say.
	TLSVersion string
	Proxied    bool // a proxy says who it is
	// Extended says that the client greeted with EHLO or LHLO.
	Extended bool
	// Identity is who has logged in; the zero value is nobody.
	Identity directory.Identity
}

// Known says whether the client has logged in.
func (s *Session) Known() bool { return s.Identity.Account != 0 }

// Protocol is the session's word in the trace header.
func (s *Session) Protocol(utf8 bool) smtpwire.Protocol {
	return smtpwire.Protocol{LMTP: s.LMTP, Extended: s.Extended, UTF8: utf8, TLS: s.TLS, Auth: s.Known()}
}

// Recipient is a forward-path that was accepted, and the accounts behind it.
type Recipient struct {
	smtpwire.Rcpt
	// Accounts, Outside, Copies and Later are one at least, but for submissions: the queue finds them.
	Accounts []Account
	Detail   string // the tag of user+tag; may be empty
	// Name is the address of ours that has brought the message where it goes: what it is called in reports, and in the mark that cuts loops.
	Name    addr.Address
	Outside []addr.Address // of other hosts, that it is sent on to
	Copies  []addr.Address // the same, for those who keep it here: nobody is told when that fails
	Later   []Account      // of several that have no room now: the queue waits for it
}

// Account is one account that a message is for.
type Account struct {
	ID    store.AccountID
	Login string // its address, in canonical form
}

// Envelope is an SMTP or LMTP transaction.
type Envelope struct {
	Session    Session
	Mail       smtpwire.Mail
	Recipients []Recipient // at least one
	Filters    Filters     // nil: nobody else looks at it; whoever ends the transaction closes them
	Client     Door        // what was found out about who brings it; filled in by who takes the sender
	// Refused is what the client was told no to so far; of very many the first.
	Refused []Rejection
}

// Rejection is a no to a client, in a transaction.
type Rejection struct {
	Stage string         // MAIL, RCPT or DATA
	To    addr.Address   // at RCPT: whom it is about
	Reply smtpwire.Reply // zero where none could be given any more
	Err   error          // what led to it, for the operator; nil: the reply says all
}

// Received is a message that is wholly here but nobody's yet.
type Received struct {
	Envelope
	Queue   store.QueueID
	Carried bool // the queue brings it, that has it from somebody here: there was no client, and nobody looks at it again
	Time    time.Time
	Body    *store.Body
	Evidence
}

// Submitted is a message of one of our users that is in the queue.
type Submitted struct {
	Envelope
	Queue     store.QueueID
	Time      time.Time
	MessageID string
	Size      int64
	// Sent is the copy in the sender's mailbox; 0: there is none.
	Sent store.MessageID
}

// Verdict is what is to be done with a message, and why. The zero value
// accepts it.
type Verdict struct {
	// Refuse, when not nil, is why the whole message is not taken.
	Refuse error
	// Discard says that nobody gets it, though the client is told that it was taken.
	Discard bool
	// Junk says that it goes to the junk mailbox.
	Junk bool
	// Stay says that nothing of it is sent on.
	Stay bool
	// Why says in a few words what led there; empty where nothing did.
	Why string
}

// Route is where each recipient's copy goes; Deliveries[i] belongs to the
// recipient with number Of[i].
type Route struct {
	Deliveries []store.Delivery
	Of         []int
	Forwards   []Forward
}

// Forward is a copy that goes on by the queue, for one recipient.
type Forward struct {
	Of int // the recipient
	To []addr.Address
	// Alone says that the recipient stands for nobody else.
	Alone bool
	// Quiet says that nobody is told what becomes of it.
	Quiet bool
	// Here says that these are accounts of ours that wait for room.
	Here bool
}

// Receipt says what became of a message. When Err is nil for a recipient, its
// copies are on disk.
type Receipt struct {
	Queue store.QueueID
	// Errs has an entry for each recipient, in the order of the envelope.
	Errs []error
	// Copies are what accounts have got.
	Copies []Copy
	// Onward is what goes on by the queue.
	Onward []Onward
}

// Onward is what goes on for one recipient.
type Onward struct {
	Of    int           // the recipient
	Queue store.QueueID // that of the message itself for the first one
	From  addr.Address  // the reverse-path that it goes with
	To    []addr.Address
	Here  bool // these are accounts of ours that wait for room
}

// Copy is what one account has got of a message.
type Copy struct {
	Of      int // the recipient of the envelope that it is for
	Account Account
	Mailbox store.MailboxID
	Message store.MessageID
}

// Failed returns the first error, nil when every recipient has the message.
func (r *Receipt) Failed() error {
	for _, err := range r.Errs {
		if err != nil {
			return err
		}
	}
	return nil
}
