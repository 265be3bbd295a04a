package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// What happened in a mailbox after a MODSEQ that a client remembers (RFC 7162 3.2.5). It is read from the log, at the cost of what
// happened; where the log has been trimmed, or tells of more operations than the mailbox has pages, from the pages, at the
// cost of the mailbox. What comes out is the same.
//
// The log's horizon is the account's, but what counts is whether anything of this mailbox lies behind it (keys.Cut): a client may
// have last heard of a quiet mailbox a year ago and yet have been here yesterday.

// ChangedSince returns the messages of a mailbox view whose MODSEQ is greater than since: those that came or were changed after
// it. The UIDs are ascending, and a message stands for each.
func (h *Account) ChangedSince(ctx context.Context, m *MailboxView, since ModSeq) ([]UIDRange, error) {
	if since >= m.HighestModSeq() {
		return nil, nil
	}
	touched, ok, err := h.touchedSince(ctx, m, since)
	if err != nil {
		return nil, fmt.Errorf("store: changes of mailbox %d: %w", m.ID(), err)
	}
	if !ok {
		if err := m.Load(ctx); err != nil {
			return nil, err
		}
		touched = []UIDRange{{Lo: 1, Hi: m.UIDNext() - 1}}
	}
	var out []UIDRange
	for _, r := range touched {
		for n := uint32(r.Lo) >> keys.PageBits; n <= uint32(r.Hi)>>keys.PageBits && n < m.box.pages.pages(); n++ {
			p, err := h.page(ctx, m.box, n)
			if err != nil {
				return nil, err
			}
			for i := range p.Entries {
				if e := &p.Entries[i]; e.ModSeq > since && e.UID >= r.Lo && e.UID <= r.Hi {
					out = appendUID(out, e.UID)
				}
			}
		}
	}
	return out, nil
}

// logRows is how many records of the log are read at least before the pages are looked at instead. A record costs about as much as a page
// that is in memory.
const logRows = 1000

// touchedSince returns UIDs among which are all those of ChangedSince, from the log; ok is false when the log cannot tell, or only by reading
// too much. They are ascending and do not overlap.
func (h *Account) touchedSince(ctx context.Context, m *MailboxView, since ModSeq) (uids []UIDRange, ok bool, err error) {
	snap, err := h.store.engine.Snapshot()
	if err != nil {
		return nil, false, err
	}
	defer snap.Close()
	horizon, err := h.horizon(ctx, snap)
	if err != nil {
		return nil, false, err
	}
	if since < horizon {
		cut, err := h.cut(ctx, snap, m.ID())
		if err != nil || since < cut.Changes {
			return nil, false, err
		}
		since = horizon
	}
	if uint64(m.view.ModSeq()-min(since, m.view.ModSeq())) > logRows+uint64(m.UIDNext())>>keys.PageBits {
		return nil, false, nil
	}
	r := kv.Range{Lo: keys.ChangeKey(h.id, since+1), Hi: keys.ChangeKey(h.id, m.view.ModSeq()+1)}
	err = snap.Scan(ctx, r, func(_, v []byte) (bool, error) {
		c, err := keys.DecodeChange(v)
		for _, it := range c.Items {
			if touches(&it, m.ID()) {
				uids = append(uids, it.UIDs...)
			}
		}
		return true, err
	})
	return joined(uids), err == nil, err
}

// touches says that after the operation messages of the mailbox have its MODSEQ.
func touches(it *keys.Item, id MailboxID) bool {
	return it.Class == keys.ClassMessage && it.Kind != keys.Destroyed && it.Mailbox == id
}

// cut is what the mailbox's log has lost.
func (a *account) cut(ctx context.Context, r kv.Reader, id MailboxID) (keys.Cut, error) {
	value, err := r.Get(ctx, keys.CutKey(a.id, id))
	if isNotFound(err) {
		return keys.Cut{}, nil
	}
	if err != nil {
		return keys.Cut{}, err
	}
	c, err := keys.DecodeCut(value)
	if err != nil {
		return c, corrupt(fmt.Sprintf("cut of mailbox %d of account %d", id, a.id), err)
	}
	return c, nil
}

// VanishedSince returns the UIDs of messages that left the mailbox after since and are not in the view, ascending. Where that is not
// known any more, exact is false and they are all UIDs that any message ever had in the mailbox and none has now
// (RFC 7162 3.2.6, note).
func (h *Account) VanishedSince(ctx context.Context, m *MailboxView, since ModSeq) (uids []UIDRange, exact bool, err error) {
	if since >= m.HighestModSeq() {
		return nil, true, nil
	}
	uids, exact, err = h.vanishedByLog(ctx, m, since)
	if err != nil {
		return nil, false, fmt.Errorf("store: vanished UIDs of mailbox %d: %w", m.ID(), err)
	}
	if !exact {
		uids, err = m.holes(ctx)
	}
	return uids, exact, err
}

func (h *Account) vanishedByLog(ctx context.Context, m *MailboxView, since ModSeq) (uids []UIDRange, exact bool, err error) {
	snap, err := h.store.engine.Snapshot()
	if err != nil {
		return nil, false, err
	}
	defer snap.Close()
	if cut, err := h.cut(ctx, snap, m.ID()); err != nil || since < cut.Vanished {
		return nil, false, err
	}
	r := kv.Range{Lo: keys.VanishedKey(h.id, m.ID(), since+1), Hi: keys.VanishedKey(h.id, m.ID(), m.view.ModSeq()+1)}
	err = snap.Scan(ctx, r, func(_, v []byte) (bool, error) {
		rs, err := keys.DecodeRanges(v)
		uids = append(uids, rs...)
		return true, err
	})
	return joined(uids), err == nil, err
}

// holes are the UIDs below UIDNEXT that no message has.
func (m *MailboxView) holes(ctx context.Context) ([]UIDRange, error) {
	if err := m.Load(ctx); err != nil {
		return nil, err
	}
	var out []UIDRange
	next := UID(1)
	for e := range m.All() {
		if e.UID > next {
			out = append(out, UIDRange{Lo: next, Hi: e.UID - 1})
		}
		next = e.UID + 1
	}
	if next < m.UIDNext() {
		out = append(out, UIDRange{Lo: next, Hi: m.UIDNext() - 1})
	}
	return out, nil
}

// joined is the union of ranges in any order. It uses their memory.
func joined(rs []UIDRange) []UIDRange {
	slices.SortFunc(rs, func(a, b UIDRange) int { return cmp.Compare(a.Lo, b.Lo) })
	out := rs[:0]
	for _, r := range rs {
		if n := len(out); n > 0 && r.Lo-1 <= out[n-1].Hi {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
			continue
		}
		out = append(out, r)
	}
	return out
}
