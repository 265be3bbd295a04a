package smtpd

import (
	"context"
	"net/netip"

	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
)

// mayXClient says whether the host at the other end of the wire is a trusted proxy. What comes behind a PROXY header is not: then it is a
// client, whatever its address.
func (x *session) mayXClient() bool {
	return !x.c.Proxied() && listen.Within(x.opts.Proxies, x.c.RemoteIP())
}

// xclient runs XCLIENT (Postfix's XCLIENT README): the session begins again, for the client that the proxy says. What is not said of it stays.
func (x *session) xclient(_ context.Context, arg string) {
	switch {
	case !x.trusted:
		x.refuseWith(reply(550, 5, 7, 0, "insufficient authorization"))
		return
	case x.tx != nil:
		x.refuseWith(badSequence("MAIL transaction in progress"))
		return
	}
	client, err := smtpwire.ParseXClient(arg)
	if err != nil {
		x.refuse(err)
		return
	}
	if client.Given&smtpwire.XClientAddr != 0 {
		if reason := x.c.SetClient(netip.AddrPortFrom(client.Addr, client.Port)); reason != "" {
			x.c.Log().Info("connection refused", "reason", reason)
			x.end(errTooManyConnections)
			return
		}
	}
	if client.Given&smtpwire.XClientName != 0 {
		x.name = client.Name
	}
	if client.Given&smtpwire.XClientLogin != 0 && client.Login != "" {
		x.c.Log().Info("logged in at the proxy", "login", client.Login)
	}
	// Until the client says another hello, it is that of which the proxy knows.
	hello, extended, caps := "", client.Extended, smtpwire.Capabilities{}
	if client.Given&smtpwire.XClientHelo != 0 {
		hello = client.Hello
	}
	if extended = extended && hello != ""; extended {
		caps = x.capabilities()
	}
	x.greeted(hello, extended, caps)
	if _, ok := x.mayConnect(); ok {
		x.sayReady()
	}
}
