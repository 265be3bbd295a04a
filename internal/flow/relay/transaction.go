package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// then is what follows a transaction.
type then uint8

const (
	goOn   then = iota // the session can take another one
	leave              // it can, but what is left is for the next host
	full               // it has had all that it may have, and its host would take more on another one
	broken             // it is of no more use
)

// transaction sends the message to a group of recipients. taken is for how many of them the host has it.
func (d *delivery) transaction(ctx context.Context, s *session, group []int) (taken int, next then) {
	b, err := d.body(ctx, s)
	var mail smtpwire.Mail
	if err == nil {
		mail, err = d.mail(s, b)
	}
	if err != nil {
		d.settleAll(s, group, refusedBy(err))
		return 0, goOn
	}
	if group = d.speakable(s, group); len(group) == 0 {
		return 0, goOn
	}
	t := smtpwire.Transaction{Mail: mail, Body: b.Reader, Size: b.size}
	for _, i := range group {
		t.Rcpts = append(t.Rcpts, *d.rcpt(i))
	}
	s.sent++
	o, err := s.c.Send(t)
	var missing *smtpwire.UnsupportedError
	if errors.As(err, &missing) {
		d.settleAll(s, group, refusedBy(unsupported(missing, s.host)))
		return 0, goOn
	}
	if err != nil && s.line.at() == smtpwire.StepText {
		if r, ok := s.lastWord(err); ok {
			o.Final = []smtpwire.Reply{r}
		}
	}
	return d.outcomes(s, group, &o, err)
}

func (d *delivery) settleAll(s *session, group []int, o queue.Outcome) {
	for _, i := range group {
		d.settle(s, i, o)
	}
}

// stage is the answer that decides about a recipient.
type stage uint8

const (
	atMail stage = iota
	atRcpt
	atData
	atEnd
)

// decisive is the answer that decides about recipient n of a transaction, and which one it is; zero where none came.
func decisive(o *smtpwire.Outcome, n int) (smtpwire.Reply, stage) {
	switch {
	case !o.Mail.OK():
		return o.Mail, atMail
	case n >= len(o.Rcpts):
		return smtpwire.Reply{}, atRcpt
	case !o.Rcpts[n].OK():
		return tooMany(o.Rcpts[n]), atRcpt
	case o.Data.Code != 0:
		return o.Data, atData
	case len(o.Final) > 0:
		return o.Final[0], atEnd
	}
	return smtpwire.Reply{}, atEnd
}

// outcomes says what came of each of a group.
func (d *delivery) outcomes(s *session, group []int, o *smtpwire.Outcome, err error) (taken int, next then) {
	sent := s.line.at() == smtpwire.StepEnd
	var more []int // too many at once
	for n, i := range group {
		r, at := decisive(o, n)
		next = max(next, d.outcome(s, i, r, at, sent, err))
		switch {
		case d.out[i].State == store.QueueRelayed:
			taken++
		case at == atRcpt && r.Code == 452 && (r.Enhanced.IsZero() || r.Enhanced == statusTooMany):
			more = append(more, i)
		}
	}
	if err != nil {
		return taken, broken
	}
	if taken > 0 { // RFC 5321 4.5.3.1.10: in another transaction at once
		for _, i := range more {
			d.done[i] = false
		}
	}
	return taken, next
}

// statusTooMany is "too many recipients" (RFC 3463 3.6), as a temporary failure.
var statusTooMany = smtpwire.Enhanced{Class: 4, Subject: 5, Detail: 3}

// outcome says what came of one recipient: r is the answer that decides, zero where none came; sent says that the whole message has been sent.
func (d *delivery) outcome(s *session, i int, r smtpwire.Reply, at stage, sent bool, err error) then {
	switch class := r.Code / 100; {
	case class == 2 && at == atEnd:
		d.settle(s, i, queue.Outcome{State: store.QueueRelayed, Reply: r, DSN: s.c.Capabilities().Extensions.Has(smtpwire.DSN)})
		return goOn
	case class == 5:
		d.settle(s, i, queue.Outcome{State: store.QueueFailed, Reply: r})
		return goOn
	case r.Code == 421: // RFC 5321 3.8: it closes the connection
		d.pass(s, i, queue.Outcome{Reply: r})
		return broken
	case class == 4 && at == atMail:
		d.pass(s, i, queue.Outcome{Reply: r})
		return leave
	case class == 4:
		d.settle(s, i, queue.Outcome{Reply: r})
		return goOn
	}
	switch {
	case r.Code != 0:
		err = fmt.Errorf("%w: %s", errNonsense, r.Error())
	case err == nil:
		err = errNoAnswer
	}
	if at == atEnd && sent {
		d.settle(s, i, lost(err))
	} else {
		d.pass(s, i, cut(err))
	}
	return broken
}

var (
	errNoAnswer = errors.New("no answer")
	errNonsense = errors.New("an answer that makes no sense here")
)

// lost is that nobody knows whether a message has arrived (RFC 5321 4.5.4.1: it is sent again, rather twice than never).
func lost(err error) queue.Outcome {
	return queue.Outcome{Err: fmt.Errorf("the message was sent, and no answer came: %w", plainly(err)), Status: statusLost, Silent: true}
}

// cut is that a connection was lost before there was anything to take.
func cut(err error) queue.Outcome {
	return queue.Outcome{Err: fmt.Errorf("the connection was lost: %w", plainly(err)), Status: statusLost, Silent: true}
}

// statusLost is "bad connection" (RFC 3463 3.5).
var statusLost = smtpwire.Enhanced{Class: 4, Subject: 4, Detail: 2}

// tooMany makes "too many recipients" temporary, however a host says it (RFC 5321 4.5.3.1.10).
func tooMany(r smtpwire.Reply) smtpwire.Reply {
	if r.Code == 552 && (r.Enhanced.IsZero() || r.Enhanced.Subject == 5 && r.Enhanced.Detail == 3) {
		r.Code, r.Enhanced = 452, statusTooMany
	}
	return r
}

// text is a message as smtpwire sends it.
type text struct {
	*store.Text
	copy func(w io.Writer) error
	off  int64
}

// newText reads a message for as long as it takes: the line ends it, not ctx.
func newText(ctx context.Context, t *store.Text) *text {
	ctx = context.WithoutCancel(ctx)
	return &text{Text: t, copy: func(w io.Writer) error { return t.CopyRange(ctx, w, 0, t.Size()) }}
}

// WriteTo implements io.WriterTo: chunk by chunk, as they lie in the store.
func (t *text) WriteTo(w io.Writer) (int64, error) {
	if err := t.copy(w); err != nil {
		return 0, err
	}
	return t.Size(), nil
}

// Read implements io.Reader.
func (t *text) Read(p []byte) (int, error) {
	if t.off >= t.Size() {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), t.Size()-t.off)]
	n, err := t.ReadAt(p, t.off)
	t.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// earlyWord is how long a host that has stopped to read may take to say why.
const earlyWord = 2 * time.Second

// lastWord reads what a host has said in the middle of a message before it hung up. Only a no counts.
func (s *session) lastWord(err error) (smtpwire.Reply, bool) {
	s.line.until(time.Now().Add(earlyWord))
	s.line.on(smtpwire.StepText)
	r, rerr := smtpwire.ReadReply(s.br)
	return r, rerr == nil && r.Code >= 400
}
