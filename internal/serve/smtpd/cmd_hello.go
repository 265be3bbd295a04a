package smtpd

import (
	"context"
	"errors"
	"strings"

	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
)

// ehlo runs EHLO, and LHLO in its place (RFC 5321 4.1.1.1, RFC 2033 4.1):
//
//	ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
func (x *session) ehlo(_ context.Context, arg string) {
	name, err := smtpwire.ParseHello(arg)
	if err != nil {
		x.refuse(err)
		return
	}
	x.greeted(name, true, x.capabilities())
	lines := append([]string{x.opts.Hostname + " greets " + name}, x.caps.Lines()...)
	x.reply(smtpwire.Reply{Code: 250, Text: strings.Join(lines, "\n")})
}

// helo runs HELO:
//
//	helo = "HELO" SP Domain CRLF
func (x *session) helo(_ context.Context, arg string) {
	name, err := smtpwire.ParseHello(arg)
	if err != nil {
		x.refuse(err)
		return
	}
	x.greeted(name, false, smtpwire.Capabilities{})
	x.reply(smtpwire.Reply{Code: 250, Text: x.opts.Hostname})
}

// greeted begins the session again (RFC 5321 4.1.4).
func (x *session) greeted(name string, extended bool, caps smtpwire.Capabilities) {
	x.reset()
	x.hello, x.extended, x.caps = name, extended, caps
}

// startTLS runs STARTTLS (RFC 3207 4). That nothing follows the command was seen
// to by the table.
func (x *session) startTLS(ctx context.Context, _ string) {
	switch {
	case x.c.Secret():
		x.refuseWith(badSequence("TLS is active"))
		return
	case !x.c.HasTLS():
		x.refuseWith(reply(502, 5, 5, 1, "TLS is not configured"))
		return
	}
	x.reply(reply(220, 2, 0, 0, "ready to start TLS"))
	if err := x.c.StartTLS(ctx); err != nil {
		x.closing = true
		if errors.Is(err, listen.ErrPipelined) {
			x.c.Log().Info("session ended by the server", "reason", err, "hello", x.hello)
		}
		return
	}
	// 4.2: all that was learnt before is forgotten.
	x.greeted("", false, smtpwire.Capabilities{})
}
