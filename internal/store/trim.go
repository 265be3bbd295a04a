package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

const (
	// trimEvery is how often every account is looked at.
	trimEvery = 24 * time.Hour
	// logFor is how long the change log reaches back: a device that comes back in
	// this time is told what changed, not everything.
	logFor = 90 * 24 * time.Hour
	// deliveredFor is how long a delivery's queue id is remembered.
	deliveredFor = 30 * 24 * time.Hour
	// removedAtLeast bounds what an account keeps in recently removed, in octets,
	// where its quota is smaller or there is none; the oldest goes first.
	removedAtLeast = 1 << 30
)

const rowTrimmed = "trimmed"

// trimDaily cuts, once a day, what grows with time in every account.
func (s *Store) trimDaily(ctx context.Context, done *Swept) error {
	now := s.now()
	key := keys.StoreKey(rowTrimmed)
	value, err := s.engine.Get(ctx, key)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("store: trimming: %w", err)
	}
	if last, err := keys.DecodeID(value); err == nil && now.Sub(time.UnixMilli(int64(last))) < trimEvery {
		return nil
	}
	var errs failures
	err = s.Accounts(ctx, func(id AccountID) error {
		if err := s.trim(ctx, id, now, done); err != nil && !errors.Is(err, ErrNoAccount) { // erased meanwhile
			errs.add(fmt.Errorf("store: trimming account %d: %w", id, err))
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("store: trimming: %w", err)
	}
	b := new(kv.Batch)
	b.Put(key, keys.EncodeID(uint64(now.UnixMilli())))
	errs.add(s.engine.Commit(ctx, b, kv.Lazy))
	return errs.err()
}

func (s *Store) trim(ctx context.Context, id AccountID, now time.Time, done *Swept) error {
	h, err := s.Account(ctx, id)
	if err != nil {
		return err
	}
	defer h.Close()
	old := QueueID(now.Add(-deliveredFor).UnixMilli()) << queueTimeShift
	span := kv.Span{Lo: keys.DeliveredKey(id, 0, ""), Hi: keys.DeliveredKey(id, old, "")}
	if some, err := s.any(ctx, span); err != nil {
		return err
	} else if some {
		b := new(kv.Batch)
		b.RemoveSpan(span)
		if err := s.engine.Commit(ctx, b, kv.Lazy); err != nil {
			return err
		}
	}
	horizon, err := h.lastBefore(ctx, now.Add(-logFor))
	if err != nil {
		return err
	}
	if err := h.TrimLog(ctx, horizon); err != nil {
		return err
	}
	if err := h.retainMissed(ctx, now); err != nil {
		return err
	}
	return h.trimRemoved(ctx, done)
}

// retainMissed leaves hints for mailboxes that a retention should have looked at: the server's has become another, which leaves none.
func (h *Account) retainMissed(ctx context.Context, now time.Time) error {
	var missed []MailboxID
	for _, m := range h.View().Mailboxes() {
		rule, _ := m.Retention()
		if rule.For <= 0 {
			continue
		}
		late, err := m.overdue(ctx, rule, now.UnixMilli())
		if err != nil {
			return err
		}
		if late {
			missed = append(missed, m.ID())
		}
	}
	if len(missed) == 0 {
		return nil
	}
	_, err := h.Update(ctx, Origin{}, func(tx *Tx) error {
		for _, id := range missed {
			if m, _ := tx.state.mailbox(id); m != nil {
				tx.retainAt(m, tx.now)
			}
		}
		return nil
	})
	return err
}

// overdue says whether a mailbox has something that retention should have removed. It looks no further than the first message that is too young.
func (m *MailboxView) overdue(ctx context.Context, rule Retention, now int64) (bool, error) {
	for i := 0; i < m.Len(); i++ {
		if i%keys.PageSize == 0 {
			if err := m.LoadPlaces(ctx, i, min(i+keys.PageSize, m.Len())); err != nil {
				return false, err
			}
		}
		e := m.At(i)
		if e.Saved+rule.For.Milliseconds()+2*retainStep > now {
			return false, nil
		}
		if expires(m.box, e, rule) {
			return true, nil
		}
	}
	return false, nil
}

// any says whether a span has a row: a range delete where there is nothing
// would only cost.
func (s *Store) any(ctx context.Context, span kv.Span) (some bool, err error) {
	r := kv.Range{Lo: span.Lo, Hi: span.Hi, Limit: 1, KeysOnly: true}
	err = s.engine.Scan(ctx, r, func(_, _ []byte) (bool, error) {
		some = true
		return false, nil
	})
	return some, err
}

// lastBefore returns the MODSEQ of the last operation before t, the horizon when
// there is none.
func (h *Account) lastBefore(ctx context.Context, t time.Time) (ModSeq, error) {
	last := h.current.Load().row.Horizon
	r := kv.Prefix(keys.OfAccount(keys.TableChange, h.id))
	err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		if err != nil {
			return false, err
		}
		c, err := keys.DecodeChange(v)
		if err != nil || c.Time >= t.UnixMilli() {
			return false, err
		}
		last = ModSeq(n)
		return true, nil
	})
	return last, err
}

// trimRemoved erases the oldest removed messages of an account that keeps more
// of them than it may.
func (h *Account) trimRemoved(ctx context.Context, done *Swept) error {
	row := h.current.Load().row
	bound := max(row.Limit, removedAtLeast)
	if row.Removed <= bound {
		return nil
	}
	var rows []dueRow
	over := row.Removed - bound
	r := kv.Prefix(keys.OfAccount(keys.TableRemoved, h.id))
	err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		_, t, msg, mbox, err := keys.RemovedOf(k)
		if err != nil {
			return false, err
		}
		g, err := keys.DecodeRemoved(v)
		if err != nil {
			return false, err
		}
		key := keys.DueKey(uint64(g.Until), h.id, keys.DueErase, mbox, msg)
		rows = append(rows, dueRow{key: key, account: h.id, kind: keys.DueErase, mailbox: mbox, message: msg, removed: t})
		over -= min(over, g.Size)
		return over > 0, nil
	})
	for len(rows) > 0 && err == nil {
		n := min(len(rows), sweepBatch)
		var k int
		k, err = h.eraseDue(ctx, rows[:n])
		if done.Erased += k; k > 0 {
			done.Accounts = append(done.Accounts, h.id)
		}
		rows = rows[n:]
	}
	return err
}
