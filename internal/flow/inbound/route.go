package inbound

import (
	"context"
	"errors"

	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/flow/forward"
	"restante/internal/proto/mime"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/authres"
)

// route says where each account's copy goes. An account that several recipients
// stand for gets the message once.
func route(r *flow.Received, v *flow.Verdict, host string) flow.Route {
	var out flow.Route
	seen := make(map[store.AccountID]bool)
	results := append(results(r, host), r.Fields...) // what filters have added, too
	for i := range r.Recipients {
		for _, a := range r.Recipients[i].Accounts {
			if seen[a.ID] {
				continue
			}
			seen[a.ID] = true
			d := store.Delivery{Account: a.ID, Options: store.AddOptions{
				Internal: r.Time, Prepend: trace(r, a, host, results), Queue: r.Queue, Recipient: a.Login,
			}}
			if v.Junk {
				d.Mailbox = func(tx *store.Tx) (store.MailboxID, error) { return tx.ByRole(store.RoleJunk) }
			}
			out.Deliveries = append(out.Deliveries, d)
			out.Of = append(out.Of, i)
		}
	}
	out.Forwards = forwards(r, v)
	return out
}

// results is what was found out about a message, for those who read it; nil where nothing was checked.
func results(r *flow.Received, host string) []byte {
	if !r.Checked {
		return nil
	}
	return authres.Append(nil, host, check.Results(&r.Evidence, r.Mail.From.String()))
}

// trace is the header that stands before the message in one account: the
// reverse-path (RFC 5321 4.4), whose copy this is, what was found out about it (RFC 8601 4), and how it came.
func trace(r *flow.Received, a flow.Account, host string, results []byte) []byte {
	b := append(make([]byte, 0, 512), "Return-Path: "...)
	b = append(append(b, r.Mail.From.Path()...), "\r\nDelivered-To: "...)
	b = append(append(append(b, a.Login...), "\r\n"...), results...)
	return append(b, came(r, host)...)
}

// came is how a message came.
func came(r *flow.Received, host string) []byte {
	rec := smtpwire.Received{
		Hello: r.Session.Hello, Name: r.Session.Name, Peer: r.Session.Peer, By: host,
		With: r.Session.Protocol(r.Mail.SMTPUTF8), Cipher: r.Session.Cipher,
		ID: store.FormatQueueID(r.Queue), Time: r.Time,
	}
	if len(r.Recipients) == 1 { // two would tell them of each other (RFC 5321 7.2)
		rec.For = r.Recipients[0].To
	}
	return rec.AppendTo(nil)
}

// looped says whether the message was in this account's hands before: it carries
// the mark that our own trace puts there.
func looped(r *flow.Received, login string) bool {
	for f := range mime.Fields(r.Body.Message().Header) {
		if f.Is("Delivered-To") && f.Text() == login {
			return true
		}
	}
	return false
}

// deliver gives the route to the store, and what goes on to the queue.
func (in *Inbound) deliver(ctx context.Context, r *flow.Received, rt flow.Route, seal *forward.Seal) flow.Receipt {
	out := flow.Receipt{Queue: r.Queue, Errs: make([]error, len(r.Recipients))}
	also := in.entries(ctx, r, rt.Forwards, came(r, in.opts.Host), seal, &out)
	in.local(ctx, r, rt, also, &out)
	if r.Session.LMTP {
		in.enqueue(ctx, also, &out)
	}
	onward(also, &out)
	return out
}

// local delivers to the accounts here; what goes on is part of that where there is one answer for all.
func (in *Inbound) local(ctx context.Context, r *flow.Received, rt flow.Route, also []entry, out *flow.Receipt) {
	keep := rt.Deliveries[:0:0]
	of := rt.Of[:0:0]
	for i, d := range rt.Deliveries {
		if looped(r, d.Options.Recipient) {
			out.Errs[rt.Of[i]] = ErrLoop
			continue
		}
		keep, of = append(keep, d), append(of, rt.Of[i])
	}
	var done []store.Delivered
	switch {
	case r.Session.LMTP:
		origin := store.Origin{Protocol: store.ProtocolLMTP}
		if r.Carried {
			origin.Protocol = store.ProtocolServer
		}
		done = in.opts.Store.Deliver(ctx, origin, r.Body, keep)
	case out.Failed() != nil:
		return // one answer for all: one that loops stops it
	default:
		done = in.together(ctx, r, keep, also, out)
	}
	for i, d := range done {
		switch {
		case errors.Is(d.Err, store.ErrOverQuota):
			out.Errs[of[i]] = in.noRoom(ctx, keep[i].Account, uint64(r.Body.Size()))
		case d.Err != nil:
			out.Errs[of[i]] = d.Err
		case d.Duplicate:
			// Every transaction has an id of its own, so this is another message's: a
			// clock that went back. The client keeps it and comes with a new id.
			out.Errs[of[i]] = errIDTaken
		default:
			out.Copies = append(out.Copies, flow.Copy{
				Of: of[i], Account: flow.Account{ID: keep[i].Account, Login: keep[i].Options.Recipient}, Mailbox: d.Mailbox, Message: d.Message,
			})
		}
	}
}

// noRoom is full for a message that has come.
func (in *Inbound) noRoom(ctx context.Context, id store.AccountID, size uint64) error {
	h, err := in.opts.Store.Account(ctx, id)
	if err != nil {
		return err
	}
	defer h.Close()
	return in.full(ctx, h, size)
}
