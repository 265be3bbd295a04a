// Package inbound is the way in: it says which recipients are ours, takes the
// octets of a message while they arrive, and makes it durable for all of its
// recipients before the protocol answers.
//
// Its stages are values to values: octets become flow.Received (message.go),
// decide turns that into a flow.Verdict (verdict.go), route into a flow.Route
// (route.go), and the store's answer into a flow.Receipt. A
// message that came by SMTP, which has one answer for all, is delivered to every
// recipient or to none, so that a sender who tries again doubles nothing; LMTP
// answers for each recipient.
//
// Nothing is queued on the way in: the recipients of one transaction fit into
// one atomic batch of the store (docs/decisions).
package inbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/flow/forward"
	"restante/internal/flow/guard"
	"restante/internal/flow/milter"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// What Inbound refuses, beside the errors of directory.Lookup and of the store.
// Protocols translate them in one table.
var (
	// ErrLoop means that the message has been here before, or everywhere.
	ErrLoop = errors.New("inbound: mail loop")
	// ErrTooManyAccounts means that the transaction's recipients stand for more
	// accounts than one delivery takes: the rest goes into another transaction.
	ErrTooManyAccounts = errors.New("inbound: too many recipients in one transaction")

	// ErrFull means that the mailbox has been full for so long that the sender is told, or that the message would not fit if it were empty. Before
	// that it is store.ErrOverQuota, and the sender tries again.
	ErrFull = errors.New("inbound: the mailbox is full")

	errIDTaken = errors.New("inbound: the queue id belongs to another message")
)

const (
	// maxHops is how many Received fields a message may come with. deviates: RFC
	// 5321 6.3 says "normally at least 100"; 50 is Postfix's limit, which the
	// mail of the world has long been living with.
	maxHops = 50
	// maxAccounts is how many accounts one transaction may reach; they are
	// delivered to in one batch.
	maxAccounts = 128
)

// Directory is what inbound asks of the directory.
type Directory interface {
	Lookup(ctx context.Context, a addr.Address) (directory.Target, error)
	Mailboxes(ctx context.Context, a addr.Address) (directory.Target, error)
}

// Domains is what inbound asks of *domainquota.Totals.
type Domains interface {
	// Full says since when there has been no room in the domain of an account; never is for what would not fit if there were nothing else.
	Full(ctx context.Context, id store.AccountID, size uint64) (since time.Time, never bool, err error)
}

// Options are what an Inbound works with.
type Options struct {
	Store     *store.Store // required
	Directory Directory    // required
	Host      string       // this host's name, for the trace header
	// Grace is for how long mail for a full mailbox is deferred before it is refused; default 3 days.
	Grace time.Duration
	// Domains knows the quotas of domains; nil: there are none.
	Domains Domains
	// Guard looks at strangers before they bring anything; nil: nobody does.
	Guard *guard.Guard
	// Forward sends on what goes to other hosts, and waits for those without room; nil: addresses that lead outside are not taken.
	Forward *forward.Forwarder
	// Desk takes the reports of other servers; nil: nobody does.
	Desk Desk
	// Filters are asked about mail by SMTP; nil: there are none.
	Filters *milter.Client
	// Check looks at what strangers bring; nil: nobody does.
	Check *check.Checker
	// Policy says what is done with what it finds.
	Policy Policy
	// Observe is called once for each message that has come to its end, whether it was taken, refused by its verdict, or could not be written, and before
	// anybody is answered. out has an entry for each recipient, also of a message that was refused. Nothing of it may be changed, or kept after the call,
	// which must not block. Nil: nobody looks.
	Observe func(ctx context.Context, r *flow.Received, v *flow.Verdict, out *flow.Receipt)
	Clock   func() time.Time
}

// Inbound takes messages in. It is safe for concurrent use.
type Inbound struct{ opts Options }

// New returns an Inbound.
func New(opts Options) *Inbound {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Observe == nil {
		opts.Observe = func(context.Context, *flow.Received, *flow.Verdict, *flow.Receipt) {}
	}
	if opts.Grace == 0 {
		opts.Grace = 3 * 24 * time.Hour
	}
	if opts.Host == "" {
		opts.Host = "localhost"
	}
	return &Inbound{opts: opts}
}

