package smtpd

import (
	"context"
)

// noop runs NOOP (RFC 5321 4.1.1.9).
func (x *session) noop(context.Context, string) { x.reply(reply(250, 2, 0, 0, "Ok")) }

// vrfy runs VRFY, which tells nothing (RFC 5321 3.5.3, 7.3).
func (x *session) vrfy(context.Context, string) {
	x.reply(reply(252, 2, 5, 0, "send some mail, I'll try my best"))
}

// expn refuses EXPN: lists are nobody's business (RFC 5321 7.3).
func (x *session) expn(context.Context, string) {
	x.refuseWith(reply(502, 5, 5, 1, "not implemented"))
}

// help runs HELP (RFC 5321 4.1.1.8).
func (x *session) help(context.Context, string) {
	verbs := "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"
	if x.opts.LMTP {
		verbs = "LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"
	}
	if x.c.HasTLS() {
		verbs += " STARTTLS"
	}
	x.reply(reply(214, 2, 0, 0, "Commands: "+verbs+"\nRFC 5321 and its extensions; see the answer to "+verbs[:4]))
}

// quit runs QUIT (RFC 5321 4.1.1.10). What came behind it is not looked at.
func (x *session) quit(context.Context, string) {
	x.reply(reply(221, 2, 0, 0, x.opts.Hostname+" closing connection"))
	x.closing = true
}
