// Package forward sends mail on for addresses of ours that stand for addresses of
// other hosts.
//
// # Model
//
// What is sent on stays what it was: the body, the header, and From. The envelope
// is ours: a reverse-path of the domain that sends it on (proto/srs), so that SPF
// finds this host allowed, and reports come here and are sent on to who wrote.
//
// # Invariants
//
//   - Nobody learns from our reports where an address leads: they name the address
//     that mail was sent to (store.QueuedRecipient.Source).
//   - The null reverse-path stays null (RFC 5321 4.5.5).
//   - What was sent on bears the mark of who did it: Delivered-To. It is not sent
//     on by the same address again.
//
// # What it does not do
//
// It does not say what may be sent on: flow/inbound does.
package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/proto/srs"
	"restante/internal/store"
	"restante/internal/trust/dkim"
)

// Domains says which domains are ours: *directory.Directory.
type Domains interface {
	Hosts(ctx context.Context, domain addr.Domain) (bool, error)
}

// Keys has the keys that mail is sealed with: *signing.Keys.
type Keys interface {
	// Sealing returns the RSA key of a domain, nil where it has none.
	Sealing(ctx context.Context, domain addr.Domain) (*dkim.Key, error)
}

// Options are what a Forwarder works with; the first three are required.
type Options struct {
	Store   *store.Store
	Front   *queue.Front
	Domains Domains
	Keys    Keys   // nil: nothing is sealed
	Host    string // this host's name, as in Authentication-Results
	Clock   func() time.Time
}

// Forwarder sends mail on. It is safe for concurrent use.
type Forwarder struct {
	opts    Options
	secrets secrets
}

// New returns a Forwarder.
func New(o Options) *Forwarder {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Forwarder{opts: o}
}

// Entry is what is put into the queue for a copy that goes on; id 0 is a new one. trace stands before the message, and says how it has come. seal has seen the message;
// nil where it is not sealed.
func (f *Forwarder) Entry(ctx context.Context, r *flow.Received, fw *flow.Forward, id store.QueueID, trace []byte, seal *Seal) (store.Enqueued, error) {
	to := &r.Recipients[fw.Of]
	o := queue.Outgoing{ID: id, Kind: store.QueueForwarded, Mail: r.Mail, Prepend: trace, Body: r.Body, MessageID: r.Body.Message().MessageID, Time: r.Time}
	// They have done their work.
	o.Mail.HoldFor, o.Mail.HoldUntil, o.Mail.Auth, o.Mail.AuthGiven = 0, time.Time{}, addr.Address{}, false
	if !fw.Alone { // RFC 3461 5.2.7.3 (a)
		o.Mail.EnvID, o.Mail.Ret = "", 0
	}
	if !fw.Here {
		var err error
		if o.Mail.From, err = f.path(ctx, r.Mail.From, to.Name.Domain); err != nil {
			return store.Enqueued{}, err
		}
		if o.Prepend, err = f.seal(ctx, r, to.Name.Domain, seal); err != nil {
			return store.Enqueued{}, err
		}
		o.Prepend = append(append(o.Prepend, "Delivered-To: "+to.Name.String()+"\r\n"...), trace...)
	}
	for _, a := range fw.To {
		o.Mail.SMTPUTF8 = o.Mail.SMTPUTF8 || a.NeedsUTF8()
		rcpt := smtpwire.Rcpt{To: a, NonASCII: a.NeedsUTF8(), Notify: to.Notify & smtpwire.NotifyNever}
		if fw.Alone { // RFC 3461 5.2.7.2, but for SUCCESS: the report of another host would tell where the address leads (5.2.7.4)
			rcpt.Notify, rcpt.ORcptType, rcpt.ORcpt = to.Notify&^smtpwire.NotifySuccess, to.ORcptType, to.ORcpt
			if rcpt.Notify == 0 && to.Notify != 0 {
				rcpt.Notify = smtpwire.NotifyNever
			}
		}
		if fw.Quiet { // RFC 3461 5.2.7.3 (b): who keeps it has what was asked for
			rcpt.Notify = smtpwire.NotifyNever
		}
		o.To = append(o.To, queue.Recipient{Rcpt: rcpt, Source: to.Name.String()})
	}
	return f.opts.Front.Entry(&o), nil
}

// path is the reverse-path of what a domain sends on.
func (f *Forwarder) path(ctx context.Context, from addr.Address, domain addr.Domain) (addr.Address, error) {
	if from.IsZero() || from.Domain == "" {
		return from, nil
	}
	ours, err := f.opts.Domains.Hosts(ctx, from.Domain)
	if err != nil || ours { // this host may send for it, and hears of failures
		return from, err
	}
	keys, err := f.keys(ctx)
	if err != nil {
		return addr.Address{}, err
	}
	out, err := keys.Forward(from, domain, f.opts.Clock())
	if errors.Is(err, srs.ErrTooLong) {
		return from, nil // better by a host that asks no SPF than not at all
	}
	return out, err
}

// Back returns where a report to an address of ours goes on to, and the errors of srs.
func (f *Forwarder) Back(ctx context.Context, to addr.Address) (addr.Address, error) {
	keys, err := f.keys(ctx)
	if err != nil {
		return addr.Address{}, err
	}
	back, err := keys.Back(to, f.opts.Clock())
	if err != nil {
		return addr.Address{}, fmt.Errorf("forward: %s: %w", to, err)
	}
	return back, nil
}
