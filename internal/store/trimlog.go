package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// TrimLog forgets change records at or below upTo. What is still known after it: the MODSEQ of every message, and the vanished UIDs
// of the last keepVanished operations of each mailbox that removed any; beyond the horizon older ones go too.
func (h *Account) TrimLog(ctx context.Context, upTo ModSeq) error {
	h.writer.Lock()
	defer h.writer.Unlock()
	st := *h.current.Load()
	upTo = min(upTo, st.row.ModSeq)
	if upTo <= st.row.Horizon {
		return nil
	}
	kb := new(kv.Batch)
	if err := h.cutMailboxes(ctx, kb, &st, upTo); err != nil {
		return fmt.Errorf("store: trimming the log of account %d: %w", h.id, err)
	}
	b := newBuild(h.account)
	st.row.Horizon = upTo
	b.state = &st
	kb.RemoveSpan(kv.Span{Lo: keys.ChangeKey(h.id, 0), Hi: keys.ChangeKey(h.id, upTo+1)})
	row := b.batch(kb)
	if err := h.store.engine.Commit(ctx, kb, kv.Durable); err != nil {
		return fmt.Errorf("store: trimming the log of account %d: %w", h.id, err)
	}
	b.publish(row)
	return nil
}

// keepVanished is how many operations' vanished UIDs a mailbox keeps that are older than the log's horizon: so a client that comes back
// after years is told what vanished and not what never was there, for some hundred kilobytes.
const keepVanished = 5000

// cutMailboxes notes for every mailbox what it loses when the log is trimmed up to upTo, and takes from E what is too old and too much.
// It needs account.writer.
func (h *Account) cutMailboxes(ctx context.Context, kb *kv.Batch, st *state, upTo ModSeq) error {
	last := make(map[MailboxID]ModSeq)
	r := kv.Range{Lo: keys.ChangeKey(h.id, st.row.Horizon+1), Hi: keys.ChangeKey(h.id, upTo+1)}
	err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		if err != nil {
			return false, err
		}
		c, err := keys.DecodeChange(v)
		for i := range c.Items {
			if id := c.Items[i].Mailbox; touches(&c.Items[i], id) {
				last[id] = ModSeq(n)
			}
		}
		return true, err
	})
	if err != nil {
		return err
	}
	for _, m := range st.mailboxes {
		was, err := h.cut(ctx, h.store.engine, m.id)
		if err != nil {
			return err
		}
		is := was
		is.Changes = max(was.Changes, last[m.id])
		if is.Vanished, err = h.surplus(ctx, m.id, upTo, was.Vanished); err != nil {
			return err
		}
		if is.Vanished > was.Vanished {
			kb.RemoveSpan(kv.Span{Lo: keys.VanishedKey(h.id, m.id, 1), Hi: keys.VanishedKey(h.id, m.id, is.Vanished+1)})
		}
		if is != was {
			kb.Put(keys.CutKey(h.id, m.id), is.Encode())
		}
	}
	return h.forgetDeleted(ctx, kb, st)
}

// surplus is up to where the vanished UIDs of a mailbox can go, or was.
func (h *Account) surplus(ctx context.Context, id MailboxID, upTo, was ModSeq) (ModSeq, error) {
	r := kv.Range{
		Lo: keys.VanishedKey(h.id, id, was+1), Hi: keys.VanishedKey(h.id, id, upTo+1),
		Limit: keepVanished + 1, Reverse: true, KeysOnly: true,
	}
	n := 0
	err := h.store.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
		if n++; n <= keepVanished {
			return true, nil
		}
		modseq, err := keys.Tail64(k)
		was = ModSeq(modseq)
		return false, err
	})
	return was, err
}

// forgetDeleted takes the vanished UIDs of mailboxes that there are no more.
func (h *Account) forgetDeleted(ctx context.Context, kb *kv.Batch, st *state) error {
	for id := MailboxID(0); ; id++ {
		// The first row of the next mailbox that has any.
		found := false
		r := kv.Range{Lo: keys.CutKey(h.id, id), Hi: kv.Prefix(keys.OfAccount(keys.TableVanished, h.id)).Hi, Limit: 1, KeysOnly: true}
		err := h.store.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
			var err error
			id, err = keys.MailboxOf(k)
			found = true
			return false, err
		})
		if err != nil || !found {
			return err
		}
		if m, _ := st.mailbox(id); m == nil {
			kb.RemoveSpan(kv.Span{Lo: keys.CutKey(h.id, id), Hi: keys.CutKey(h.id, id+1)})
		}
		if id == 1<<32-1 {
			return nil
		}
	}
}
