package smtpd

import (
	"context"

	"restante/internal/proto/smtpwire"
)

// command is how a verb is run.
type command struct {
	// run does the command and writes its replies. arg is what smtpwire's parser of
	// the verb takes.
	run func(x *session, ctx context.Context, arg string)
	// last: a client has to wait for the reply before it goes on, because what it
	// sends next depends on it (RFC 2920 3.1, RFC 3207 4).
	last bool
	// flush: the reply is not to be held back for a group (RFC 2920 3.2 (5)). Those
	// with last need it not, for there is no group behind them.
	flush bool
	// smtp and lmtp say where the command is known; elsewhere it gets 500.
	smtp, lmtp bool
}

// commandOf returns the row of a verb.
func commandOf(v smtpwire.Verb) command {
	switch v {
	case smtpwire.EHLO:
		return command{run: (*session).ehlo, last: true, smtp: true}
	case smtpwire.HELO:
		return command{run: (*session).helo, last: true, smtp: true}
	case smtpwire.LHLO:
		return command{run: (*session).ehlo, last: true, lmtp: true}
	case smtpwire.MAIL:
		return command{run: (*session).mail, smtp: true, lmtp: true}
	case smtpwire.RCPT:
		return command{run: (*session).rcpt, smtp: true, lmtp: true}
	case smtpwire.RSET:
		return command{run: (*session).rset, smtp: true, lmtp: true}
	case smtpwire.DATA:
		return command{run: (*session).data, last: true, smtp: true, lmtp: true}
	case smtpwire.BDAT:
		return command{run: (*session).bdat, smtp: true, lmtp: true}
	case smtpwire.STARTTLS:
		return command{run: (*session).startTLS, last: true, smtp: true, lmtp: true}
	case smtpwire.AUTH:
		return command{run: (*session).auth, last: true, smtp: true, lmtp: true}
	case smtpwire.XCLIENT:
		return command{run: (*session).xclient, last: true, smtp: true, lmtp: true}
	case smtpwire.NOOP:
		return command{run: (*session).noop, flush: true, smtp: true, lmtp: true}
	case smtpwire.VRFY:
		return command{run: (*session).vrfy, flush: true, smtp: true, lmtp: true}
	case smtpwire.EXPN:
		return command{run: (*session).expn, flush: true, smtp: true, lmtp: true}
	case smtpwire.HELP:
		return command{run: (*session).help, flush: true, smtp: true, lmtp: true}
	case smtpwire.QUIT:
		return command{run: (*session).quit, flush: true, smtp: true, lmtp: true}
	}
	return command{}
}
