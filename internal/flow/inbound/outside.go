package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/forward"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/proto/srs"
	"restante/internal/store"
	"restante/internal/trust/dmarc"
)

// What is refused of mail that would go on to other hosts.
var (
	// ErrReportsOnly means an address that was made for reports about mail that we have sent on, and takes nothing else.
	ErrReportsOnly = errors.New("inbound: the address takes reports only")
	// ErrNotMember means an address that only some of our people may write to.
	ErrNotMember = errors.New("inbound: not one of those who may write to this address")
	// ErrNotSentOn means a message that may not go where the recipient's mail goes on to, and that nobody here would keep.
	ErrNotSentOn = errors.New("inbound: not sent on")
)

// back is the recipient behind an address that we have sent mail on from: what comes there is a report for who had written (RFC 5321 6.1). ok is false for all other
// addresses.
func (in *Inbound) back(ctx context.Context, e *flow.Envelope, r smtpwire.Rcpt) (out flow.Recipient, ok bool, err error) {
	if in.opts.Forward == nil || !srs.Is(r.To.Local) {
		return out, false, nil
	}
	if _, err := in.opts.Directory.Lookup(ctx, r.To); errors.Is(err, directory.ErrNotLocal) {
		return out, true, err
	}
	to, err := in.opts.Forward.Back(ctx, r.To)
	switch {
	case errors.Is(err, srs.ErrSyntax), errors.Is(err, srs.ErrForged), errors.Is(err, srs.ErrExpired):
		return out, true, fmt.Errorf("%w: %w", directory.ErrUnknownUser, err)
	case err != nil:
		return out, true, err
	case !e.Mail.From.IsZero():
		return out, true, ErrReportsOnly
	}
	return flow.Recipient{Rcpt: r, Name: r.To, Outside: []addr.Address{to}}, true, nil
}

// behind finds who is behind an address.
func (in *Inbound) behind(ctx context.Context, e *flow.Envelope, r smtpwire.Rcpt, lookup func(context.Context, addr.Address) (directory.Target, error)) (flow.Recipient, error) {
	t, err := lookup(ctx, r.To)
	if err != nil {
		return flow.Recipient{}, err
	}
	out := flow.Recipient{Rcpt: r, Detail: t.Detail, Name: t.Name, Outside: t.Outside, Copies: t.Copies}
	if !t.Admits(e.Session.Identity.Account) {
		return flow.Recipient{}, ErrNotMember
	}
	if len(t.Outside)+len(t.Copies) > 0 && in.opts.Forward == nil {
		return flow.Recipient{}, directory.ErrNotLocal
	}
	var full error
	for _, a := range t.Recipients {
		one := flow.Account{ID: a.Account, Login: a.Login}
		switch err := in.room(ctx, a.Account, e.Mail.Size); {
		case err == nil:
			out.Accounts = append(out.Accounts, one)
		case in.opts.Forward != nil && isFull(err):
			// Of an address that stands for many, one who has no room does not stop the mail for the others.
			out.Later, full = append(out.Later, one), err
		default:
			return flow.Recipient{}, err
		}
	}
	if len(out.Accounts)+len(out.Outside) == 0 {
		return flow.Recipient{}, full // nobody can take it: the sender keeps it, and knows
	}
	return out, nil
}

func isFull(err error) bool { return errors.Is(err, store.ErrOverQuota) || errors.Is(err, ErrFull) }

// postpone looks once more who of several has no room, where the client had not told how large the message is.
func (in *Inbound) postpone(ctx context.Context, r *flow.Received) {
	size := r.Body.Size()
	if in.opts.Forward == nil || size <= r.Mail.Size {
		return
	}
	r.Recipients = slices.Clone(r.Recipients)
	for i := range r.Recipients {
		to := &r.Recipients[i]
		var room, later []flow.Account
		for _, a := range to.Accounts {
			if reach(to) > 1 && isFull(in.room(ctx, a.ID, size)) {
				later = append(later, a)
			} else {
				room = append(room, a)
			}
		}
		if len(later) > 0 && len(room)+len(to.Outside) > 0 {
			to.Accounts, to.Later = room, slices.Concat(to.Later, later)
		}
	}
}

// reach is how many places a recipient's message goes to.
func reach(r *flow.Recipient) int {
	return len(r.Accounts) + len(r.Outside) + len(r.Copies) + len(r.Later)
}

// restrain is what becomes of a verdict when mail goes on to other hosts: what they would take for junk is not sent there, or they would soon take
// nothing from us, and neither is what would borrow a name of ours. There must be somebody here who keeps it instead, or the sender hears of it.
func restrain(r *flow.Received, v flow.Verdict, p Policy) flow.Verdict {
	if v.Refuse != nil || v.Discard {
		return v
	}
	if v.Stay = v.Junk; !v.Stay {
		v.Stay, v.Why = borrowed(r, v.Why, p)
	}
	if !v.Stay {
		return v
	}
	for i := range r.Recipients {
		switch to := &r.Recipients[i]; {
		case len(to.Later) > 0:
			v.Refuse = store.ErrOverQuota
			return v
		case len(to.Outside) > 0 && len(to.Accounts) == 0:
			v.Refuse = fmt.Errorf("%w: %s", ErrNotSentOn, v.Why)
			return v
		}
	}
	return v
}

