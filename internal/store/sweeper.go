package store

import (
	"context"
	"errors"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

const (
	// sweepScan is how many hints are read at once, to be done account by account.
	sweepScan = 8192
	// sweepFailures is how often hints of one kind in one account may fail in a sweep before the rest of them is left for the next.
	sweepFailures = 32
	// sweepErrors is how many errors of a sweep are told one by one.
	sweepErrors = 20
)

// dueRow is a hint that something is due.
type dueRow struct {
	key     []byte
	account AccountID
	kind    byte
	mailbox MailboxID
	message MessageID
	removed uint64
}

// sweeper is one sweep. What fails in one account, or with one row, does not keep it from the others; their hints stay, and the next sweep
// does them again.
type sweeper struct {
	store  *Store
	done   *Swept
	failed map[dueGroup]int
	errs   failures
}

// dueGroup is what can be done in one operation.
type dueGroup struct {
	account AccountID
	kind    byte
}

// failures are the errors of a sweep: the first of them, and how many more there were.
type failures struct {
	list []error
	more int
}

func (f *failures) add(err error) {
	if err == nil {
		return
	}
	if len(f.list) == sweepErrors {
		f.more++
		return
	}
	f.list = append(f.list, err)
}

func (f *failures) err() error {
	if f.more > 0 {
		return errors.Join(append(f.list, fmt.Errorf("store: %d more failures", f.more))...)
	}
	return errors.Join(f.list...)
}

// sweepDue does what the hints say that is due by now. Those that it leaves itself, for later, it does not look at.
func (s *Store) sweepDue(ctx context.Context, done *Swept) error {
	w := sweeper{store: s, done: done, failed: make(map[dueGroup]int)}
	from, end := keys.DueKey(0, 0, 0, 0, 0), keys.DueKey(uint64(s.now().UnixMilli())+1, 0, 0, 0, 0)
	for {
		rows, last, err := w.read(ctx, from, end)
		if err != nil || last == nil {
			w.errs.add(err)
			return w.errs.err()
		}
		// Tombstones behind a low-water mark are not scanned again.
		from = append(last, 0)
		for _, group := range grouped(rows) {
			if err := ctx.Err(); err != nil {
				return err
			}
			for len(group) > 0 {
				n := min(len(group), sweepBatch)
				w.do(ctx, group[:n])
				group = group[n:]
			}
		}
	}
}

// read reads hints, and says which was the last; nil when there was none.
func (w *sweeper) read(ctx context.Context, from, end []byte) (rows []dueRow, last []byte, err error) {
	err = w.store.engine.Scan(ctx, kv.Range{Lo: from, Hi: end, Limit: sweepScan}, func(k, v []byte) (bool, error) {
		last = append([]byte(nil), k...)
		_, acct, kind, mbox, msg, err := keys.DueOf(k)
		t, derr := keys.DecodeID(v)
		if err = errors.Join(err, derr); err != nil {
			w.errs.add(corrupt(fmt.Sprintf("sweep hint %x", k), err))
			return true, nil
		}
		rows = append(rows, dueRow{last, acct, kind, mbox, msg, t})
		return true, nil
	})
	return rows, last, err
}

// grouped puts together what is of one account and kind: one operation for each hint would be one sync for each.
func grouped(rows []dueRow) [][]dueRow {
	var out [][]dueRow
	place := make(map[dueGroup]int)
	for _, r := range rows {
		g := dueGroup{r.account, r.kind}
		i, ok := place[g]
		if !ok {
			i = len(out)
			place[g] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// do does hints of one account and kind, and goes on with halves of them when that fails, so that a row that cannot be done is alone in the end.
func (w *sweeper) do(ctx context.Context, rows []dueRow) {
	g := dueGroup{rows[0].account, rows[0].kind}
	if w.failed[g] >= sweepFailures || ctx.Err() != nil {
		return
	}
	err := w.due(ctx, rows)
	if err == nil {
		return
	}
	w.failed[g]++
	if errors.As(err, new(rulesError)) {
		w.failed[g] = sweepFailures // which would fail for each half as well
	}
	if len(rows) == 1 || w.failed[g] >= sweepFailures {
		w.errs.add(fmt.Errorf("store: sweep of account %d: %w", g.account, err))
		return
	}
	w.do(ctx, rows[:len(rows)/2])
	w.do(ctx, rows[len(rows)/2:])
}

// due does hints of one account and kind.
func (w *sweeper) due(ctx context.Context, rows []dueRow) error {
	s := w.store
	h, err := s.Account(ctx, rows[0].account)
	if errors.Is(err, ErrNoAccount) {
		b := new(kv.Batch)
		for _, r := range rows {
			b.Remove(r.key)
		}
		return s.engine.Commit(ctx, b, kv.Durable)
	}
	if err != nil {
		return err
	}
	defer h.Close()
	switch rows[0].kind {
	case keys.DueErase:
		n, err := h.eraseDue(ctx, rows)
		if w.done.Erased += n; n > 0 {
			w.done.Accounts = append(w.done.Accounts, h.id)
		}
		return err
	case keys.DueRelease:
		err = h.releaseDue(ctx, rows)
	case keys.DueSettle:
		err = h.settleDue(ctx, rows)
	case keys.DueRetain:
		err = h.retainDue(ctx, rows)
	case keys.DueWarn:
		err = h.warnDue(ctx, rows)
	}
	if err == nil {
		w.done.Due += len(rows)
	}
	return err
}

// eraseDue erases messages for good, and says how many there were.
func (h *Account) eraseDue(ctx context.Context, rows []dueRow) (int, error) {
	var gone []MessageID
	_, err := h.Update(ctx, Origin{}, func(tx *Tx) error {
		gone = gone[:0]
		since, pinned := h.store.pins.oldest(h.id, tx.now)
		for _, r := range rows {
			if pinned && int64(r.removed) >= since {
				continue // somebody may still read it; the row stays and is seen again
			}
			erased, err := tx.erase(r)
			if err != nil {
				return err
			}
			if erased {
				gone = append(gone, r.message)
			}
		}
		return tx.forgetMarks(gone)
	})
	if err != nil {
		return 0, fmt.Errorf("store: erasing: %w", err)
	}
	return len(gone), nil
}

// erase removes the last traces of a message but for its marks, and makes its body a candidate. It says false of one that has been put
// back, or erased before.
func (tx *Tx) erase(r dueRow) (bool, error) {
	tx.remove(r.key)
	key := keys.RemovedKey(tx.a.id, r.removed, r.message, r.mailbox)
	v, err := tx.get(key)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	g, err := keys.DecodeRemoved(v)
	if err != nil {
		return false, corrupt("removed row", err)
	}
	tx.remove(key)
	tx.remove(keys.OfMessage(keys.TableMessage, tx.a.id, r.message))
	tx.remove(keys.ReferenceKey(g.Blob, keys.RefMessage, tx.a.id, uint64(r.message)))
	tx.put(keys.CandidateKey(uint64(tx.now), g.Blob), nil)
	tx.state.row.Removed -= g.Size
	return true, tx.dropUIDL(r.message)
}
