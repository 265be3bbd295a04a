package relay

import (
	"fmt"
	"net/netip"

	"restante/internal/trust/tlspolicy"
)

// Host is a host that the operator has named: a smart host, or that of a transport. It may be anywhere, and is not looked for in MX records.
type Host struct {
	Name string // in the DNS, or an address
	Port uint16 // 0: 25, with Implicit 465
	// Level is the least protection. A password is never sent below Encrypt.
	Level tlspolicy.Level
	// Names are those that its certificate may be for, as in tlspolicy.Rule; none: its own.
	Names []string
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
	t := target{host: &h, name: h.Name, port: h.Port, hop: tlspolicy.Hop{Domain: h.Name}}
	if ip, err := netip.ParseAddr(h.Name); err == nil {
		t.ips = []netip.Addr{ip}
	}
	return []target{t}, nil
}

// rule is what the operator asks for.
func (h *Host) rule() *tlspolicy.Rule {
	r := &tlspolicy.Rule{Level: h.Level, Names: h.Names}
	if h.User != "" {
		r.Level = max(r.Level, tlspolicy.Encrypt)
	}
	return r
}
