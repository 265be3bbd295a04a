package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// releaseDue looks at messages that devices have taken and that may leave now.
func (h *Account) releaseDue(ctx context.Context, rows []dueRow) error {
	rules, err := h.popRules(ctx)
	if err != nil {
		return err
	}
	_, err = h.Update(ctx, Origin{}, func(tx *Tx) error {
		msgs := make([]MessageID, len(rows))
		for i, r := range rows {
			tx.remove(r.key)
			msgs[i] = r.message
		}
		return tx.settle(rules, msgs)
	})
	if err != nil {
		return fmt.Errorf("store: releasing: %w", err)
	}
	return nil
}

// settlePages is how many pages of marks are looked at in one operation.
const settlePages = 32

// settleDue looks at everything that has been taken, some pages of marks at a time: each operation leaves a hint for the rest, so that it goes
// on there after a crash.
func (h *Account) settleDue(ctx context.Context, rows []dueRow) error {
	for _, r := range rows {
		for more := true; more; {
			rules, err := h.popRules(ctx)
			if err != nil {
				return err
			}
			if r, more, err = h.settleSome(ctx, rules, r); err != nil {
				return fmt.Errorf("store: settling: %w", err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleSome does one operation's part of a hint, and returns the one that it leaves.
func (h *Account) settleSome(ctx context.Context, rules *popRules, r dueRow) (next dueRow, more bool, err error) {
	taken, err := h.takenFrom(ctx, rules, uint64(r.message), settlePages)
	if err != nil {
		return r, false, err
	}
	pages := slices.Sorted(maps.Keys(taken))
	if more = len(pages) > settlePages; more {
		pages = pages[:settlePages]
		next.message = MessageID(pages[settlePages-1] + 1)
	}
	var msgs []MessageID
	for _, n := range pages {
		for i := range MessageID(1) << keys.TakenBits {
			if taken[n]&(1<<i) != 0 {
				msgs = append(msgs, MessageID(n<<keys.TakenBits)|i)
			}
		}
	}
	_, err = h.Update(ctx, Origin{}, func(tx *Tx) error {
		tx.remove(r.key)
		if more {
			next.key = tx.hint(tx.now, keys.DueSettle, 0, next.message)
		}
		return tx.settle(rules, msgs)
	})
	return next, more, err
}

// takenFrom finds the messages that any device has taken, by page from a page on: more than n pages if there are more.
func (h *Account) takenFrom(ctx context.Context, rules *popRules, from uint64, n int) (map[uint64]uint64, error) {
	out := make(map[uint64]uint64)
	for _, dev := range rules.marks() {
		r := kv.Range{Lo: keys.TakenKey(h.id, dev, from), Hi: append(keys.TakenKey(h.id, dev, 1<<64-1), 0), Limit: n + 1}
		err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
			page, err := keys.Tail64(k)
			p, derr := keys.DecodeTakenPage(v)
			out[page] |= p.Present
			return true, errors.Join(err, derr)
		})
		if err != nil {
			return nil, fmt.Errorf("store: what device %d has taken: %w", dev, err)
		}
	}
	return out, nil
}

// marks are the devices that have marks, each once.
func (r *popRules) marks() []DeviceID {
	var out []DeviceID
	for i := range r.devices {
		out = append(out, r.devices[i].marks()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Retention says how long messages stay in a mailbox, counted from when they came into it (SAVEDATE).
type Retention struct {
	For     time.Duration // 0: for ever
	Flagged bool          // also those that are \Flagged
}

// Retention returns the rule for the mailbox; own says that its owner has set it, and it is not the server's for such mailboxes.
func (m *MailboxView) Retention() (r Retention, own bool) { return m.view.account.retention(m.box) }

func (a *account) retention(m *mailbox) (Retention, bool) {
	if r, ok := keys.DecodeRetention(m.props.Retention); ok {
		return Retention{time.Duration(r.Seconds) * time.Second, r.Flagged}, true
	}
	if f := a.store.opts.Retention; f != nil {
		return Retention{For: f(m.props.Role)}, false
	}
	return Retention{}, false
}

// maxRetention is the longest retention: a hundred years.
const maxRetention = 36500 * 24 * time.Hour

// SetRetention sets the rule for a mailbox; nil is the server's rule for such mailboxes.
func (tx *Tx) SetRetention(id MailboxID, r *Retention) error {
	d, err := tx.selectable(id)
	if err != nil {
		return err
	}
	d.mailbox.props.Retention = nil
	if r != nil {
		if r.For < 0 || r.For > maxRetention {
			return ErrLimit
		}
		d.mailbox.props.Retention = keys.Retention{Seconds: uint64(r.For / time.Second), Flagged: r.Flagged}.Encode()
	}
	d.props = true
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Updated, Mailbox: id, Name: tx.state.path(d.mailbox)})
	tx.retainAt(d.mailbox, tx.now)
	return nil
}

// retainStep is how exact retention is: hints within it are one.
const retainStep = int64(time.Hour / time.Millisecond)

// hint leaves word for the sweep at t, in milliseconds, and returns its key.
func (tx *Tx) hint(t int64, kind byte, mbox MailboxID, msg MessageID) []byte {
	key := keys.DueKey(uint64(t), tx.a.id, kind, mbox, msg)
	tx.put(key, keys.EncodeID(uint64(0)))
	return key
}

// retainAt leaves a hint that messages of a mailbox may have been there long enough at t (milliseconds), if it has a retention.
func (tx *Tx) retainAt(m *mailbox, t int64) {
	if r, _ := tx.a.retention(m); r.For <= 0 {
		return
	}
	t = (t + retainStep - 1) / retainStep * retainStep
	tx.hint(t, keys.DueRetain, m.id, 0)
}

// retainNew is retainAt for a message that comes into a mailbox now.
func (tx *Tx) retainNew(m *mailbox) {
	if r, _ := tx.a.retention(m); r.For > 0 {
		tx.retainAt(m, tx.now+r.For.Milliseconds())
	}
}

// retainBatch is how many messages one operation removes by retention.
const retainBatch = 1000

// retainDue removes what has been in a mailbox long enough, to recently removed.
func (h *Account) retainDue(ctx context.Context, rows []dueRow) error {
	for _, r := range rows {
		for more := true; more; {
			var rest []byte // the hint for it, should it stop here
			_, err := h.Update(ctx, Origin{}, func(tx *Tx) (err error) {
				tx.remove(r.key)
				if more, err = tx.retain(r.mailbox); more {
					rest = tx.hint(tx.now, keys.DueRetain, r.mailbox, 0)
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("store: retention of mailbox %d: %w", r.mailbox, err)
			}
			r.key = rest
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// retain removes what has been in a mailbox long enough, and says whether there is more than one operation does. It leaves a hint for when the
// next may go.
func (tx *Tx) retain(id MailboxID) (more bool, err error) {
	m, _ := tx.state.mailbox(id)
	if m == nil || m.props.NoSelect {
		return false, nil // deleted since
	}
	rule, _ := tx.a.retention(m)
	if rule.For <= 0 {
		return false, nil
	}
	if err := tx.a.count(tx.ctx, m); err != nil {
		return false, err
	}
	var leaving []UID
	next := int64(0)
	// UIDs grow with the save date, so the first that stays by its age is the end.
	for n := uint32(0); n < m.pages.pages() && next == 0 && !more; n++ {
		if m.pages.count(n) == 0 {
			continue // which most are where everything goes in the end
		}
		p, err := tx.a.page(tx.ctx, m, n)
		if err != nil {
			return false, err
		}
		for i := range p.Entries {
			e := &p.Entries[i]
			if due := e.Saved + rule.For.Milliseconds(); due > tx.now {
				next = due
				break
			}
			if !expires(m, e, rule) {
				continue
			}
			if more = len(leaving) == retainBatch; more {
				break
			}
			leaving = append(leaving, e.UID)
		}
	}
	if next != 0 {
		tx.retainAt(m, next)
	}
	if len(leaving) == 0 {
		return false, nil
	}
	_, err = tx.Expunge(id, Ranges(leaving))
	return more, err
}

// expires says whether retention is for such a message. Nothing that nobody has seen expires from INBOX.
func expires(m *mailbox, e *Entry, rule Retention) bool {
	if e.Flags&Flagged != 0 && !rule.Flagged {
		return false
	}
	return m.props.Role != keys.RoleInbox || e.Flags&Seen != 0
}
