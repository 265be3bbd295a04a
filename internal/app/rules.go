package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/domainquota"
	"restante/internal/flow/notice"
	"restante/internal/proto/addr"
	"restante/internal/store"
)

// rules are what accounts inherit from their domain and the server, and who looks at them when that has changed.
type rules struct {
	changed chan struct{} // there is something to look at

	mu        sync.Mutex
	retained  map[retained]time.Duration // what the directory has said; emptied when a rule changes
	recounted time.Time
}

// retained is what a retention is asked for by.
type retained struct {
	account store.AccountID
	role    store.Role
}

// retention is how long messages stay in mailboxes of a role; the store asks inside operations. If it cannot be told they stay.
func (c *Core) retention(id store.AccountID, role store.Role) time.Duration {
	if role != store.RoleJunk && role != store.RoleTrash {
		return 0
	}
	c.rules.mu.Lock()
	d, ok := c.rules.retained[retained{id, role}]
	c.rules.mu.Unlock()
	if ok {
		return d
	}
	from := c.directory.Load()
	if from == nil {
		return 0 // the store is being opened
	}
	d, err := from.Retention(context.Background(), id, role)
	if errors.Is(err, directory.ErrUnknownUser) {
		return 0 // it is being made, or erased
	}
	if err != nil {
		c.opts.Log.Error("rule not read, messages stay", "account", id, "error", err)
		return 0
	}
	c.rules.mu.Lock()
	defer c.rules.mu.Unlock()
	if from == c.directory.Load() {
		c.rules.retained[retained{id, role}] = d
	}
	return d
}

// forgetRules has rules read anew.
func (c *Core) forgetRules() {
	c.rules.mu.Lock()
	defer c.rules.mu.Unlock()
	clear(c.rules.retained)
}

// lookSoon has a running server look at what a change of rules is about. Without one, the next that starts does.
func (c *Core) lookSoon() {
	select {
	case c.rules.changed <- struct{}{}:
	default: // it is going to
	}
}

// settleAtOnce is how many accounts are looked at, after a change of rules, in one go; the others wait for the next.
const settleAtOnce = 1000

// settle looks at accounts that inherit other rules than before.
func (c *Core) settle(ctx context.Context) error {
	n, more, err := c.directory.Load().Settle(ctx, settleAtOnce, func(ctx context.Context, id store.AccountID) error {
		h, err := c.store.Account(ctx, id)
		if err != nil {
			return err
		}
		defer h.Close()
		return h.Settle(ctx)
	})
	if n > 0 {
		c.opts.Log.Info("rules have changed", "accounts_looked_at", n, "more", more)
	}
	if more {
		c.lookSoon()
	}
	return err
}

// recountEvery is how often the totals of domains are read anew, in case one went astray.
const recountEvery = time.Hour

// watchDomains has postmasters told of domains whose quota is nearly used up.
func (c *Core) watchDomains(ctx context.Context) error {
	c.rules.mu.Lock()
	recount := c.opts.Clock().Sub(c.rules.recounted) >= recountEvery
	if recount {
		c.rules.recounted = c.opts.Clock()
	}
	c.rules.mu.Unlock()
	if recount {
		if err := c.totals.Recount(ctx, c.store); err != nil {
			return err
		}
	}
	return c.totals.Watch(ctx, c.warnPostmaster)
}

// warnPostmaster writes to all who get a domain's mail for postmaster.
func (c *Core) warnPostmaster(ctx context.Context, w domainquota.Warning) error {
	to, err := c.directory.Lookup(ctx, addr.Address{Local: "postmaster", Domain: w.Domain})
	if errors.Is(err, directory.ErrUnknownUser) || errors.Is(err, directory.ErrClosed) {
		c.opts.Log.Warn("the quota of a domain is nearly used up, and it has no postmaster who could be told", "domain", w.Domain, "percent", w.Full)
		return nil
	}
	if err != nil {
		return err
	}
	used, limit := notice.Octets(w.Used.Octets), notice.Octets(w.Limit.Octets)
	if w.Limit.Octets == 0 || w.Limit.Messages > 0 && float64(w.Used.Messages)/float64(w.Limit.Messages) > float64(w.Used.Octets)/float64(w.Limit.Octets) {
		used, limit = fmt.Sprint(w.Used.Messages), fmt.Sprintf("%d messages", w.Limit.Messages)
	}
	n := notice.New(notice.Options{Store: c.store, Directory: &c.directory, Host: c.config.Host, Clock: c.opts.Clock})
	var errs []error
	for _, r := range to.Recipients {
		errs = append(errs, n.Domain(ctx, r.Account, w.Domain.Unicode(), w.Full, used, limit))
	}
	return errors.Join(errs...)
}
