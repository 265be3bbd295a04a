package store

import (
	"context"
	"fmt"
	"slices"

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
	if since < st.row.Horizon {
		return nil, false, ErrTooOld
	}
	if limit <= 0 {
		limit = 1000
	}
	// Up to what is on disk: the engine may show a commit before its sync.
	r := kv.Range{Lo: keys.ChangeKey(h.id, since+1), Hi: keys.ChangeKey(h.id, st.row.ModSeq+1), Limit: limit + 1}
	err = h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
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

// Vanished returns the UIDs below uidNext that left the mailbox after since and
// at or before the view's MODSEQ, ascending, without doubles (RFC 7162 3.2.5.1).
func (h *Account) Vanished(ctx context.Context, m *MailboxView, since ModSeq) ([]UID, error) {
	var uids []UID
	r := kv.Range{Lo: keys.VanishedKey(h.id, m.ID(), since+1), Hi: keys.VanishedKey(h.id, m.ID(), m.view.ModSeq()+1)}
	err := h.store.engine.Scan(ctx, r, func(_, v []byte) (bool, error) {
		rs, err := keys.DecodeRanges(v)
		for _, r := range rs {
			for uid := r.Lo; uid <= r.Hi && uid != 0; uid++ {
				uids = append(uids, uid)
			}
		}
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("store: vanished UIDs of mailbox %d: %w", m.ID(), err)
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// TrimLog forgets change records at or below upTo. What is still known after it:
// the MODSEQ of every message, and the vanished UIDs.
func (h *Account) TrimLog(ctx context.Context, upTo ModSeq) error {
	h.writer.Lock()
	defer h.writer.Unlock()
	st := *h.current.Load()
	upTo = min(upTo, st.row.ModSeq)
	if upTo <= st.row.Horizon {
		return nil
	}
	b := newBuild(h.account)
	st.row.Horizon = upTo
	b.state = &st
	kb := new(kv.Batch)
	kb.RemoveSpan(kv.Span{Lo: keys.ChangeKey(h.id, 0), Hi: keys.ChangeKey(h.id, upTo+1)})
	row := b.batch(kb)
	if err := h.store.engine.Commit(ctx, kb, kv.Durable); err != nil {
		return fmt.Errorf("store: trimming the log of account %d: %w", h.id, err)
	}
	b.publish(row)
	return nil
}