// Sender says whether mail is taken from a client with a reverse-path, and notes in the envelope what was found out about the client. What speaks against it is
// told at the first recipient: postmaster hears everybody. Errors: those of guard.Guard and of filters.
func (in *Inbound) Sender(ctx context.Context, e *flow.Envelope) error {
	err := in.opts.Guard.Sender(ctx, e)
	if err == nil && !e.Session.LMTP {
		e.Filters, err = in.opts.Filters.Begin(ctx, &e.Session, &e.Mail)
	}
	return err
}

// Recipient says whether mail for a forward-path is taken, and for which
// accounts; the envelope has the recipients so far.
//
// Errors: those of directory.Lookup (relaying is directory.ErrNotLocal),
// store.ErrOverQuota or ErrFull when the declared size does not fit, ErrTooManyAccounts, ErrReportsOnly, ErrHello, ErrListed, those of guard.Guard and of filters.
func (in *Inbound) Recipient(ctx context.Context, e *flow.Envelope, r smtpwire.Rcpt) (flow.Recipient, error) {
	if err := in.welcome(e, r); err != nil {
		return flow.Recipient{}, err
	}
	if in.desk(ctx, r) {
		return flow.Recipient{Rcpt: r}, nil
	}
	out, ok, err := in.back(ctx, e, r)
	if !ok {
		out, err = in.behind(ctx, e, r, in.opts.Directory.Lookup)
	}
	if err != nil {
		if errors.Is(err, directory.ErrUnknownUser) || errors.Is(err, directory.ErrNotLocal) {
			in.opts.Guard.Unknown(e)
		}
		return flow.Recipient{}, err
	}
	n := reach(&out)
	for i := range e.Recipients {
		n += reach(&e.Recipients[i])
	}
	if n > maxAccounts && len(e.Recipients) > 0 {
		return flow.Recipient{}, ErrTooManyAccounts
	}
	err = in.opts.Guard.Meet(ctx, e, &out)
	if err == nil && e.Filters != nil {
		err = e.Filters.Recipient(ctx, r)
	}
	return out, err
}

// welcome says whether a client may name a recipient, whoever that is.
func (in *Inbound) welcome(e *flow.Envelope, r smtpwire.Rcpt) error {
	if err := in.opts.Guard.Recipient(e); err != nil {
		return err
	}
	if guard.Postmaster(r.To) {
		return nil
	}
	return decideClient(&e.Client, in.opts.Policy).Refuse
}

// room says whether a message of the declared size fits into the quota.
func (in *Inbound) room(ctx context.Context, id store.AccountID, size int64) error {
	h, err := in.opts.Store.Account(ctx, id)
	if err != nil {
		return fmt.Errorf("inbound: account %d: %w", id, err)
	}
	defer h.Close()
	if !h.View().Fits(1, uint64(max(size, 1))) {
		return in.full(ctx, h, uint64(max(size, 1)))
	}
	return nil
}

// full is the error for an account without room: for a time its mail is deferred, so that its owner can make room; then it is refused, so that senders
// learn of it. What would not fit into an empty mailbox is refused at once.
func (in *Inbound) full(ctx context.Context, h *store.Account, size uint64) error {
	if q := h.View().Quota(); q.Octets > 0 && size > q.Octets {
		return ErrFull
	}
	since, err := in.fullSince(ctx, h, size)
	if err != nil {
		return err
	}
	if in.opts.Clock().Sub(since) >= in.opts.Grace {
		return ErrFull
	}
	return store.ErrOverQuota
}

// fullSince is since when there has been no room, in the account or in its domain.
func (in *Inbound) fullSince(ctx context.Context, h *store.Account, size uint64) (time.Time, error) {
	if in.opts.Domains == nil || !errors.Is(h.View().Room(1, size), flow.ErrDomainFull) {
		return h.NoteFull(ctx)
	}
	since, never, err := in.opts.Domains.Full(ctx, h.ID(), size)
	if never {
		err = ErrFull
	}
	return since, err
}
