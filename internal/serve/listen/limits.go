package listen

import (
	"net/netip"
	"sync"

	"restante/internal/base/limit"
)

// LimitOptions bound connections. Zero means no bound.
type LimitOptions struct {
	Total      int         // open at once
	PerAddress int         // open at once from one IPv4 address or IPv6 /64
	Rate       *limit.Rate // how often one address may connect; nil: as often as it likes
}

// Limits counts connections, of all Servers that share it. A nil *Limits
// bounds nothing. It is safe for concurrent use.
type Limits struct {
	opts LimitOptions
	mu   struct {
		sync.Mutex
		total int
		per   map[netip.Prefix]int // as many entries as connections at most
	}
}

// NewLimits returns a Limits.
func NewLimits(o LimitOptions) *Limits {
	l := &Limits{opts: o}
	l.mu.per = make(map[netip.Prefix]int)
	return l
}

// acquire counts a connection. A reason other than "" refuses it.
func (l *Limits) acquire(a netip.Addr) (reason string) {
	if l == nil {
		return ""
	}
	if !l.opts.Rate.Allow(a) {
		return "too many connections in a short time"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opts.Total > 0 && l.mu.total >= l.opts.Total {
		return "too many connections"
	}
	if a.IsValid() {
		p := limit.Network(a)
		if l.opts.PerAddress > 0 && l.mu.per[p] >= l.opts.PerAddress {
			return "too many connections from this address"
		}
		l.mu.per[p]++
	}
	l.mu.total++
	return ""
}

func (l *Limits) release(a netip.Addr) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.total--
	if !a.IsValid() {
		return
	}
	p := limit.Network(a)
	if l.mu.per[p]--; l.mu.per[p] == 0 {
		delete(l.mu.per, p)
	}
}
