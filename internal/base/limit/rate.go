package limit

import (
	"net/netip"
	"sync"
	"time"
)

// RateOptions of a Rate.
type RateOptions struct {
	Every time.Duration // one more is allowed each Every; needed
	Burst int           // and up to so many at once; default 1
	Size  int           // networks remembered; default 65,536 (about 5 MB)
	// Bits4 and Bits6 are how wide a network is, in IPv4 and IPv6; 0 is what one client is thought to hold (see [Network]).
	Bits4, Bits6 int
	Now          func() time.Time // default time.Now
}

// Rate bounds how often one network does something.
type Rate struct {
	opts RateOptions
	mu   struct {
		sync.Mutex
		// full is when a network's allowance will be whole again. It says
		// as much as a bucket of tokens and its time do.
		full table[netip.Prefix, time.Time]
	}
}

// NewRate returns a Rate.
func NewRate(o RateOptions) *Rate {
	orDefault(&o.Burst, 1)
	orDefault(&o.Size, 1<<16)
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Rate{opts: o}
	r.mu.full = newTable[netip.Prefix, time.Time](o.Size)
	return r
}

// Allow takes one from the allowance of from's network, or reports that there
// is none left. The invalid Addr has no limit.
func (r *Rate) Allow(from netip.Addr) bool {
	return r.take(from, true)
}

// Left says whether Allow would.
func (r *Rate) Left(from netip.Addr) bool { return r.take(from, false) }

func (r *Rate) take(from netip.Addr, keep bool) bool {
	if r == nil || !from.IsValid() {
		return true
	}
	n := r.network(from)
	now := r.opts.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	full, _ := r.mu.full.get(n)
	if full.Before(now) {
		full = now
	}
	full = full.Add(r.opts.Every)
	if full.Sub(now) > time.Duration(r.opts.Burst)*r.opts.Every {
		return false
	}
	if keep {
		r.mu.full.put(n, full)
	}
	return true
}

// network is whose allowance an address has.
func (r *Rate) network(a netip.Addr) netip.Prefix {
	n := Network(a)
	bits := r.opts.Bits4
	if n.Addr().Is6() {
		bits = r.opts.Bits6
	}
	if bits > 0 && bits < n.Bits() {
		n = netip.PrefixFrom(n.Addr(), bits).Masked()
	}
	return n
}