// borrowed says that a message claims an author of the very domain that would send it on, and is not his: from this host, with a reverse-path of that domain, it
// would pass there (SPF, and DMARC by it).
func borrowed(r *flow.Received, why string, p Policy) (bool, string) {
	for i := range r.DMARC {
		d := &r.DMARC[i]
		if _, vouched := r.ARC.Vouched(d.Author, p.Sealers); d.Status != dmarc.Fail || r.Forwarder || vouched {
			continue
		}
		for j := range r.Recipients {
			to := &r.Recipients[j]
			if len(to.Outside)+len(to.Copies) > 0 && related(string(d.Author), string(to.Name.Domain)) {
				return true, fmt.Sprintf("DMARC of %s: %s: %s", d.Author, d.Status, d.Reason)
			}
		}
	}
	return false, why
}

// related says whether one domain is the other, or below it.
func related(a, b string) bool {
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}

// forwards are the copies that go on by the queue. An address that several recipients lead to gets the message once.
func forwards(r *flow.Received, v *flow.Verdict) (out []flow.Forward) {
	if v.Stay {
		return nil
	}
	seen := make(map[addr.Address]bool)
	fresh := func(list []addr.Address) (out []addr.Address) {
		for _, a := range list {
			if !seen[a] {
				seen[a] = true
				out = append(out, a)
			}
		}
		return out
	}
	for i := range r.Recipients {
		to := &r.Recipients[i]
		alone := reach(to) == 1
		if list := fresh(to.Outside); len(list) > 0 {
			out = append(out, flow.Forward{Of: i, To: list, Alone: alone})
		}
		if list := fresh(to.Copies); len(list) > 0 {
			out = append(out, flow.Forward{Of: i, To: list, Quiet: true})
		}
		var later []addr.Address
		for _, a := range to.Later {
			if one, err := addr.Parse(a.Login); err == nil { // a login is an address
				later = append(later, one)
			}
		}
		if list := fresh(later); len(list) > 0 {
			out = append(out, flow.Forward{Of: i, To: list, Here: true})
		}
	}
	return out
}

// entry is what goes into the queue for one recipient.
type entry struct {
	of   int
	here bool
	store.Enqueued
}

// entries makes the copies that go on ready for the queue; way is how the message has come. Recipients with whom that cannot be done get an error in out.
func (in *Inbound) entries(ctx context.Context, r *flow.Received, list []flow.Forward, way []byte, seal *forward.Seal, out *flow.Receipt) (entries []entry) {
	for i := range list {
		fw := &list[i]
		if !fw.Here && looped(r, r.Recipients[fw.Of].Name.String()) {
			out.Errs[fw.Of] = ErrLoop
			continue
		}
		id := store.QueueID(0)
		if len(entries) == 0 && !r.Carried {
			id = r.Queue // what the sender was told
		}
		trace := way
		if fw.Here {
			trace = append(results(r, in.opts.Host), way...)
		}
		e, err := in.opts.Forward.Entry(ctx, r, fw, id, trace, seal)
		if err != nil {
			out.Errs[fw.Of] = err
			continue
		}
		entries = append(entries, entry{fw.Of, fw.Here, e})
	}
	return entries
}

// onward is what has gone on, where its recipient has not failed.
func onward(entries []entry, out *flow.Receipt) {
	for _, e := range entries {
		if out.Errs[e.of] != nil {
			continue
		}
		one := flow.Onward{Of: e.of, Queue: e.Message.ID, From: e.Message.Mail.From, Here: e.here}
		for i := range e.Message.Recipients {
			one.To = append(one.To, e.Message.Recipients[i].To)
		}
		out.Onward = append(out.Onward, one)
	}
}

// enqueue puts what goes on into the queue after the deliveries, for each recipient by itself.
func (in *Inbound) enqueue(ctx context.Context, entries []entry, out *flow.Receipt) {
	for _, e := range entries {
		if out.Errs[e.of] == nil {
			out.Errs[e.of] = in.opts.Store.Enqueue(ctx, e.Enqueued)
		}
	}
}

// together delivers to all and enqueues all, or nothing.
func (in *Inbound) together(ctx context.Context, r *flow.Received, to []store.Delivery, also []entry, out *flow.Receipt) (done []store.Delivered) {
	var list []store.Enqueued
	for _, e := range also {
		list = append(list, e.Enqueued)
	}
	var err error
	switch {
	case len(to) > 0:
		done = in.opts.Store.DeliverAll(ctx, store.Origin{Protocol: store.ProtocolSMTP}, r.Body, to, list...)
		for i := range done {
			if done[i].Err != nil {
				err = store.ErrNotDelivered
			}
		}
	case len(list) > 0:
		err = in.opts.Store.Enqueue(ctx, list...)
	}
	for _, e := range also {
		out.Errs[e.of] = err // its accounts may say more
	}
	return done
}
