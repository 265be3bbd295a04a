package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"restante/internal/base/fetch"
	"restante/internal/config"
	"restante/internal/flow/inbound"
	"restante/internal/flow/queue"
	"restante/internal/flow/relay"
	"restante/internal/flow/report"
	"restante/internal/flow/trace"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/tlspolicy"
)

// sending is the way out: the queue, and those who carry for it.
type sending struct {
	queue    *queue.Queue
	relay    *relay.Relay
	policies *tlspolicy.STSCache // nil: nobody asks for them
	kept     *relay.Policies     // what policies keep over restarts
}

// openSending builds the way out. It needs nothing but the core and the sockets' addresses.
func (s *Server) openSending() error {
	c := s.config
	if err := s.openCourier(); err != nil {
		return err
	}
	o := new(sending)
	opts, err := s.relayOptions(o)
	if err != nil {
		return err
	}
	o.relay = relay.New(opts)
	o.queue = queue.New(queue.Options{
		Store:    s.store,
		Router:   s.ways(),
		Carriers: map[string]queue.Carrier{inbound.Carrier: s.inbound(nil), relay.MX: o.relay, relay.Smart: o.relay},
		Reporter: s.reporter(),
		Attempts: c.Send.Concurrent, PerWay: c.Send.ConcurrentPerHost,
		Observe: s.attempted, Clock: s.opts.Clock, Log: s.opts.Log,
	})
	s.sending = o
	s.observeQueue()
	return nil
}

// front is where messages enter the queue.
func (c *Core) front() *queue.Front {
	s := &c.config.Send
	return &queue.Front{
		Store: c.store, Times: queue.Times{Expire: time.Duration(s.Expire), Warn: time.Duration(s.Warn)}, Clock: c.opts.Clock,
	}
}

// reporter writes to those whose mail could not be delivered, or not yet.
func (c *Core) reporter() *report.Bounce {
	return report.New(report.Options{Store: c.store, Front: c.front(), Host: c.config.Host, Clock: c.opts.Clock})
}

// relayOptions are those of the way to other hosts.
func (s *Server) relayOptions(o *sending) (relay.Options, error) {
	c := &s.config.Send
	opts := relay.Options{
		Name: s.config.Host, Resolver: s.resolver, Hosts: make(map[string]relay.Host), Rule: tlsRules(c.Transport),
		Results: s.courier.CountTLS, Port: uint16(c.Port), Own: s.ownAddresses(), Allow: prefixes(c.Networks),
		Times: relay.Timeouts{
			Connect: time.Duration(c.ConnectTimeout), Greeting: time.Duration(c.CommandTimeout), Command: time.Duration(c.CommandTimeout),
			End: time.Duration(c.MessageTimeout), TLS: min(time.Duration(c.CommandTimeout), time.Minute),
		},
		Sign:  func(ctx context.Context, d addr.Domain) (relay.Signing, error) { return s.Core.signing.Begin(ctx, d) },
		Clock: s.opts.Clock, Log: s.opts.Log, Metrics: s.metrics,
	}
	if c.Hello != "" {
		opts.Name = c.Hello
	}
	opts.Local4, _ = netip.ParseAddr(c.IPv4) // config has checked them; empty is the invalid one
	opts.Local6, _ = netip.ParseAddr(c.IPv6)
	for i := range c.Transport {
		t := &c.Transport[i]
		if t.Host == "" {
			continue
		}
		h, err := transportHost(t)
		if err != nil {
			return opts, fmt.Errorf("send.transport: %w", err)
		}
		opts.Hosts[transportName(t)] = h
	}
	if c.MTASTS {
		o.kept = relay.NewPolicies(s.store, s.opts.Clock)
		o.policies = tlspolicy.NewSTSCache(tlspolicy.STSOptions{
			Resolver: s.resolver, Getter: fetch.New(fetch.Options{Resolver: s.resolver, Allow: opts.Allow}), Clock: s.opts.Clock, Store: o.kept,
		})
		opts.STS = o.policies
	}
	return opts, nil
}

// transportName is what the way of a transport is called, in lists and logs too. Two users of one host are two ways.
func transportName(t *config.Transport) string {
	if t.User != "" {
		return t.User + "@" + t.Host
	}
	return t.Host
}

func transportHost(t *config.Transport) (h relay.Host, err error) {
	if h.Name, h.Port, err = t.Server(); err != nil {
		return h, err
	}
	h.Implicit, h.Level = t.TLS == "implicit", level(t.TLS)
	if t.User == "" {
		return h, nil
	}
	if t.TLS == "" {
		h.Level = tlspolicy.Authenticated
	}
	h.User, h.Password = t.User, func() (string, error) { return firstLine(t.PasswordFile) }
	_, err = h.Password() // said now, and not with the first message
	return h, err
}

// level is what a word of the configuration asks for.
func level(word string) tlspolicy.Level {
	switch word {
	case "verify", "implicit":
		return tlspolicy.Authenticated
	case "encrypt":
		return tlspolicy.Encrypt
	case "none":
		return tlspolicy.None
	}
	return tlspolicy.Opportunistic
}

