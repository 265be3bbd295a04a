package inbound

import (
	"bytes"
	"context"
	"slices"

	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/flow/forward"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/authres"
)

// Message takes the octets of one message. It is not safe for concurrent use.
type Message struct {
	in   *Inbound
	env  flow.Envelope
	id   store.QueueID
	body *store.BodyWriter
	hops hops
	run  *check.Run      // nil: nothing is checked
	seal *forward.Seal   // nil: it is not sent on
	desk Sheet           // nil: none of the recipients is the Desk's
	own  *authres.Filter // before body; nil by LMTP: who brings it has looked at it, perhaps in our name
}

// Begin opens a message for an envelope whose recipients came from Recipient.
// A message that is neither committed nor aborted leaves nothing behind.
func (in *Inbound) Begin(ctx context.Context, env flow.Envelope) (*Message, error) {
	w, err := in.opts.Store.NewBody(ctx, store.BodyOptions{Binary: env.Mail.Body == smtpwire.BodyBinaryMIME})
	if err != nil {
		return nil, err
	}
	m := &Message{in: in, env: env, id: in.opts.Store.NewQueueID(), body: w, run: in.opts.Check.Begin(&env.Session), desk: in.sheet(ctx, &env)}
	for i := range env.Recipients {
		if m.run != nil && len(env.Recipients[i].Outside)+len(env.Recipients[i].Copies) > 0 {
			m.seal = in.opts.Forward.Begin()
		}
	}
	if !env.Session.LMTP {
		m.own = authres.NewFilter(w, in.opts.Host)
	}
	if env.Filters != nil {
		if err := env.Filters.Data(ctx, m.ID()); err != nil {
			m.Abort()
			return nil, err
		}
	}
	return m, nil
}

// ID is the queue id, as it stands in the reply, the log and the trace header.
func (m *Message) ID() string { return store.FormatQueueID(m.id) }

// Write implements io.Writer. store.ErrTooBig ends the message.
func (m *Message) Write(p []byte) (int, error) {
	m.hops.write(p)
	if m.run != nil {
		m.run.Write(p)
	}
	m.seal.Write(p)
	if m.desk != nil {
		m.desk.Write(p)
	}
	if m.env.Filters != nil {
		if _, err := m.env.Filters.Write(p); err != nil {
			return 0, err
		}
	}
	if m.own != nil {
		return m.own.Write(p)
	}
	return m.body.Write(p)
}

// Commit makes the message durable for its recipients. An error means that nobody
// has it; otherwise the receipt says who has.
func (m *Message) Commit(ctx context.Context) (flow.Receipt, error) {
	defer m.Abort()
	if m.own != nil {
		if err := m.own.Flush(); err != nil {
			return flow.Receipt{}, err
		}
	}
	var filtered flow.Filtered
	if m.env.Filters != nil {
		filtered = m.env.Filters.Finish(ctx)
	}
	body, err := m.body.Finish(ctx)
	if err != nil {
		return flow.Receipt{}, err
	}
	r := flow.Received{Envelope: m.env, Queue: m.id, Time: m.in.opts.Clock(), Body: body}
	if m.run != nil && m.hops.n < maxHops && filtered.Declined == nil {
		r.Evidence = m.run.Finish(ctx, &m.env, r.Time)
	}
	r.Hops, r.Door, r.Filtered = m.hops.n, m.env.Client, filtered
	m.in.postpone(ctx, &r)
	v := restrain(&r, decide(&r.Evidence, m.in.opts.Policy), m.in.opts.Policy)
	if v.Refuse == nil {
		v.Refuse = m.report(ctx, &r)
	}
	if v.Refuse != nil {
		m.in.opts.Observe(ctx, &r, &v, &flow.Receipt{Queue: r.Queue, Errs: slices.Repeat([]error{v.Refuse}, len(r.Recipients))})
		return flow.Receipt{}, v.Refuse
	}
	if v.Discard {
		receipt := flow.Receipt{Queue: r.Queue, Errs: make([]error, len(r.Recipients))}
		m.in.opts.Observe(ctx, &r, &v, &receipt)
		return receipt, nil
	}
	receipt := m.in.deliver(ctx, &r, route(&r, &v, m.in.opts.Host), m.seal)
	m.in.opts.Observe(ctx, &r, &v, &receipt)
	if !v.Junk && receipt.Failed() == nil {
		m.in.opts.Guard.Accepted(ctx, &r)
	}
	return receipt, nil
}

// Abort drops the message.
func (m *Message) Abort() {
	m.body = nil
	if m.desk != nil {
		m.desk.End()
	}
}

// hops counts Received fields while the header goes by; it keeps no more of a
// line than it needs.
type hops struct {
	n    int
	line [len(received)]byte
	have int
	done bool
}

const received = "received:"

func (h *hops) write(p []byte) {
	for len(p) > 0 && !h.done {
		i := bytes.IndexByte(p, '\n')
		text := p
		if i >= 0 {
			text = p[:i]
		}
		if k := min(len(text), len(h.line)-h.have); k > 0 {
			copy(h.line[h.have:], text[:k])
			h.have += k
		}
		if i < 0 {
			return
		}
		switch {
		case h.have == 0 || h.have == 1 && h.line[0] == '\r':
			h.done = true
		case h.have == len(h.line) && bytes.EqualFold(h.line[:], []byte(received)):
			h.n++
		}
		h.have = 0
		p = p[i+1:]
	}
}
