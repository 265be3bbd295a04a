package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"restante/internal/flow/signing"
	"restante/internal/ops/zone"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

// keyWatch is what is known of new keys that are published, until they are used.
type keyWatch struct {
	sync.Mutex
	seen map[string]time.Time // by the name of the record: since when
}

const (
	// keysEvery is how often new keys are looked for in the DNS.
	keysEvery = time.Hour
	// keysSettle is how long a key must have been seen before it takes the place of another: by then it has reached every name server of the domain.
	// Where nothing signs there is nothing to lose, and it is used at once.
	keysSettle = 50 * time.Minute
	// maxSilent is how many questions in a row may stay without an answer before the rest is left for the next time.
	maxSilent = 5
)

// keepKeys begins to sign with new keys once they are published, until ctx ends.
func (s *Server) keepKeys(ctx context.Context) error {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		if err := s.lookForKeys(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("whether new DKIM keys are published could not be seen", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

var errNoLook = errors.New("nobody answers")

// lookForKeys looks for the new keys of all domains.
func (c *Core) lookForKeys(ctx context.Context) error {
	domains, err := c.signing.Domains(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(domains, func(_ addr.Domain, u signing.Use) bool { return u.Next == 0 })
	silent := 0
	for _, d := range slices.Sorted(maps.Keys(domains)) {
		_, unknown, err := c.lookForKeysOf(ctx, d)
		if err != nil {
			return err
		}
		if silent += unknown; unknown == 0 {
			silent = 0
		}
		if silent >= maxSilent {
			return errNoLook
		}
	}
	return ctx.Err()
}

// lookForKeysOf looks for those of one domain. It returns those that it has begun to sign with, and how many nobody could tell of.
func (c *Core) lookForKeysOf(ctx context.Context, d addr.Domain) (begun []signing.Entry, unknown int, err error) {
	list, err := c.signing.List(ctx, d)
	if err != nil {
		return nil, 0, err
	}
	signs := make(map[string]bool)
	for i := range list {
		if list[i].State == signing.Active {
			signs[list[i].Algorithm] = true
		}
	}
	for i := range list {
		e := &list[i]
		if e.State != signing.Next {
			continue
		}
		row := c.published(ctx, e)
		if row.State == zone.Unknown {
			unknown++
		}
		if !c.keys.ready(e.Name, row.State == zone.Good, signs[e.Algorithm], c.opts.Clock()) {
			continue
		}
		if err := c.signing.Use(ctx, d, e.Selector); err != nil {
			return begun, unknown, err
		}
		begun = append(begun, *e)
		c.opts.Log.LogAttrs(ctx, slog.LevelInfo, "mail is signed with a new key", slog.String("domain", string(d)), slog.String("selector", e.Selector))
	}
	return begun, unknown, nil
}

// ready says whether a key may be used that is published, or is not, and takes the place of another, or does not.
func (w *keyWatch) ready(name string, published, replaces bool, now time.Time) bool {
	w.Lock()
	defer w.Unlock()
	since, seen := w.seen[name]
	switch {
	case !published:
		delete(w.seen, name)
		return false
	case !replaces, seen && now.Sub(since) >= keysSettle:
		delete(w.seen, name)
		return true
	case !seen:
		if w.seen == nil {
			w.seen = make(map[string]time.Time)
		}
		w.seen[name] = now
	}
	return false
}

// LookForSigningKeys implements admind.Backend.
func (c *Core) LookForSigningKeys(ctx context.Context, domain string) ([]admind.SigningKey, error) {
	d, err := c.hosted(ctx, domain)
	if err != nil || !c.config.DKIM.Automatic || c.opts.AtHome {
		return nil, err
	}
	begun, _, err := c.lookForKeysOf(ctx, d)
	for i := range begun {
		begun[i].State = signing.Active
	}
	return c.signingKeys(begun), err
}
