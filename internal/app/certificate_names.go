package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"restante/internal/base/certs/acme"
	"restante/internal/base/dns"
	"restante/internal/proto/addr"
)

// Bounds of looking for names.
const (
	maxCertificateNames = 10_000
	namesAtOnce         = 8 // questions to the DNS
)

// servedNames are names below a domain that mail programs and other servers look for, or that customers have made for them.
func servedNames(domain addr.Domain) []string {
	list := []string{"mail", "imap", "pop", "smtp", "autoconfig", "autodiscover", "mta-sts"}
	for i := range list {
		list[i] += "." + string(domain)
	}
	return list
}

// certificateNames are the names that want a certificate from an authority: the host's, and those of the domains that lead here. Names that a file has, and names
// that do not exist, are none.
func (s *Server) certificateNames(ctx context.Context, r dns.Resolver) ([]acme.Name, error) {
	host := strings.ToLower(s.config.Host)
	names := []string{host}
	for d, err := range s.directory.Load().Domains(ctx) {
		if err != nil {
			return nil, err
		}
		for _, n := range servedNames(d.Name) {
			if !d.Closing && n != host {
				names = append(names, n)
			}
		}
	}
	names = slices.DeleteFunc(names, s.certs.Load().Covers)
	if len(names) > maxCertificateNames {
		s.opts.Log.Warn("there are too many names for certificates by ACME: name files for some of them ([[tls]])", "names", len(names), "most", maxCertificateNames)
		names = names[:maxCertificateNames]
	}
	here, err := dns.Addrs(ctx, r, host)
	here.IPs = append(here.IPs, s.listenAddresses()...)
	out := make([]acme.Name, len(names))
	var g errgroup.Group
	g.SetLimit(namesAtOnce)
	for i, name := range names {
		g.Go(func() error {
			switch {
			case name != host && err != nil && !dns.Absent(err):
				out[i] = acme.Name{Name: name, Way: acme.Unknown, Why: err.Error()}
			case name != host:
				out[i] = leads(ctx, r, name, here)
			default:
				out[i] = s.hostLeads(host, err)
			}
			return nil
		})
	}
	_ = g.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(n acme.Name) bool { return n.Name == "" }), nil
}

// hostLeads takes the word of the DNS for where this server is: behind a router it does not know its own address.
func (s *Server) hostLeads(host string, err error) acme.Name {
	n := acme.Name{Name: host, Way: acme.Here}
	switch {
	case err == nil || dns.Absent(err) && s.config.ACME.DNSServer != "":
	case dns.Absent(err):
		n.Way, n.Why = acme.Elsewhere, "it has no address in the DNS"
	default:
		n.Way, n.Why = acme.Unknown, err.Error()
	}
	return n
}

// leads finds out whether a name leads here, as an alias of the host's or by the same addresses: all of them, since an authority may look at any. A name
// that does not exist is no Name.
func leads(ctx context.Context, r dns.Resolver, name string, here dns.Addresses) acme.Name {
	there, err := dns.Addrs(ctx, r, name)
	switch {
	case dns.Absent(err):
		return acme.Name{}
	case err != nil:
		return acme.Name{Name: name, Way: acme.Unknown, Why: err.Error()}
	case there.Name == here.Name:
		return acme.Name{Name: name, Way: acme.Here}
	}
	foreign := slices.DeleteFunc(there.IPs, func(ip netip.Addr) bool { return slices.Contains(here.IPs, ip) })
	if len(foreign) == 0 {
		return acme.Name{Name: name, Way: acme.Here}
	}
	slices.SortFunc(foreign, netip.Addr.Compare)
	return acme.Name{Name: name, Way: acme.Elsewhere, Why: fmt.Sprintf("it leads to %v, which is no address of %s", foreign[0], here.Host)}
}

// listenAddresses are addresses that the configuration names as this server's.
func (s *Server) listenAddresses() []netip.Addr {
	var list []netip.Addr
	for _, p := range s.config.Listen.All() {
		for _, a := range p.Addresses {
			network, address := a.Network()
			ap, err := netip.ParseAddrPort(address)
			if network == "tcp" && err == nil && !ap.Addr().IsUnspecified() && !ap.Addr().IsLoopback() {
				list = append(list, ap.Addr().Unmap())
			}
		}
	}
	return list
}

var errNoACME = errors.New("no authority is asked for certificates: switch that on, [acme] enabled = true")
