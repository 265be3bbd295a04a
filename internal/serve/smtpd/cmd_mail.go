package smtpd

import (
	"context"
	"errors"
	"time"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
)

// mail runs MAIL (RFC 5321 4.1.1.2):
//
//	mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
func (x *session) mail(ctx context.Context, arg string) {
	switch {
	case x.hello == "":
		x.refuseWith(badSequence("say hello first"))
		return
	case x.tx != nil:
		x.refuseWith(badSequence("nested MAIL command"))
		return
	case x.opts.Login != nil && x.identity.Account == 0: // RFC 6409 4.3
		x.refuseWith(reply(530, 5, 7, 0, "log in first"))
		return
	case x.opts.MaxMessages > 0 && x.messages >= x.opts.MaxMessages:
		// RFC 9422 4.1 has been announced; the session has served its purpose.
		x.refuseWith(reply(452, 4, 5, 3, "too many messages in this session"))
		return
	}
	m, err := smtpwire.ParseMail(arg, x.caps.Extensions)
	switch {
	case err != nil:
		x.refuseAddress(err, smtpwire.Enhanced{Class: 5, Subject: 1, Detail: 7})
		return
	case m.NonASCII && !m.SMTPUTF8: // RFC 6531 3.5
		x.refuseWith(reply(550, 5, 6, 7, "address needs SMTPUTF8"))
		return
	case m.Size > x.opts.MaxSize: // RFC 1870 6.1 (2)
		x.refuse(smtpwire.ErrTooBig)
		return
	case m.HoldFor > x.caps.MaxHold, m.HoldUntil.After(time.Now().Add(x.caps.MaxHold)): // RFC 4865 4.1
		x.refuseWith(reply(501, 5, 5, 4, "that is held for too long"))
		return
	case m.By.Mode == smtpwire.ByReturn && time.Duration(m.By.Seconds)*time.Second < x.caps.MinBy: // RFC 2852 4.1.3
		x.refuseWith(reply(501, 5, 5, 4, "that is too soon"))
		return
	}
	x.tx = &transaction{env: flow.Envelope{Session: x.client(), Mail: m}}
	if err := x.opts.Backend.Sender(ctx, &x.tx.env); err != nil {
		x.c.Log().Info("sender refused", "from", m.From, "error", err)
		x.note("MAIL", addr.Address{}, x.refuseBackend(err), err)
		x.reset()
		return
	}
	x.messages++
	x.reply(reply(250, 2, 1, 0, "Ok"))
}

// rcpt runs RCPT (RFC 5321 4.1.1.3):
//
//	rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" /
//	       Forward-path ) [SP Rcpt-parameters] CRLF
func (x *session) rcpt(ctx context.Context, arg string) {
	switch {
	case x.tx == nil:
		x.refuseWith(badSequence("MAIL comes first"))
		return
	case x.tx.msg != nil || x.tx.failed:
		x.refuseWith(badSequence("the message has begun"))
		return
	case len(x.tx.env.Recipients) >= x.opts.MaxRcpts: // 4.5.3.1.10
		x.reply(reply(452, 4, 5, 3, "too many recipients"))
		return
	}
	r, err := smtpwire.ParseRcpt(arg, x.caps.Extensions)
	switch {
	case err != nil:
		x.refuseAddress(err, smtpwire.Enhanced{Class: 5, Subject: 1, Detail: 3})
		return
	case r.NonASCII && !x.tx.env.Mail.SMTPUTF8: // RFC 6531 3.5
		x.refuseWith(reply(553, 5, 6, 7, "address needs SMTPUTF8"))
		return
	}
	to, err := x.opts.Backend.Recipient(ctx, &x.tx.env, r)
	if err != nil {
		answer := x.refuseBackend(err)
		x.note("RCPT", r.To, answer, err)
		x.c.Log().Info("recipient refused", "from", x.tx.env.Mail.From, "to", r.To, "reply", answer)
		return
	}
	x.tx.env.Recipients = append(x.tx.env.Recipients, to)
	x.reply(reply(250, 2, 1, 5, "Ok"))
}

// refuseBackend answers with an error of the backend's. A temporary one is not the client's fault.
func (x *session) refuseBackend(err error) smtpwire.Reply {
	answer := x.replyTo(err)
	switch {
	case answer.Code == 421: // RFC 5321 3.8: it ends the connection
		x.end(err)
	case answer.Temporary():
		x.reply(answer)
	default:
		x.refuseWith(answer)
	}
	return answer
}

// refuseAddress is refuse with the enhanced code for a bad address.
func (x *session) refuseAddress(err error, bad smtpwire.Enhanced) {
	r := x.replyTo(err)
	var syntax *smtpwire.SyntaxError
	if errors.As(err, &syntax) && syntax.Fault == smtpwire.FaultAddress {
		r.Enhanced = bad
	}
	x.refuseWith(r)
}

// rset runs RSET (RFC 5321 4.1.1.5).
func (x *session) rset(context.Context, string) {
	x.reset()
	x.reply(reply(250, 2, 0, 0, "Ok"))
}
