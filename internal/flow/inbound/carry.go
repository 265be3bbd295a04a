package inbound

import (
	"context"
	"errors"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// Carrier is the name under which the queue knows Carry.
const Carrier = "here"

// Carry implements queue.Carrier for recipients whose mailboxes are here. A repetition after a crash finds its own queue id in the mailbox and adds
// nothing.
func (in *Inbound) Carry(ctx context.Context, a queue.Attempt) []queue.Outcome {
	out := make([]queue.Outcome, len(a.To))
	body, err := in.opts.Store.ReuseBody(ctx, a.Message)
	if err != nil {
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	r := flow.Received{
		Envelope: flow.Envelope{Session: flow.Session{LMTP: true}, Mail: a.Message.Mail}, // LMTP: each recipient has an answer of his own
		Queue:    a.Message.ID, Carried: true, Time: in.opts.Clock(), Body: body,
	}
	var place []int // in out, of each of r.Recipients
	for i, n := range a.To {
		rcpt, err := in.carried(ctx, a.Message, &a.Message.Recipients[n])
		if err := mailbox(rcpt, err); err != nil {
			out[i] = outcome(err)
			continue
		}
		r.Recipients, place = append(r.Recipients, rcpt), append(place, i)
	}
	var v flow.Verdict
	rt := route(&r, &v, in.opts.Host)
	for i := range rt.Deliveries {
		o := &rt.Deliveries[i].Options
		o.Prepend = append(returnPath(a.Message, o.Recipient), a.Message.Prepend...)
	}
	receipt := flow.Receipt{Queue: r.Queue, Errs: make([]error, len(r.Recipients))}
	also := in.entries(ctx, &r, rt.Forwards, a.Message.Prepend, nil, &receipt)
	in.local(ctx, &r, rt, nil, &receipt)
	for i, at := range place {
		if err := receipt.Errs[i]; err != nil && !errors.Is(err, errIDTaken) {
			out[at] = outcome(err)
			continue
		}
		out[at] = queue.Outcome{State: store.QueueDelivered, Host: in.opts.Host}
		if len(r.Recipients[i].Accounts) == 0 {
			out[at].State = store.QueueRelayed // RFC 3461 5.2.7.4: who had asked to hear of success hears that it has gone on
		}
	}
	onward(also, &receipt)
	for _, e := range also { // in the step that writes the outcome, so that a crash between doubles nothing
		if o := &out[place[e.of]]; o.State != store.QueueWaiting && o.State != store.QueueFailed {
			o.Also = append(o.Also, e.Enqueued)
		}
	}
	if len(place) > 0 {
		in.opts.Observe(ctx, &r, &v, &receipt)
	}
	return out
}

// carried finds who is behind a recipient in the queue. One that was made of an address of ours has been sent on as far as it goes.
func (in *Inbound) carried(ctx context.Context, m *store.Queued, r *store.QueuedRecipient) (flow.Recipient, error) {
	alone := flow.Envelope{Mail: smtpwire.Mail{From: m.Mail.From, Size: m.Size()}}
	if m.Kind == store.QueueSubmitted {
		alone.Session.Identity.Account = m.Account // submission has asked who it is
	}
	if r.Source != "" {
		return in.behind(ctx, &alone, r.Rcpt, in.opts.Directory.Mailboxes)
	}
	return in.Recipient(ctx, &alone, r.Rcpt)
}

// returnPath is the trace header of what was queued here: the rest of the way stands in what is before the body.
func returnPath(m *store.Queued, login string) []byte {
	b := append(make([]byte, 0, 256+len(m.Prepend)), "Return-Path: "...)
	b = append(append(b, m.Mail.From.Path()...), "\r\nDelivered-To: "...)
	return append(append(b, login...), "\r\n"...)
}

// outcome is what a refusal means for a recipient in the queue.
func outcome(err error) queue.Outcome {
	status := func(class, subject, detail uint16) smtpwire.Enhanced {
		return smtpwire.Enhanced{Class: class, Subject: subject, Detail: detail}
	}
	fail := func(subject, detail uint16) queue.Outcome {
		return queue.Outcome{State: store.QueueFailed, Err: err, Status: status(5, subject, detail)}
	}
	switch { // the same answers as at the door: serve/smtpd/errors.go
	case errors.Is(err, directory.ErrUnknownUser):
		return fail(1, 1)
	case errors.Is(err, directory.ErrNotLocal):
		return fail(1, 2)
	case errors.Is(err, ErrNotMember):
		return fail(7, 2)
	case errors.Is(err, ErrReportsOnly):
		return fail(7, 1)
	case errors.Is(err, directory.ErrClosed):
		return fail(2, 1)
	case errors.Is(err, directory.ErrAliasLoop), errors.Is(err, ErrLoop):
		return fail(4, 6)
	case errors.Is(err, ErrFull):
		return fail(2, 2)
	case errors.Is(err, store.ErrOverQuota):
		return queue.Outcome{Err: err, Status: status(4, 2, 2)}
	case errors.Is(err, store.ErrTooBig):
		return fail(3, 4)
	}
	return queue.Outcome{Err: err}
}
