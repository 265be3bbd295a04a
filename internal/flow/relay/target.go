package relay

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/trust/tlspolicy"
)

// permanent is an error that fails recipients at once, with status 5.subject.detail.
func permanent(subject, detail uint16, format string, args ...any) error {
	return &queue.PermanentError{Status: smtpwire.Enhanced{Class: 5, Subject: subject, Detail: detail}, Err: fmt.Errorf(format, args...)}
}

// target is one host of a way.
type target struct {
	hop  tlspolicy.Hop // its host is filled in by resolve
	name string        // of the host, as it is asked for; empty for an address literal
	port uint16
	ips  []netip.Addr
	host *Host // a smart host's settings; nil: found by the DNS
	err  error // why it has no addresses
}

// exchangers are the hosts of a domain in the order in which they are to be tried. Their addresses are not looked up yet.
func (r *Relay) exchangers(ctx context.Context, domain string) ([]target, error) {
	if d := addr.Domain(domain); d.IsLiteral() {
		ip, ok := d.IP()
		if !ok {
			return nil, permanent(1, 2, "%s is no address that mail can be sent to", domain)
		}
		hop := tlspolicy.Hop{Domain: domain, Exchangers: &dns.Exchangers{Name: domain}}
		return []target{{hop: hop, port: r.opts.Port, ips: []netip.Addr{ip}}}, nil
	}
	set, err := dns.MXs(ctx, r.opts.Resolver, domain)
	switch {
	case errors.Is(err, dns.ErrNullMX): // RFC 7505 4.1
		return nil, permanent(1, 10, "%s takes no mail (null MX)", domain)
	case errors.Is(err, dns.ErrNoName):
		return nil, permanent(1, 2, "there is no domain %s", domain)
	case err != nil:
		return nil, fmt.Errorf("looking for the mail hosts of %s: %w", domain, err)
	}
	hosts, err := r.withoutUs(domain, set.Hosts)
	if err != nil {
		return nil, err
	}
	var list []target
	for _, h := range hosts {
		list = append(list, target{hop: tlspolicy.Hop{Domain: domain, Exchangers: &set}, port: r.opts.Port, name: h.Host})
	}
	return list, nil
}

// withoutUs leaves those hosts that are better than ourselves, where we are one of them (RFC 5321 5.1).
func (r *Relay) withoutUs(domain string, hosts []dns.Exchanger) ([]dns.Exchanger, error) {
	i := slices.IndexFunc(hosts, func(h dns.Exchanger) bool { return strings.EqualFold(h.Host, r.opts.Name) })
	if i < 0 {
		return hosts, nil
	}
	better := slices.IndexFunc(hosts, func(h dns.Exchanger) bool { return h.Preference >= hosts[i].Preference })
	if better == 0 {
		return nil, errLoop(domain)
	}
	return hosts[:better], nil
}

func errLoop(domain string) error {
	return permanent(4, 6, "the DNS says that this host takes mail for %s, which it does not know", domain)
}

// resolve looks up the addresses of a host. t.err says why there are none.
func (r *Relay) resolve(ctx context.Context, t *target) {
	if t.ips != nil || t.err != nil {
		t.ips, t.err = r.allowed(t, t.ips)
		return
	}
	a, err := dns.Addrs(ctx, r.opts.Resolver, t.name)
	t.hop.Host = a
	switch {
	case dns.Absent(err):
		t.err = permanent(4, 4, "%s has no address", t.name)
		return
	case err != nil:
		t.err = fmt.Errorf("looking for the address of %s: %w", t.name, err)
		return
	}
	t.ips, t.err = r.allowed(t, a.IPs)
}

// allowed leaves the addresses that may be connected to, the kinds in turn: where one of them leads nowhere from here, the other is soon tried.
func (r *Relay) allowed(t *target, ips []netip.Addr) ([]netip.Addr, error) {
	var six, four []netip.Addr
	var err error
	for _, ip := range ips {
		ip = ip.Unmap().WithZone("")
		switch {
		case t.host == nil && r.ours(ip):
			err = errLoop(t.hop.Domain)
		case t.host == nil && !r.reachable(ip):
			err = permanent(4, 4, "%s is at %s, which is no public address", t.label(), ip)
		case ip.Is4():
			four = append(four, ip)
		default:
			six = append(six, ip)
		}
	}
	var list []netip.Addr
	for i := range max(len(six), len(four)) {
		if i < len(six) {
			list = append(list, six[i])
		}
		if i < len(four) {
			list = append(list, four[i])
		}
	}
	if len(list) > 0 {
		err = nil
	}
	return list, err
}

func (t *target) label() string {
	if t.name == "" {
		return t.hop.Domain
	}
	return t.name
}

// ours says whether an address is one of this machine that mail comes in at.
func (r *Relay) ours(ip netip.Addr) bool {
	return r.opts.Own != nil && slices.Contains(r.opts.Own(), ip)
}

// reachable says whether the DNS may lead us to an address.
func (r *Relay) reachable(ip netip.Addr) bool {
	for _, p := range r.opts.Allow {
		if p.Contains(ip) {
			return true
		}
	}
	return dns.Public(ip)
}
