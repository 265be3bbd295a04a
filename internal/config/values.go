package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Size is a number of octets: "50MiB", "2GB", "1000000".
type Size int64

// unit is a suffix and what it multiplies by.
type unit[T any] struct {
	suffix string
	factor T
}

func sizeUnits() []unit[Size] {
	return []unit[Size]{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
		{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1},
	}
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(b []byte) error {
	for _, u := range sizeUnits() {
		digits, ok := strings.CutSuffix(string(b), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
		if err != nil || n > 1<<50/uint64(u.factor) {
			break
		}
		*s = Size(n) * u.factor
		return nil
	}
	return fmt.Errorf(`%q is not a size: write a number with kB, MB, GB, KiB, MiB or GiB, such as "50MiB"`, b)
}

// String writes s with the largest unit that leaves it whole.
func (s Size) String() string {
	for _, u := range []unit[Size]{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s != 0 && s%u.factor == 0 {
			return fmt.Sprintf("%d%s", s/u.factor, u.suffix)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// Duration is a length of time: "90s", "5m", "12h", "30d".
type Duration time.Duration

func durationUnits() []unit[Duration] {
	return []unit[Duration]{
		{"d", Duration(24 * time.Hour)}, {"h", Duration(time.Hour)}, {"m", Duration(time.Minute)}, {"s", Duration(time.Second)},
	}
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	for _, u := range durationUnits() {
		digits, ok := strings.CutSuffix(string(b), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 31)
		if err != nil || n > 100*365*24*3600/uint64(time.Duration(u.factor)/time.Second) {
			break
		}
		*d = Duration(n) * u.factor
		return nil
	}
	return fmt.Errorf(`%q is not a length of time: write a whole number with s, m, h or d, such as "30d"`, b)
}

// String writes d with the largest unit that leaves it whole.
func (d Duration) String() string {
	for _, u := range durationUnits() {
		if d != 0 && d%u.factor == 0 {
			return fmt.Sprintf("%d%s", d/u.factor, u.suffix)
		}
	}
	return "0s"
}

// Address is where something listens: host:port, :port, or unix:/path.
type Address string

const unixPrefix = "unix:"

// Network returns the network and address for net.Listen.
func (a Address) Network() (network, address string) {
	if path, ok := strings.CutPrefix(string(a), unixPrefix); ok {
		return "unix", path
	}
	return "tcp", string(a)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(b []byte) error {
	*a = Address(b)
	network, address := a.Network()
	if network == "unix" {
		if !filepath.IsAbs(address) {
			return fmt.Errorf("%q: the path of a socket file must be absolute", b)
		}
		if len(address) > 100 { // the kernel has 108
			return fmt.Errorf("%q: the path of a socket file can have 100 octets at most", b)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil && host != "" {
		if _, notIP := netip.ParseAddr(host); notIP != nil {
			err = errors.New("a name in the place of an IP address")
		}
	}
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return fmt.Errorf(`%q is not an address to listen on: write "192.0.2.1:143", "[2001:db8::1]:143", ":143" for all addresses, or "unix:/path"`, b)
	}
	return nil
}

// Local says that only programs on this machine can connect.
func (a Address) Local() bool {
	network, address := a.Network()
	if network == "unix" {
		return true
	}
	ap, err := netip.ParseAddrPort(address)
	return err == nil && ap.Addr().IsLoopback()
}

// Network is a network, "192.0.2.0/24", or one address.
type Network string

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Network) UnmarshalText(b []byte) error {
	*n = Network(b)
	if !n.Prefix().IsValid() {
		return fmt.Errorf(`%q is not a network: write "192.0.2.0/24", "2001:db8::/32", or one address`, b)
	}
	return nil
}

// Prefix is the network, the invalid Prefix of what is none.
func (n Network) Prefix() netip.Prefix {
	if a, err := netip.ParseAddr(string(n)); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, err := netip.ParsePrefix(string(n))
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}
	}
	return p.Masked()
}
