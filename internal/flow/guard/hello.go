package guard

import (
	"fmt"
	"net/netip"
	"strings"

	"restante/internal/flow"
)

// Hello is what the name in EHLO must be like. Whether it leads anywhere is never asked: that must not count (RFC 5321 4.1.4).
type Hello int

// Strictness.
const (
	HelloOff    Hello = iota
	HelloSane         // what is no name or address at all, and what are this server's own
	HelloStrict       // what is no full name (RFC 5321 2.3.5), too
)

// Fault is what is wrong with what a client calls itself; empty where nothing is.
func (h Hello) Fault(s *flow.Session, host string) string {
	if h == HelloOff {
		return ""
	}
	name := strings.TrimSuffix(s.Hello, ".")
	if ip, literal, ok := helloAddress(name); ok {
		switch {
		case ip == s.Local.Unmap() && s.Local.IsValid():
			return "that is the address of this server"
		case !literal && h == HelloStrict:
			return "an address stands in brackets"
		}
		return ""
	}
	if strings.EqualFold(name, host) {
		return "that is the name of this server"
	}
	return h.nameFault(name)
}

// helloAddress reads an address literal (RFC 5321 4.1.3), or an address that should be one.
func helloAddress(s string) (ip netip.Addr, literal, ok bool) {
	inner, literal := strings.CutPrefix(s, "[")
	if literal {
		inner = strings.TrimSuffix(inner, "]")
		if len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:") {
			inner = inner[5:]
		}
	}
	ip, err := netip.ParseAddr(inner)
	return ip.Unmap(), literal, err == nil && ip.Zone() == "" && (!literal || strings.HasSuffix(s, "]"))
}

// nameFault is what is wrong with a name: RFC 5321 4.1.2 has letters, digits and hyphens between dots. An underscore is no part of it, and of the names of many
// honest hosts; so are octets outside ASCII, which nobody gets this far with.
func (h Hello) nameFault(name string) string {
	if strings.HasPrefix(name, "[") {
		return "no address stands in these brackets"
	}
	if len(name) > 255 {
		return "no name is that long"
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return "that is no name of a host"
		}
		for _, c := range []byte(label) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-'
			if !letter && (c != '_' || h == HelloStrict) {
				return fmt.Sprintf("%q is in no name of a host", c)
			}
		}
	}
	if last := labels[len(labels)-1]; h == HelloStrict && (len(labels) == 1 || strings.EqualFold(last, "localdomain") || strings.Trim(last, "0123456789") == "") {
		return "that is no full name of a host"
	}
	return ""
}
