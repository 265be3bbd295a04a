package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Change is one operation of the change log.
type Change struct {
	ModSeq ModSeq
	keys.Change
}

// ChangeItem is one part of a Change: what happened in one mailbox.
type ChangeItem = keys.Item

// Classes and kinds of a ChangeItem.
const (
	ClassMessage      = keys.ClassMessage
	ClassMailbox      = keys.ClassMailbox
	ClassSubscription = keys.ClassSubscription
	ClassAccount      = keys.ClassAccount
	ClassMetadata     = keys.ClassMetadata

	KindCreated   = keys.Created
	KindDestroyed = keys.Destroyed
	KindUpdated   = keys.Updated
	KindCopied    = keys.Copied
	KindMoved     = keys.Moved
)

// Changes returns the operations after since, in their order, at most limit (0:
// 1000) of them; more says that there are others. It never returns an
// operation that a View taken before the call may not know. A since from before
// the log's horizon is ErrTooOld: the caller must compare states instead.
func (h *Account) Changes(ctx context.Context, since ModSeq, limit int) (list []Change, more bool, err error) {
	st := h.current.Load()
	if limit <= 0 {
		limit = 1000
	}
	snap, err := h.store.engine.Snapshot()
	if err != nil {
		return nil, false, fmt.Errorf("store: changes of account %d: %w", h.id, err)
	}
	defer snap.Close()
	if horizon, err := h.horizon(ctx, snap); err != nil {
		return nil, false, err
	} else if since < horizon {
		return nil, false, ErrTooOld
	}
	// Up to what is on disk: the engine may show a commit before its sync.
	r := kv.Range{Lo: keys.ChangeKey(h.id, since+1), Hi: keys.ChangeKey(h.id, st.row.ModSeq+1), Limit: limit + 1}
	err = snap.Scan(ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		if err != nil {
			return false, err
		}
		if len(list) == limit {
			more = true
			return false, nil
		}
		c, err := keys.DecodeChange(v)
		list = append(list, Change{ModSeq: ModSeq(n), Change: c})
		return true, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("store: changes of account %d: %w", h.id, err)
	}
	return list, more, nil
}

// horizon is the log's as a snapshot has it: records and horizon are trimmed in one commit, but what readers see of the account
// comes a moment later.
func (a *account) horizon(ctx context.Context, snap kv.Reader) (ModSeq, error) {
	value, err := snap.Get(ctx, keys.OfAccount(keys.TableAccount, a.id))
	if isNotFound(err) {
		return 0, ErrNoAccount
	}
	if err != nil {
		return 0, fmt.Errorf("store: account %d: %w", a.id, err)
	}
	row, err := keys.DecodeAccount(value)
	if err != nil {
		return 0, corrupt(fmt.Sprintf("account %d", a.id), err)
	}
	return row.Horizon, nil
}
