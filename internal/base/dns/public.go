package dns

import "net/netip"

// Public says whether an address is everybody's to reach (RFC 6890 2.2). Who goes where the names of strangers lead him asks first: otherwise
// anybody could have us speak to what only this machine or its network can reach. An IPv4 address inside of an IPv6 one counts as
// itself.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Is6() {
		b := ip.As16()
		switch {
		case nat64.Contains(ip): // RFC 6052 2.1
			return Public(netip.AddrFrom4([4]byte(b[12:])))
		case sixToFour.Contains(ip): // 6to4
			return Public(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// reserved are networks that are not public, beside those that netip knows.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // between a provider and its customers
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("fec0::/10"),
}
