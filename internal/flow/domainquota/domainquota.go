// Package domainquota knows how much all accounts of a domain keep together, and refuses what is more than the domain's quota.
//
// The totals are in memory, one counter a domain, which every commit that changes an account's messages moves (store.Options.Used): nobody waits for
// anybody. A message is let in by what the counter says at that moment, so several that arrive in the same moment may together pass the limit by
// their size; the next one sees it. The accounts' own quotas stay exact, and are the store's.
//
// What outlives a restart is in the directory's row of the domain: since when it has been full, and of what its postmaster has been told.
package domainquota

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Directory is what domainquota asks of *directory.Directory.
type Directory interface {
	Domains(ctx context.Context) iter.Seq2[directory.Domain, error]
	LoginOf(ctx context.Context, id store.AccountID) (string, error)
	NoteDomain(ctx context.Context, name addr.Domain, change func(*directory.DomainState)) error
}

// Totals are the totals of all domains. Make it with New, give its Room and Used to the store, then call Recount. It is safe for concurrent use.
type Totals struct {
	directory Directory
	clock     func() time.Time

	mu       sync.RWMutex
	domains  map[addr.Domain]*total
	accounts map[store.AccountID]*account
}

// total is a domain.
type total struct {
	name             addr.Domain
	messages, octets atomic.Int64
	limit            atomic.Pointer[directory.Limits] // nil: none
	full             atomic.Int64                     // since when, in milliseconds; 0: it is not
	ended            atomic.Bool                      // full has ended, and the directory does not know yet
}

// account is what one account adds to its domain's total.
type account struct {
	of               *total
	messages, octets atomic.Uint64
}

// New returns Totals that know of no account yet. clock is nil for time.Now.
func New(d Directory, clock func() time.Time) *Totals {
	if clock == nil {
		clock = time.Now
	}
	return &Totals{directory: d, clock: clock, domains: make(map[addr.Domain]*total), accounts: make(map[store.AccountID]*account)}
}

// Used notes what an account keeps now: store.Options.Used.
func (t *Totals) Used(id store.AccountID, messages, octets uint64) {
	a := t.account(id)
	if a == nil {
		return // it is being made, and has nothing yet; or it is being erased
	}
	a.of.messages.Add(int64(messages - a.messages.Swap(messages)))
	grown := int64(octets - a.octets.Swap(octets))
	a.of.octets.Add(grown)
	if grown > 0 && a.of.full.Load() != 0 && a.of.room(0, 0) == nil {
		a.of.full.Store(0) // something was taken: it begins anew
		a.of.ended.Store(true)
	}
}

// Room says nil or flow.ErrDomainFull: store.Options.Room.
func (t *Totals) Room(id store.AccountID, messages, octets uint64) error {
	if a := t.account(id); a != nil {
		return a.of.room(messages, octets)
	}
	return nil
}

func (d *total) room(messages, octets uint64) error {
	limit := d.limit.Load()
	if limit == nil {
		return nil
	}
	for _, r := range [...]struct{ used, more, limit uint64 }{
		{count(&d.octets), octets, limit.Octets}, {count(&d.messages), messages, limit.Messages},
	} {
		if r.limit > 0 && (r.more > r.limit || r.used > r.limit-r.more) {
			return fmt.Errorf("%w: %s", flow.ErrDomainFull, d.name)
		}
	}
	return nil
}

// count is a counter, which may be less than nothing for a moment.
func count(n *atomic.Int64) uint64 { return uint64(max(n.Load(), 0)) }

// account finds an account, nil when it has no login.
func (t *Totals) account(id store.AccountID) *account {
	t.mu.RLock()
	a := t.accounts[id]
	t.mu.RUnlock()
	if a != nil {
		return a
	}
	login, err := t.directory.LoginOf(context.Background(), id)
	if err != nil {
		return nil // Recount will find it
	}
	at, err := addr.Parse(login)
	if err != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accounts[id] == nil {
		t.accounts[id] = &account{of: t.domainLocked(at.Domain)}
	}
	return t.accounts[id]
}

func (t *Totals) domainLocked(name addr.Domain) *total {
	if t.domains[name] == nil {
		t.domains[name] = &total{name: name}
	}
	return t.domains[name]
}

// Recount reads what every account keeps and what the domains' quotas are. Call it when the server starts, and now and then.
func (t *Totals) Recount(ctx context.Context, s *store.Store) error {
	err := s.Usage(ctx, func(id store.AccountID, messages, octets uint64) error {
		t.Used(id, messages, octets)
		return nil
	})
	if err != nil {
		return fmt.Errorf("domainquota: counting: %w", err)
	}
	return t.Limits(ctx)
}

