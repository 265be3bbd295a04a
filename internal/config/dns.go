package config

import (
	"fmt"
	"net/netip"
)

// Resolver is the address of a DNS resolver, "192.0.2.53" or "[2001:db8::53]:5353".
type Resolver string

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Resolver) UnmarshalText(b []byte) error {
	*r = Resolver(b)
	if !r.AddrPort().IsValid() {
		return fmt.Errorf(`%q is not the address of a resolver: write "127.0.0.1", "[::1]:5353", or another IP address, with a port or without`, b)
	}
	return nil
}

// AddrPort is the address, with port 53 where it has none; it is not valid of what is no address.
func (r Resolver) AddrPort() netip.AddrPort {
	if ip, err := netip.ParseAddr(string(r)); err == nil {
		return netip.AddrPortFrom(ip, 53)
	}
	ap, err := netip.ParseAddrPort(string(r))
	if err != nil || ap.Port() == 0 {
		return netip.AddrPort{}
	}
	return ap
}
