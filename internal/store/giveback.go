package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// GivenBack is what Untake has done.
type GivenBack struct {
	// Back are the messages that have come back, from the recently removed or from where a rule had moved them (those without a UID).
	Back []Restored
	// Offered is how many messages the device is offered again: those that came back, and those that had not left.
	Offered int
}

// Untake undoes what a device has taken since a moment: the messages that rules have let go since come back to where they were, and
// the device is offered all of them again. What somebody has removed or moved is left where it is. A failure leaves the rest to be done again; the
// result says what has come back until then.
func (h *Account) Untake(ctx context.Context, o Origin, d *POPDevice, since time.Time) (GivenBack, error) {
	u := untaking{Account: h, origin: o, device: d}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return u.taken(ctx, since) }, u.moves, u.restore, u.moveBack, u.offer,
	} {
		if err := step(ctx); err != nil {
			return u.done, fmt.Errorf("store: giving back to device %d of account %d: %w", d.ID, h.id, err)
		}
	}
	return u.done, nil
}

// untaking is an Untake.
type untaking struct {
	*Account
	origin Origin
	device *POPDevice

	set   MessageSet
	ids   []MessageID
	first int64 // when the first of them was taken, milliseconds
	moved map[MessageID]ruleMove
	done  GivenBack
}

// ruleMove is the last move of a message, if a rule did it.
type ruleMove struct {
	from, to MailboxID
	byRule   bool
}

// taken finds what the device has taken.
func (u *untaking) taken(ctx context.Context, since time.Time) error {
	u.first = u.store.now().UnixMilli()
	r := kv.Prefix(keys.TakenKey(u.id, u.device.ID, 0)[:9])
	return u.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		run, err := keys.Tail64(k)
		if err != nil {
			return false, err
		}
		p, err := keys.DecodeTakenPage(v)
		if err != nil {
			return false, corrupt("taken marks", err)
		}
		for i := range MessageID(1 << keys.TakenBits) {
			id := MessageID(run<<keys.TakenBits) + i
			if t, ok := p.At(id); ok && t >= since.UnixMilli() {
				u.ids = append(u.ids, id)
				u.set.Add(id)
				u.first = min(u.first, t)
			}
		}
		return true, nil
	})
}

// moves reads the log backwards, to where the first was taken, for who has moved each message last.
func (u *untaking) moves(ctx context.Context) error {
	u.moved = make(map[MessageID]ruleMove)
	if len(u.ids) == 0 {
		return nil
	}
	snap, err := u.store.engine.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	r := kv.Range{Lo: keys.ChangeKey(u.id, 0), Hi: keys.ChangeKey(u.id, u.View().ModSeq()+1), Reverse: true}
	return snap.Scan(ctx, r, func(_, v []byte) (bool, error) {
		c, err := keys.DecodeChange(v)
		if err != nil {
			return false, err
		}
		for _, it := range slices.Backward(c.Items) {
			if it.Class != keys.ClassMessage || it.Kind != keys.Moved {
				continue
			}
			for _, id := range it.Messages {
				if _, known := u.moved[id]; !known && u.set.Has(id) {
					u.moved[id] = ruleMove{from: it.From, to: it.Mailbox, byRule: ofRule(Protocol(c.Protocol))}
				}
			}
		}
		return c.Time >= u.first, nil
	})
}

// ofRule says whether it was a rule that moved or removed what was moved or removed so: the sweep, or a device's rule when the device took it.
func ofRule(p Protocol) bool { return p == ProtocolServer || p == ProtocolPOP3 }

// home is where a message goes back to: the path of the mailbox that a rule took it from.
func (u *untaking) home(from MailboxID) (MailboxID, string, error) {
	v := u.View()
	if m, err := v.Mailbox(from); err == nil && !m.NoSelect() {
		return m.ID(), m.Path(), nil
	}
	m, err := v.Lookup("INBOX")
	if err != nil {
		return 0, "", err
	}
	return m.ID(), m.Path(), nil
}

// restore puts back what rules have removed.
func (u *untaking) restore(ctx context.Context) error {
	groups := make(map[string][]RemovedID)
	err := u.Removed(ctx, RemovedFilter{Since: time.UnixMilli(u.first)}, func(m RemovedMessage) error {
		if !u.set.Has(m.ID.Message) || !ofRule(m.Protocol) {
			return nil
		}
		mv, moved := u.moved[m.ID.Message]
		switch {
		case !moved && m.Role != RoleTrash && m.Role != RoleJunk:
			groups[""] = append(groups[""], m.ID) // to where it was
		case moved && mv.byRule && mv.to == m.ID.Mailbox: // from Trash, say, where a rule had put it
			_, path, err := u.home(mv.from)
			if err != nil {
				return err
			}
			groups[path] = append(groups[path], m.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for into, ids := range groups {
		back, err := u.Restore(ctx, u.origin, ids, into)
		u.done.Back = append(u.done.Back, back...)
		if err != nil {
			return err
		}
	}
	return nil
}

// moveBack moves what rules have moved, and nobody since.
func (u *untaking) moveBack(ctx context.Context) error {
	for part := range slices.Chunk(u.ids, takeSlice) {
		part = slices.DeleteFunc(slices.Clone(part), func(id MessageID) bool { return !u.moved[id].byRule })
		members, err := u.Members(ctx, part)
		if err != nil {
			return err
		}
		groups := make(map[[2]MailboxID][]Restored) // from, to
		for i, id := range part {
			mv := u.moved[id]
			if ms := members[i]; len(ms) == 1 && ms[0].Mailbox == mv.to {
				to, _, err := u.home(mv.from)
				if err != nil {
					return err
				}
				way := [2]MailboxID{mv.to, to}
				groups[way] = append(groups[way], Restored{ID: RemovedID{Message: id, Mailbox: mv.to}, Mailbox: to, UID: ms[0].UID})
			}
		}
		for way, list := range groups {
			if err := u.move(ctx, way, list); err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *untaking) move(ctx context.Context, way [2]MailboxID, list []Restored) error {
	uids := make([]UID, len(list))
	for i := range list {
		uids[i] = list[i].UID
	}
	slices.Sort(uids)
	_, err := u.Update(ctx, u.origin, func(tx *Tx) error {
		_, err := tx.Move(way[0], Ranges(uids), way[1])
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range list {
		r.UID = 0 // the new one is nobody's question
		u.done.Back = append(u.done.Back, r)
	}
	return nil
}

// offer takes the marks away, last: until then all can be done again.
func (u *untaking) offer(ctx context.Context) error {
	if err := u.GiveBack(ctx, u.origin, u.device, u.ids); err != nil {
		return err
	}
	var holds []MailboxID
	for _, m := range u.device.Maildrop(u.View()) {
		holds = append(holds, m.ID())
	}
	for part := range slices.Chunk(u.ids, takeSlice) {
		members, err := u.Members(ctx, part)
		if err != nil {
			return err
		}
		for _, ms := range members {
			if slices.ContainsFunc(ms, func(m Member) bool { return slices.Contains(holds, m.Mailbox) }) {
				u.done.Offered++
			}
		}
	}
	return nil
}
