package dns

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for ip, want := range map[string]bool{
		"192.0.2.1": true, "8.8.8.8": true, "127.0.0.1": false, "10.1.2.3": false, "169.254.1.1": false, "100.64.0.1": false, "0.0.0.0": false,
		"224.0.0.1": false, "255.255.255.255": false, "2001:db8::1": true, "::1": false, "::": false, "fe80::1": false, "fd00::1": false,
		"ff02::1": false, "::ffff:127.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b::8.8.8.8": true, "2002:7f00:1::": false,
	} {
		if got := Public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
}
