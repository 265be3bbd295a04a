package guard

import (
	"net/netip"
	"time"

	"restante/internal/base/limit"
)

// Limits are how often one address may do something, and four times as often one network. 0 is no limit.
type Limits struct {
	Connections int // in a minute
	Messages    int // in a minute
	Recipients  int // in a minute
	Unknown     int // recipients that do not exist, in an hour
	Faults      int // refused commands, in an hour
}

// rates are the limits with what has been used of them.
type rates struct{ connections, messages, recipients, unknown, faults allowance }

func newRates(l Limits, now func() time.Time) rates {
	return rates{
		connections: newAllowance(l.Connections, time.Minute, now),
		messages:    newAllowance(l.Messages, time.Minute, now),
		recipients:  newAllowance(l.Recipients, time.Minute, now),
		unknown:     newAllowance(l.Unknown, time.Hour, now),
		faults:      newAllowance(l.Faults, time.Hour, now),
	}
}

// allowance is that of an address (of IPv6, its /64) and of its network: whoever has one address to send from often has its neighbours, too.
type allowance struct{ address, network *limit.Rate }

// Bounds of allowances.
const (
	neighbours = 4 // how many times as much a network may
	// remembered addresses and networks; all allowances together take 15 MB at most (TestSweep).
	addresses = 1 << 14
	networks  = 1 << 12
)

func newAllowance(n int, in time.Duration, now func() time.Time) allowance {
	if n == 0 {
		return allowance{}
	}
	return allowance{
		address: limit.NewRate(limit.RateOptions{Every: in / time.Duration(n), Burst: n, Size: addresses, Now: now}),
		network: limit.NewRate(limit.RateOptions{Every: in / time.Duration(n*neighbours), Burst: n * neighbours, Size: networks, Now: now, Bits4: 24, Bits6: 48}),
	}
}

// take takes one, or says that there is none left.
func (a allowance) take(ip netip.Addr) bool { return a.address.Allow(ip) && a.network.Allow(ip) }

// left says whether there is one.
func (a allowance) left(ip netip.Addr) bool { return a.address.Left(ip) && a.network.Left(ip) }
