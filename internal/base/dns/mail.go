package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Exchanger is a host that takes mail for a domain.
type Exchanger struct {
	Host       string
	Preference uint16
}

// Exchangers is where mail for a domain goes.
type Exchangers struct {
	// Name is the domain after all aliases, which stands for the domain (RFC 5321 5.1).
	Name string
	// Hosts are to be tried in this order: by preference, in random order within one.
	Hosts []Exchanger
	// Implicit says that the domain has no MX records, so that it is its own only host.
	Implicit bool
	// Authentic says that all of this, aliases and absence too, was validated.
	Authentic bool
}

// ErrNullMX says that a domain takes no mail (RFC 7505 3).
var ErrNullMX = errors.New("dns: the domain takes no mail (null MX)")

// MXs finds the hosts that take mail for a domain, as RFC 5321 5.1 says. The domain itself stands in for MX records that do not exist; whether
// it has an address is not asked here. ErrNoName says that there is no such domain. Where the error is ErrNullMX or an answer, the set says
// whether it is authentic.
func MXs(ctx context.Context, r Resolver, domain string) (Exchangers, error) {
	a, err := r.Query(ctx, domain, MX)
	set := Exchangers{Name: a.Name, Authentic: a.Authentic}
	switch {
	case errors.Is(err, ErrNoRecord):
		set.Implicit = true
		set.Hosts = []Exchanger{{Host: a.Name}}
		return set, nil
	case err != nil:
		return set, err
	}
	for _, rec := range a.Records {
		if rec.Host != "" { // Beside others, "." leads nowhere.
			set.Hosts = append(set.Hosts, Exchanger{rec.Host, rec.Preference})
		}
	}
	if len(set.Hosts) == 0 {
		return set, fmt.Errorf("%w: %s", ErrNullMX, domain)
	}
	rand.Shuffle(len(set.Hosts), func(i, j int) { set.Hosts[i], set.Hosts[j] = set.Hosts[j], set.Hosts[i] })
	slices.SortStableFunc(set.Hosts, func(a, b Exchanger) int { return cmp.Compare(a.Preference, b.Preference) })
	return set, nil
}

// Addresses are those of a host.
type Addresses struct {
	// Host is the name that was asked for, in A-labels without a dot at the end.
	Host string
	// Name is the host's after all aliases.
	Name string
	// IPs are IPv6 first, in random order within each kind.
	IPs []netip.Addr
	// Authentic says that all of them, aliases too, were validated.
	Authentic bool
}

// Addrs finds the addresses of a host. One kind is enough: that the other cannot be found now is no error. Where there are none, the error is an answer
// (Absent), or ErrTemporary if one of the questions went without.
func Addrs(ctx context.Context, r Resolver, host string) (Addresses, error) {
	name, err := Canonical(host)
	if err != nil {
		return Addresses{}, err
	}
	out := Addresses{Host: name, Name: name, Authentic: true}
	var answers [2]Answer
	var errs [2]error
	var g errgroup.Group
	for i, t := range []Type{AAAA, A} {
		g.Go(func() error {
			answers[i], errs[i] = r.Query(ctx, name, t)
			return nil
		})
	}
	_ = g.Wait()
	for i, a := range answers {
		if errs[i] != nil {
			continue
		}
		from := len(out.IPs)
		for _, rec := range a.Records {
			out.IPs = append(out.IPs, rec.Addr)
		}
		ips := out.IPs[from:]
		rand.Shuffle(len(ips), func(i, j int) { ips[i], ips[j] = ips[j], ips[i] })
		out.Name, out.Authentic = a.Name, out.Authentic && a.Authentic
	}
	if len(out.IPs) > 0 {
		return out, nil
	}
	out.Authentic = answers[0].Authentic && answers[1].Authentic
	for _, err := range errs {
		if !Absent(err) {
			return out, err
		}
	}
	return out, errs[0]
}

// TXTs finds the texts under a name: of each record, its strings joined.
func TXTs(ctx context.Context, r Resolver, name string) (texts []string, authentic bool, err error) {
	a, err := r.Query(ctx, name, TXT)
	for _, rec := range a.Records {
		texts = append(texts, rec.Text)
	}
	return texts, a.Authentic, err
}

// maxReverse is how many names of an address are looked at; RFC 7208 5.5 says the same of its own.
const maxReverse = 10

// ErrUnconfirmed says that an address has names, none of which leads back to it.
var ErrUnconfirmed = errors.New("dns: no name of the address leads back to it")

// Reverse finds the names of an address that lead back to it (iprev, RFC 8601 3). That it has none at all is an answer (Absent).
func Reverse(ctx context.Context, r Resolver, ip netip.Addr) ([]string, error) {
	a, err := r.Query(ctx, ReverseName(ip), PTR)
	if err != nil {
		return nil, err
	}
	ip = ip.Unmap().WithZone("")
	var names []string
	var temporary error
	for _, rec := range a.Records[:min(len(a.Records), maxReverse)] {
		t := AAAA
		if ip.Is4() {
			t = A
		}
		forward, err := r.Query(ctx, rec.Host, t)
		switch {
		case err != nil && !Absent(err):
			temporary = err
		case slices.ContainsFunc(forward.Records, func(f Record) bool { return f.Addr == ip }):
			names = append(names, rec.Host)
		}
	}
	switch {
	case len(names) > 0:
		return names, nil
	case temporary != nil:
		return nil, temporary
	}
	return nil, fmt.Errorf("%w: %s", ErrUnconfirmed, ip)
}

// ReverseName is the name that the PTR records of an address lie under (RFC 1035 3.5, RFC 3596 2.5).
func ReverseName(ip netip.Addr) string {
	return Reversed(ip) + map[bool]string{true: ".in-addr.arpa", false: ".ip6.arpa"}[ip.Unmap().Is4()]
}

// Reversed writes an address as names in block lists and the reverse tree begin (RFC 5782 2.1, 2.4): "2.2.0.192".
func Reversed(ip netip.Addr) string {
	ip = ip.Unmap()
	if ip.Is4() {
		b := ip.As4()
		return fmt.Sprintf("%d.%d.%d.%d", b[3], b[2], b[1], b[0])
	}
	const hex = "0123456789abcdef"
	b := ip.As16()
	out := make([]byte, 0, 63)
	for i := len(b) - 1; i >= 0; i-- {
		out = append(out, hex[b[i]&15], '.', hex[b[i]>>4], '.')
	}
	return string(out[:63])
}