// tlsRules are the transports that only say what TLS must be like.
func tlsRules(list []config.Transport) func(domain string) *tlspolicy.Rule {
	byDomain := make(map[string]*tlspolicy.Rule)
	for _, t := range list {
		for _, d := range t.Domains {
			if t.Host == "" && t.TLS != "" {
				byDomain[d] = &tlspolicy.Rule{Level: level(t.TLS)}
			} else {
				byDomain[d] = nil
			}
		}
	}
	return func(domain string) *tlspolicy.Rule {
		if r, ok := byDomain[domain]; ok {
			return r
		}
		for i := range len(domain) {
			if r, ok := byDomain[domain[i:]]; domain[i] == '.' && ok {
				return r
			}
		}
		return byDomain["*"]
	}
}

// ways say where mail goes.
func (s *Server) ways() queue.Router {
	if s.opts.AtHome {
		return atHome{s.router()}
	}
	return s.router()
}

// atHome is a router of a server that nothing leaves.
type atHome struct{ queue.Router }

var errAtHome = errors.New("this server is a demo, and sends nothing to other hosts")

// Route implements queue.Router.
func (r atHome) Route(ctx context.Context, to addr.Address) (queue.Way, error) {
	way, err := r.Router.Route(ctx, to)
	if err == nil && way.Carrier != inbound.Carrier {
		// RFC 3463 3.8: "Delivery not authorized, message refused".
		err = &queue.PermanentError{Status: smtpwire.Enhanced{Class: 5, Subject: 7, Detail: 1}, Err: errAtHome}
	}
	return way, err
}

func (s *Server) router() *relay.Router {
	r := &relay.Router{Directory: &s.directory, Here: queue.Way{Carrier: inbound.Carrier}, Transports: make(map[string]queue.Way)}
	for i := range s.config.Send.Transport {
		t := &s.config.Send.Transport[i]
		for _, d := range t.Domains {
			way := queue.Way{Carrier: relay.MX}
			if t.Host != "" {
				way = queue.Way{Carrier: relay.Smart, Next: transportName(t)}
			}
			if d == "*" {
				r.Default = way
			} else {
				r.Transports[d] = way
			}
		}
	}
	return r
}

// ownAddresses are those that others reach this server's SMTP at, as far as the machine knows them.
func (s *Server) ownAddresses() func() []netip.Addr {
	var list []netip.Addr
	for _, d := range s.doors {
		at, err := netip.ParseAddrPort(d.ln.Addr().String())
		if d.protocol != "smtp" || err != nil || int(at.Port()) != s.config.Send.Port {
			continue
		}
		if !at.Addr().IsUnspecified() {
			list = append(list, at.Addr().Unmap())
			continue
		}
		all, _ := net.InterfaceAddrs() // without them, the host's name in EHLO still stops loops
		for _, a := range all {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, p.Addr().Unmap())
			}
		}
	}
	return func() []netip.Addr { return list }
}

// send runs the way out until ctx ends, and then until the attempts under way have.
func (s *Server) send(ctx context.Context) error {
	s.sending.queue.Run(ctx)
	return s.sending.relay.Close()
}

// policyEvery is how often the MTA-STS policies that end soon are fetched again (RFC 8461 3.3).
const policyEvery = 12 * time.Hour

// keepPolicies refreshes the policies of others until ctx ends.
func (s *Server) keepPolicies(ctx context.Context) error {
	tick := time.NewTicker(policyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err := errors.Join(s.sending.policies.Refresh(ctx), s.sending.kept.Sweep(ctx))
			if err != nil && ctx.Err() == nil {
				s.opts.Log.Warn("MTA-STS policies of others are not refreshed", "error", err)
			}
		}
	}
}

// attempted is told of what came of a recipient.
func (s *Server) attempted(ctx context.Context, e queue.Event) {
	if s.suppressed != nil {
		s.suppressed.Observe(ctx, e)
	}
	s.logAttempt(ctx, e)
	for _, event := range trace.OfAttempt(e) {
		s.trace.Add(event)
	}
}

// logAttempt says what came of a recipient.
func (s *Server) logAttempt(ctx context.Context, e queue.Event) {
	level, r := slog.LevelInfo, &e.Message.Recipients[e.To]
	if r.State == store.QueueFailed {
		level = slog.LevelWarn
	}
	state := "waits"
	switch r.State {
	case store.QueueDelivered:
		state = "delivered"
	case store.QueueRelayed:
		state = "relayed"
	case store.QueueFailed:
		state = "failed"
	}
	attrs := []slog.Attr{
		slog.String("queue_id", store.FormatQueueID(e.Message.ID)), slog.String("from", e.Message.Mail.From.String()),
		slog.String("to", r.To.String()), slog.String("state", state), slog.String("host", e.Outcome.Host), slog.String("reply", r.Reply),
		slog.String("evidence", strings.Join(e.Outcome.Evidence, "; ")), slog.String("attempt", strconv.Itoa(r.Attempts)),
	}
	if r.State == store.QueueWaiting {
		attrs = append(attrs, slog.Time("next", r.Next))
	}
	s.opts.Log.LogAttrs(ctx, level, "sending", attrs...)
}