// Limits reads what the domains' quotas are. Call it when they have changed.
func (t *Totals) Limits(ctx context.Context) error {
	for d, err := range t.directory.Domains(ctx) {
		if err != nil {
			return fmt.Errorf("domainquota: %w", err)
		}
		t.mu.Lock()
		to := t.domainLocked(d.Name)
		t.mu.Unlock()
		limit := &d.Rules.Total
		if *limit == (directory.Limits{}) {
			limit = nil
		}
		to.limit.Store(limit)
		if !d.State.Full.IsZero() && !to.ended.Load() {
			to.full.CompareAndSwap(0, d.State.Full.UnixMilli())
		}
	}
	return nil
}

// Total is what a domain's accounts keep together.
func (t *Totals) Total(name addr.Domain) directory.Limits {
	t.mu.RLock()
	defer t.mu.RUnlock()
	d := t.domains[name]
	if d == nil {
		return directory.Limits{}
	}
	return directory.Limits{Octets: count(&d.octets), Messages: count(&d.messages)}
}

// Full notes that mail for an account is refused because its domain has no room, and says since when that has been so. Never is for a message that
// would not fit if there were nothing else.
func (t *Totals) Full(ctx context.Context, id store.AccountID, size uint64) (since time.Time, never bool, err error) {
	a := t.account(id)
	if a == nil {
		return t.clock(), false, nil
	}
	if limit := a.of.limit.Load(); limit != nil && limit.Octets > 0 && size > limit.Octets {
		return since, true, nil
	}
	if ms := a.of.full.Load(); ms != 0 {
		return time.UnixMilli(ms), false, nil
	}
	since = t.clock().UTC().Truncate(time.Second)
	if err := t.directory.NoteDomain(ctx, a.of.name, func(s *directory.DomainState) { s.Full = since }); err != nil {
		return since, false, err
	}
	a.of.ended.Store(false)
	a.of.full.CompareAndSwap(0, since.UnixMilli())
	return since, false, nil
}

// Warning is what is told to a domain's postmaster.
type Warning struct {
	Domain      addr.Domain
	Full        int // per cent
	Used, Limit directory.Limits
}

// warnLevels are the parts of a quota, per cent, at which the postmaster is told, once each time that it is crossed upwards; rearm is how far the use must
// fall below one before it counts again.
func warnLevels() [3]int { return [...]int{80, 90, 95} }

const rearm = 2

// Watch has postmasters told of quotas that are nearly used up, and writes down what must outlive a restart. Call it every few minutes. A warning that
// cannot be given is tried again.
func (t *Totals) Watch(ctx context.Context, warn func(context.Context, Warning) error) error {
	var errs []error
	for d, err := range t.directory.Domains(ctx) {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, t.watch(ctx, &d, warn))
	}
	return errors.Join(errs...)
}

func (t *Totals) watch(ctx context.Context, d *directory.Domain, warn func(context.Context, Warning) error) error {
	t.mu.RLock()
	of := t.domains[d.Name]
	t.mu.RUnlock()
	if of == nil {
		return nil
	}
	next := d.State
	used := t.Total(d.Name)
	percent := full(used, d.Rules.Total)
	next.Warned = 0
	for _, l := range warnLevels() {
		if percent >= l || d.State.Warned >= l && percent+rearm >= l {
			next.Warned = l
		}
	}
	if next.Warned > d.State.Warned {
		if err := warn(ctx, Warning{d.Name, percent, used, d.Rules.Total}); err != nil {
			return fmt.Errorf("domainquota: telling the postmaster of %s: %w", d.Name, err)
		}
	}
	ended := of.ended.Swap(false) && of.full.Load() == 0
	if next == d.State && !ended {
		return nil
	}
	return t.directory.NoteDomain(ctx, d.Name, func(s *directory.DomainState) {
		if s.Warned = next.Warned; ended {
			s.Full = time.Time{}
		}
	})
}

// full is how much of the quota is used up, per cent, by what there is least room for.
func full(used, limit directory.Limits) (percent int) {
	for _, r := range [...]struct{ used, limit uint64 }{{used.Octets, limit.Octets}, {used.Messages, limit.Messages}} {
		switch {
		case r.limit == 0:
		case r.used >= r.limit:
			return 100
		default:
			percent = max(percent, int(float64(r.used)/float64(r.limit)*100))
		}
	}
	return percent
}
