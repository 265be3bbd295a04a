package limit

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// GuardOptions of a Guard. Zero fields get the defaults.
type GuardOptions struct {
	First     time.Duration // delay after the first failure; default 0.5 s, doubled by each one more
	Max       time.Duration // the longest delay; default 15 s
	Refuse    int           // failures after which attempts are refused; default 12
	RefuseFor time.Duration // and for how long, from the last one; default 15 min
	Forget    time.Duration // failures count for this long after the last one; default 1 h
	// Free failures of an address, over all accounts, and of an account,
	// over all addresses, are not held against it: an office behind one
	// address mistypes too, and an account cannot help being attacked.
	// Default 20.
	Free int
	// Trust is how long a success of an account from an address keeps the
	// failures of other addresses from slowing it down; default 30 days.
	Trust time.Duration
	Size  int // keys remembered; default 65,536 (about 10 MB)
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Guard slows down guessing. Failures are counted by account and address
// together, by address and by account. The first two lead to a delay that
// grows, then to refusal. The last leads to a delay only, and not for an
// address from which the account has logged in before: else anybody could lock
// anybody out.
type Guard struct {
	opts GuardOptions
	mu   struct {
		sync.Mutex
		tries table[guardKey, tries]
	}
}

// guardKey is an account and a network; either alone has the other zero.
type guardKey struct {
	account string
	network netip.Prefix
}

type tries struct {
	failures int
	last     time.Time // failure
	good     time.Time // success, of pairs only
}

// ErrRefused means that an attempt must be refused without looking at it.
var ErrRefused = errors.New("limit: too many failures")

// NewGuard returns a Guard.
func NewGuard(o GuardOptions) *Guard {
	orDefault(&o.First, 500*time.Millisecond)
	orDefault(&o.Max, 15*time.Second)
	orDefault(&o.Refuse, 12)
	orDefault(&o.RefuseFor, 15*time.Minute)
	orDefault(&o.Forget, time.Hour)
	orDefault(&o.Free, 20)
	orDefault(&o.Trust, 30*24*time.Hour)
	orDefault(&o.Size, 1<<16)
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Guard{opts: o}
	g.mu.tries = newTable[guardKey, tries](o.Size)
	return g
}

func orDefault[T time.Duration | int](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// maxName bounds what is remembered of a name from outside.
const maxName = 256

func keys(account string, from netip.Addr) (pair, network, name guardKey) {
	account = account[:min(len(account), maxName)]
	n := Network(from)
	return guardKey{account, n}, guardKey{network: n}, guardKey{account: account}
}

// Check says how long to wait before an attempt of account, as the client
// spells it after normalising, from an address is looked at; ErrRefused means
// not at all. from may be invalid: then only the account counts.
func (g *Guard) Check(account string, from netip.Addr) (time.Duration, error) {
	if g == nil {
		return 0, nil
	}
	pair, network, name := keys(account, from)
	now := g.opts.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := g.delay(g.recentLocked(name, now).failures - g.opts.Free)
	if !from.IsValid() {
		return wait, nil
	}
	p := g.recentLocked(pair, now)
	n := g.recentLocked(network, now)
	n.failures -= g.opts.Free
	if g.refused(p, now) || g.refused(n, now) {
		return 0, ErrRefused
	}
	if now.Sub(p.good) <= g.opts.Trust {
		wait = 0
	}
	return max(wait, g.delay(p.failures), g.delay(n.failures)), nil
}

func (g *Guard) refused(t tries, now time.Time) bool {
	return t.failures >= g.opts.Refuse && now.Sub(t.last) < g.opts.RefuseFor
}

func (g *Guard) delay(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	d := g.opts.First
	for range failures - 1 {
		if d *= 2; d >= g.opts.Max {
			return g.opts.Max
		}
	}
	return min(d, g.opts.Max)
}

// recentLocked is the entry of k without failures that no longer count.
func (g *Guard) recentLocked(k guardKey, now time.Time) tries {
	t, _ := g.mu.tries.get(k)
	if now.Sub(t.last) > g.opts.Forget {
		t.failures = 0
	}
	return t
}

// Failed counts a failure: wrong credentials, not a fault of ours.
func (g *Guard) Failed(account string, from netip.Addr) {
	if g == nil {
		return
	}
	pair, network, name := keys(account, from)
	now := g.opts.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	counted := []guardKey{name, pair, network}
	if !from.IsValid() {
		counted = counted[:1]
	}
	for _, k := range counted {
		t := g.recentLocked(k, now)
		t.failures++
		t.last = now
		g.mu.tries.put(k, t)
	}
}

// Succeeded clears the failures of the account from that address. Those of the
// address stay: a guesser may hold one account of his own.
func (g *Guard) Succeeded(account string, from netip.Addr) {
	if g == nil || !from.IsValid() {
		return
	}
	pair, _, _ := keys(account, from)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.tries.put(pair, tries{good: g.opts.Now()})
}
