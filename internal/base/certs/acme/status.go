package acme

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// List tells of all names, sorted.
func (k *Keeper) List() []Status {
	now := k.opts.Clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]Status, 0, len(k.mu.entries))
	for _, e := range k.mu.entries {
		if !e.gone || e.cert != nil {
			list = append(list, e.status(now, k.mu.pause.Until))
		}
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// status tells of a name. It runs under the lock.
func (e *entry) status(now, pause time.Time) Status {
	s := Status{
		Name: e.Name.Name, Way: e.Way, Why: e.Why, Renew: e.Renew, Tried: e.Tried, Next: e.Next, Failed: e.Failed, Error: e.Error, Advice: e.Advice,
	}
	if e.gone {
		s.Way, s.Why = Elsewhere, "nobody wants it any more"
	}
	if pause.After(s.Next) {
		s.Next = pause
	}
	if e.cert == nil {
		return s
	}
	leaf := e.cert.Leaf
	s.Until, s.Issuer = leaf.NotAfter, leaf.Issuer.CommonName
	if s.Issuer == "" && len(leaf.Issuer.Organization) > 0 {
		s.Issuer = leaf.Issuer.Organization[0]
	}
	s.Issuer = clip(s.Issuer)
	s.Soon = s.Way == Here && EndsSoon(leaf, now)
	return s
}

// Why a name is not asked for.
var (
	ErrNotWanted = errors.New("acme: it is no name of this server")
	ErrElsewhere = errors.New("acme: it does not lead here")
	ErrTooMany   = errors.New("acme: too many certificates were asked for in the last hour, try again later")
)

// Renew has certificates issued now: for these names, or, where none is said, for all that have failed or whose time has come. It yields what has
// come of each; the error is that of the name.
func (k *Keeper) Renew(ctx context.Context, names []string) iter.Seq2[Status, error] {
	return func(yield func(Status, error) bool) {
		k.work.Lock()
		defer k.work.Unlock()
		k.mu.Lock()
		k.mu.looked = time.Time{}
		k.mu.Unlock()
		k.look(ctx)
		if len(names) == 0 {
			names = k.waiting()
		}
		for _, name := range names {
			if ctx.Err() != nil {
				return
			}
			s, err := k.renew(ctx, strings.ToLower(strings.TrimSuffix(name, ".")))
			if !yield(s, err) {
				return
			}
		}
	}
}

// waiting are the names that have no certificate yet, have failed, or are due.
func (k *Keeper) waiting() []string {
	now := k.opts.Clock()
	var list []string
	for _, e := range k.entries() {
		if _, ok := e.wants(); ok && (e.cert == nil || e.Error != "" || !e.Renew.After(now)) {
			list = append(list, e.Name.Name)
		}
	}
	return list
}

func (k *Keeper) renew(ctx context.Context, name string) (Status, error) {
	k.mu.Lock()
	e := k.mu.entries[name]
	many := k.fullUntil(k.opts.Clock()).After(k.opts.Clock())
	k.mu.Unlock()
	switch {
	case e == nil || e.gone:
		return Status{Name: name}, fmt.Errorf("%w: %s", ErrNotWanted, name)
	case e.Way != Here:
		return Status{Name: name, Way: e.Way, Why: e.Why}, fmt.Errorf("%w: %s: %s", ErrElsewhere, name, e.Why)
	case many:
		return Status{Name: name}, ErrTooMany
	}
	err := k.obtain(ctx, e)
	k.mu.Lock()
	defer k.mu.Unlock()
	return e.status(k.opts.Clock(), k.mu.pause.Until), err
}
