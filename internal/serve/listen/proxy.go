package listen

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"time"

	"restante/internal/base/proxyheader"
)

// headerWithin is how long a proxy may take for its header, which it sends at once.
const headerWithin = 5 * time.Second

// front is a proxy before a connection, and what it says.
type front struct {
	header proxyheader.Header
	proxy  netip.Addr // at the other end of the wire; not valid while that is the client, as far as is known
	client net.Addr   // of whom it speaks
}

// header reads the header of a connection that comes from a trusted proxy. Nobody else's octets are looked at: what they say of themselves is not
// believed, and their protocol will refuse it.
func (s *Server) header(ctx context.Context, c *Conn) (err error) {
	if Within(s.opts.Proxies, c.remote) {
		c.Aside(func() { err = c.readHeader(ctx) }) // see package doc, Memory
	}
	return err
}

func (c *Conn) readHeader(ctx context.Context) error {
	nc := c.wire.Conn
	if err := nc.SetReadDeadline(time.Now().Add(headerWithin)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { nc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	h, err := proxyheader.Read(nc)
	if err != nil {
		return err
	}
	c.front = &front{header: h}
	if h.Client.IsValid() {
		c.setClient(h.Client)
	}
	return nil
}

// setClient makes the connection that of whom a proxy speaks.
func (c *Conn) setClient(a netip.AddrPort) {
	if c.front == nil {
		c.front = new(front)
	}
	if !c.front.proxy.IsValid() {
		c.front.proxy = c.remote
	}
	c.remote, c.front.client = a.Addr().Unmap().WithZone(""), net.TCPAddrFromAddrPort(a)
}

// Within says whether an address is in one of some networks; the invalid Addr never is.
func Within(networks []netip.Prefix, a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Proxied reports whether a proxy has brought the connection: RemoteIP is then not who is at the other end of the wire.
func (c *Conn) Proxied() bool { return c.front != nil && c.front.proxy.IsValid() }

// SetClient makes the connection another client's, as its proxy says (XCLIENT; the invalid AddrPort when it does not know): limits and logs see that one from now on. A reason other than ""
// means that the limits refuse it, and the connection is to be closed.
func (c *Conn) SetClient(a netip.AddrPort) (reason string) {
	limits := c.srv.opts.Limits
	if c.counted {
		limits.release(c.remote)
		c.counted = false
	}
	c.setClient(a)
	if reason = limits.acquire(c.remote); reason == "" {
		c.counted = true
	}
	return reason
}

// Secret reports whether nobody can read what goes to the client and back: it is under TLS, here or at a proxy that is trusted.
func (c *Conn) Secret() bool { return c.tls != nil || c.frontTLS() }

// frontTLS says that a proxy has ended the client's TLS.
func (c *Conn) frontTLS() bool { return c.front != nil && c.front.header.TLS }

// TLSVersion is the version of TLS that the client speaks, "TLS 1.3"; empty in the clear, and when a proxy has not said it.
func (c *Conn) TLSVersion() string {
	switch t := c.TLS(); {
	case t != nil:
		return tls.VersionName(t.Version)
	case !c.frontTLS():
		return ""
	case c.front.header.Version == "":
		return "TLS"
	}
	return c.front.header.Version
}

// TLSCipher is the cipher suite that the client speaks, by its registered name; empty in the clear, and when a proxy has not said it.
func (c *Conn) TLSCipher() string {
	if t := c.TLS(); t != nil {
		return tls.CipherSuiteName(t.CipherSuite)
	}
	if c.frontTLS() {
		return c.front.header.Cipher
	}
	return ""
}
