package smtpd

import (
	"context"
	"fmt"
	"io"
	"time"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
)

// data runs DATA and reads the message (RFC 5321 4.1.1.4).
func (x *session) data(ctx context.Context, _ string) {
	switch {
	case x.tx == nil:
		x.refuseWith(badSequence("MAIL comes first"))
		return
	case x.tx.chunks != nil: // RFC 3030 2: DATA and BDAT do not mix
		x.failWith(badSequence("DATA after BDAT"))
		return
	case x.tx.env.Mail.Body == smtpwire.BodyBinaryMIME: // RFC 3030 3
		x.failWith(badSequence("BINARYMIME needs BDAT"))
		return
	case len(x.tx.env.Recipients) == 0 && x.opts.LMTP: // RFC 2033 4.2
		x.refuseWith(badSequence("no valid recipients"))
		return
	case len(x.tx.env.Recipients) == 0:
		x.refuse(errNoRcpts)
		return
	}
	if err := x.begin(ctx); err != nil {
		answer := x.replyTo(err)
		x.note("DATA", addr.Address{}, answer, err)
		x.refuseWith(answer)
		x.reset()
		return
	}
	x.reply(smtpwire.Reply{Code: 354, Text: "Start mail input; end with <CRLF>.<CRLF>"})
	d := smtpwire.NewDataReader(x.c.Reader(), x.bodyLimits())
	_, err := d.WriteTo(x.body())
	if err != nil {
		x.abort()
		if lost := d.Drain(); lost != nil {
			x.unreadable(err, lost)
			return
		}
	}
	x.finish(ctx, err)
}

// begin opens the message of the transaction.
func (x *session) begin(ctx context.Context) error {
	msg, err := x.opts.Backend.Begin(ctx, x.tx.env)
	if err == nil {
		x.tx.msg, x.tx.id = msg, msg.ID()
	}
	return err
}

// abort drops the message and keeps the transaction.
func (x *session) abort() {
	if x.tx.msg != nil {
		x.tx.msg.Abort()
		x.tx.msg = nil
	}
}

// failWith answers what leaves a transaction in a state that only RSET clears.
func (x *session) failWith(r smtpwire.Reply) {
	x.abort()
	x.tx.failed = true
	x.refuseWith(r)
}

// bodyLimits let a message be as long as it may be. One that is refused is read
// to its end, unless it goes on for longer than that and some: then the client
// will not hear of the refusal anyway before it has sent much more.
func (x *session) bodyLimits() smtpwire.Limits {
	return smtpwire.Limits{Size: x.opts.MaxSize, Drain: x.opts.MaxSize + 16<<20}
}

// finish commits the message, unless err says that it cannot be, answers, and
// ends the transaction.
func (x *session) finish(ctx context.Context, err error) {
	x.c.LimitUntil(time.Time{})
	var receipt flow.Receipt
	var id string
	if err == nil {
		msg := x.tx.msg
		x.tx.msg = nil // whatever comes, Abort must not follow
		id = msg.ID()
		receipt, err = msg.Commit(ctx)
	}
	if err == nil && !x.opts.LMTP {
		err = receiptError(receipt)
	}
	switch {
	case err != nil:
		x.messageRefused(err)
	case x.opts.LMTP:
		x.replyEach(id, receipt)
	default:
		x.reply(reply(250, 2, 0, 0, "Ok: queued as "+id))
		x.accepted()
	}
	x.reset()
}

// receiptError is the error that stands for all recipients: see Message.Commit. A
// temporary one comes first, for it keeps the message alive.
func receiptError(r flow.Receipt) error {
	for _, err := range r.Errs {
		if answer, _ := replyTo(err); err != nil && answer.Temporary() {
			return err
		}
	}
	return r.Failed()
}

func (x *session) accepted() {
	x.srv.count.accepted.Inc()
	x.tx.taken = true
	x.errors, x.commands = 0, 0
}

// messageRefused answers the end of a message that was not taken.
func (x *session) messageRefused(err error) {
	answer := x.replyTo(err)
	x.c.Log().Info("message refused", "from", x.tx.env.Mail.From, "rcpts", len(x.tx.env.Recipients), "hello", x.hello, "reply", answer)
	x.note("DATA", addr.Address{}, answer, err)
	x.notTaken(answer)
	answers := 1
	if x.opts.LMTP {
		answers = len(x.tx.env.Recipients)
	}
	for range answers {
		x.reply(answer)
	}
}

// replyEach answers for each recipient, in the order of RCPT, and also for one
// that is there twice (RFC 2033 4.2).
func (x *session) replyEach(id string, receipt flow.Receipt) {
	taken := false
	for i, rcpt := range x.tx.env.Recipients {
		var err error
		if i < len(receipt.Errs) {
			err = receipt.Errs[i]
		}
		answer := reply(250, 2, 1, 5, fmt.Sprintf("%s delivered, id %s", rcpt.To.Path(), id))
		if err != nil {
			answer = x.replyTo(err)
			answer.Text = rcpt.To.Path() + " " + answer.Text
		}
		taken = taken || err == nil
		x.reply(answer)
	}
	if taken {
		x.accepted()
	} else if len(receipt.Errs) > 0 {
		x.notTaken(x.replyTo(receipt.Errs[0]))
	}
}

// notTaken counts a message that nobody has.
func (x *session) notTaken(r smtpwire.Reply) {
	if r.Temporary() {
		x.srv.count.deferred.Inc()
	} else {
		x.srv.count.refused.Inc()
	}
	x.errors++
}

// unreadable ends the session inside a body: fault is what was wrong with it,
// lost why its end was not found.
func (x *session) unreadable(fault, lost error) {
	x.c.LimitUntil(time.Time{})
	x.note("DATA", addr.Address{}, smtpwire.Reply{}, lost)
	if lost == smtpwire.ErrEndless {
		x.end(fault)
	} else {
		x.lost(lost, errSlow)
	}
	x.reset()
}

// body is the way of message text to the backend. It gives the client more time
// as octets arrive.
func (x *session) body() io.Writer {
	b := &body{x: x, start: time.Now()}
	b.allow()
	return b
}

type body struct {
	x     *session
	start time.Time
	n     int64
}

// Write implements io.Writer. The time that the backend takes is not the client's.
func (b *body) Write(p []byte) (int, error) {
	before := time.Now()
	n, err := b.x.tx.msg.Write(p)
	b.start = b.start.Add(time.Since(before))
	b.n += int64(n)
	b.allow()
	return n, err
}

// allow sets the time by which more must have come.
func (b *body) allow() {
	o := b.x.opts
	within := o.IdleTimeout + time.Duration(b.n/o.DataRate)*time.Second
	b.x.c.LimitUntil(b.start.Add(min(within, o.DataTimeout)))
}
