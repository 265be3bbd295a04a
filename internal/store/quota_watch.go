package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/store/keys"
)

// warnLevels are the parts of a quota, per cent, at which its owner is told, once each time that it is crossed upwards.
func warnLevels() [3]uint64 { return [...]uint64{80, 90, 95} }

// rearm is how far, per cent, the use must fall below a level before the owner is told of it again.
const rearm = 2

// Full is how much of the quota is used up, per cent, by what there is least room for; 0 without a quota. It is 100 and no more
// where a lowered quota is exceeded.
func (v *View) Full() int { return int(v.state.full()) }

func (s *state) full() uint64 {
	used, full := s.used(), uint64(0)
	for _, r := range [...]struct{ used, limit uint64 }{{used.Octets, s.row.Limit}, {used.Messages, s.row.MaxMessages}} {
		switch {
		case r.limit == 0:
		case r.used >= r.limit:
			full = 100
		default:
			full = max(full, uint64(float64(r.used)/float64(r.limit)*100))
		}
	}
	return full
}

// watchQuota notes that the operation crosses a level, and leaves a hint that the owner is to be told.
func (tx *Tx) watchQuota() {
	r := &tx.state.row
	if r.Limit == 0 && r.MaxMessages == 0 {
		r.Warned = 0
		return
	}
	full, level := tx.state.full(), uint64(0)
	for _, l := range warnLevels() {
		if full >= l || r.Warned >= l && full+rearm >= l {
			level = l
		}
	}
	if level > r.Warned {
		tx.dueNow(keys.DueWarn, MessageID(level), level)
	}
	r.Warned = level
}

// NoteFull notes that a delivery has been refused because there is no room, and returns since when that has been so. The next delivery that
// is taken ends it.
func (h *Account) NoteFull(ctx context.Context) (since time.Time, err error) {
	if ms := h.current.Load().row.FullSince; ms != 0 {
		return time.UnixMilli(ms), nil
	}
	_, err = h.Update(ctx, Origin{}, func(tx *Tx) error {
		if tx.state.row.FullSince == 0 {
			tx.state.row.FullSince, tx.row = tx.now, true
		}
		since = time.UnixMilli(tx.state.row.FullSince)
		return nil
	})
	return since, err
}

// Warning is what is told to an owner whose quota is nearly used up.
type Warning struct {
	Account AccountID
	Level   int // per cent: 80, 90 or 95
}

// warnDue has owners told. A warning that cannot be given stays due.
func (h *Account) warnDue(ctx context.Context, rows []dueRow) error {
	var errs []error
	for _, r := range rows {
		// Only the highest that still holds: who has made room need not be told, and who goes through two levels at once is told once.
		if level := h.current.Load().row.Warned; h.store.opts.Warn != nil && uint64(r.message) == level {
			if err := h.store.opts.Warn(ctx, Warning{Account: h.id, Level: int(level)}); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		_, err := h.Update(ctx, Origin{}, func(tx *Tx) error {
			tx.remove(r.key)
			return nil
		})
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store: quota warnings: %w", err)
	}
	return nil
}
