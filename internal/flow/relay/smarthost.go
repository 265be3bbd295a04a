package relay

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"

	"restante/internal/base/dns"
)

// Host is a host that the operator has named: a smart host, or that of a transport. It may be anywhere, and is not looked for in MX records.
type Host struct {
	Name string // in the DNS, or an address
	Port uint16 // 0: 25, with Implicit 465
	// Level is the least protection. A password is never sent below Encrypt.
	Level Level
	// Implicit is TLS from the first octet (RFC 8314 3.3).
	Implicit bool
	// User, where there is one, logs in; Password reads the password.
	User     string
	Password func() (string, error)
}

// smartHost is the target that a name stands for.
func (r *Relay) smartHost(name string) ([]target, error) {
	h, ok := r.opts.Hosts[name]
	if !ok {
		return nil, fmt.Errorf("the configuration knows no host %q any more", name)
	}
	if h.Port == 0 {
		h.Port = 25
		if h.Implicit {
			h.Port = 465
		}
	}
	t := target{host: &h, name: h.Name, hop: Hop{Domain: h.Name, Port: h.Port}}
	if ip, err := netip.ParseAddr(h.Name); err == nil {
		t.ips = []netip.Addr{ip}
		t.hop.Host = dns.Addresses{IPs: t.ips}
	}
	return []target{t}, nil
}

// protection is what the operator asks for.
func (h *Host) protection(name string, roots *x509.CertPool, wish Wish) (Protection, error) {
	p := Protection{Level: h.Level, Reasons: []string{"TLS as the configuration says"}}
	if h.User != "" {
		p.Level = max(p.Level, Encrypt)
	}
	if wish == Requires {
		p.Level, p.RequireTLS = Authenticated, true
	}
	p.Config = &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, RootCAs: roots}
	if p.Level < Authenticated {
		p.Config = opportune(name)
	}
	return p, nil
}
