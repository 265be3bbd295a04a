package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"restante/internal/config"
	"restante/internal/flow/guard"
	"restante/internal/flow/inbound"
	"restante/internal/serve/admind"
	"restante/internal/serve/confd"
	"restante/internal/serve/imapd"
	"restante/internal/serve/listen"
	"restante/internal/serve/pop3d"
	"restante/internal/serve/smtpd"
)

// door is one address that a protocol is served on.
type door struct {
	protocol string
	ln       net.Listener
	serve    func(ctx context.Context, ln net.Listener) error
}

// bound is an open socket that nobody serves yet.
type bound struct {
	protocol string
	ln       net.Listener
}

// bind opens the sockets of every protocol, or none. It comes before everything
// else, since a port in use is what goes wrong most.
func bind(ctx context.Context, l *config.Listen) (list []bound, err error) {
	defer func() {
		if err != nil {
			closeAll(list)
		}
	}()
	for _, p := range l.All() {
		for _, a := range p.Addresses {
			ln, err := open(ctx, a)
			if err != nil {
				return list, fmt.Errorf("listen.%s: %w", p.Name, err)
			}
			list = append(list, bound{p.Name, ln})
		}
	}
	return list, nil
}

func closeAll(list []bound) {
	for _, b := range list {
		b.ln.Close()
	}
}

func open(ctx context.Context, a config.Address) (net.Listener, error) {
	network, address := a.Network()
	if network == "unix" {
		return openSocketFile(ctx, address)
	}
	ln, err := listen.Listen(ctx, address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: stop that, or choose another port: %w", address, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: ports below 1024 need the right to bind them (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE): %w", address, err)
	}
	return ln, err
}

// openSocketFile takes the place of a socket file that nobody answers on any more.
func openSocketFile(ctx context.Context, path string) (net.Listener, error) {
	if fi, err := os.Lstat(path); err == nil && fi.Mode().Type() == fs.ModeSocket {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			conn.Close()
			return nil, fmt.Errorf("%s is in use by another program", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// protocols are the servers behind the doors.
type protocols struct {
	core   *Core
	certs  *reloadable
	limits *listen.Limits // of all but LMTP
	smtp   *smtpd.Server
	submit *smtpd.Server
	lmtp   *smtpd.Server
	pop3   *pop3d.Server
	imap   *imapd.Server
	conf   *confd.Server
}

// inbound is the way in, for the door and for the queue alike; g may be nil.
func (c *Core) inbound(g *guard.Guard) *inbound.Inbound {
	return inbound.New(inbound.Options{
		Store: c.store, Directory: &c.directory, Host: c.config.Host,
		Observe: c.arrived, Clock: c.opts.Clock, Grace: time.Duration(c.config.Quota.Grace), Domains: c.totals,
		Forward: c.forwarder(), Guard: g, Filters: c.filters("smtp"), Check: c.checker(), Policy: c.policy(), Desk: c.desk,
	})
}

func (c *Core) protocols(source *reloadable) *protocols {
	conf := c.config
	strangers := c.openStrangers()
	mail := smtpd.Options{
		Hostname: conf.Host, Backend: smtpd.Inbound(c.inbound(strangers)), Metrics: c.metrics,
		MaxSize: int64(conf.Limits.Message), MaxRcpts: conf.Limits.Recipients,
		Proxies: prefixes(conf.Listen.Proxies), Refused: c.refused,
	}
	local, mx := mail, mail
	local.LMTP, mx.Guard = true, strangers
	p := &protocols{
		core: c, certs: source,
		limits: listen.NewLimits(listen.LimitOptions{
			Total: conf.Limits.Connections, PerAddress: conf.Limits.ConnectionsPerAddress,
		}),
		smtp:   smtpd.New(mx),
		submit: smtpd.New(c.submission(mail)),
		lmtp:   smtpd.New(local),
		pop3: pop3d.New(pop3d.Options{
			Store: c.store, Directory: &c.directory, Plaintext: conf.Login.Cleartext, Metrics: c.metrics,
		}),
	}
	imap := imapd.Options{
		Store: c.store, Auth: &c.directory, ServerName: conf.Host, Version: c.opts.Version,
		AllowPlainLogin: conf.Login.Cleartext, Metrics: c.metrics, Administrators: conf.Login.Administrators, Submitters: conf.Login.Submitters,
		StillHere:    time.Duration(conf.IMAP.StillHere),
		Metadata:     annotations(conf),
		MessageLimit: conf.Limits.IMAPMessages, SaveLimit: conf.Limits.IMAPCopies,
	}
	if c.search.index != nil {
		imap.Index = c.search.index
	}
	p.imap = imapd.New(imap)
	p.conf = c.programs(source)
	return p
}

// door puts a protocol's server behind a socket.
func (p *protocols) door(b bound) (door, error) {
	if b.protocol == "metrics" {
		return door{b.protocol, b.ln, func(ctx context.Context, ln net.Listener) error {
			return admind.Monitor(ctx, ln, p.core.metrics.Handler(), p.core.Healthy, p.core.opts.Log)
		}}, nil
	}
	o := listen.Options{
		Name: b.protocol, TLS: p.certs.TLSConfig(), Limits: p.limits,
		Grace: p.core.opts.Grace, Logger: p.core.opts.Log, Metrics: p.core.metrics,
	}
	if b.protocol == "https" {
		o.TLS = p.certs.webConfig()
	}
	if l := p.core.config.Listen; slices.Contains(l.ProxyProtocol, b.protocol) {
		o.Proxies = prefixes(l.Proxies)
	}
	switch b.protocol {
	case "smtp":
		o.Handler, o.Refusal = p.smtp.Handle, "421 4.7.0 Too many connections, try again later\r\n"
	case "submission", "submissions":
		o.Handler, o.Refusal = p.submit.Handle, "421 4.7.0 Too many connections, try again later\r\n"
	case "lmtp":
		// Its clients are of this machine, one address for them all.
		o.Handler, o.Limits = p.lmtp.Handle, nil
	case "pop3", "pop3s":
		o.Handler, o.Refusal = p.pop3.ServeConn, "-ERR [SYS/TEMP] too many connections, try again later\r\n"
	case "imap", "imaps":
		o.Handler, o.Refusal = p.imap.ServeConn, "* BYE [UNAVAILABLE] Too many connections, try again later\r\n"
	case "http", "https":
		o.Handler, o.Refusal = p.conf.Handle, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	}
	if b.protocol != "smtp" && b.protocol != "lmtp" {
		// Other servers show certificates that are none of people's.
		var err error
		if o.TLS, err = clientCertificates(o.TLS, p.core.config.Login.ClientCA); err != nil {
			return door{}, err
		}
	}
	o.Implicit = slices.Contains([]string{"submissions", "pop3s", "imaps", "https"}, b.protocol)
	if !o.Implicit && b.ln.Addr().Network() == "unix" {
		o.TLS = nil // nobody listens in on a socket file
	}
	return door{b.protocol, b.ln, listen.New(o).Serve}, nil
}

// prefixes are networks as the servers take them.
func prefixes(networks []config.Network) []netip.Prefix {
	out := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		out[i] = n.Prefix()
	}
	return out
}
