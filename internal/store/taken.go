package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/retention"
)

// takeSlice bounds the messages that one operation takes.
const takeSlice = 2000

// Take notes that a device has taken messages, durably, marks them \Seen if its policy says so, and lets go of those that nobody
// asks to keep. Messages that are gone meanwhile are marked all the same: they may be put back. What a failure leaves undone can be
// done again.
func (h *Account) Take(ctx context.Context, o Origin, dev DeviceID, msgs []MessageID) error {
	rules, err := h.popRules(ctx)
	if err != nil {
		return err
	}
	d := rules.device(dev)
	if d == nil {
		return fmt.Errorf("store: device %d has no rule for POP3", dev)
	}
	for part := range slices.Chunk(msgs, takeSlice) {
		_, err := h.Update(ctx, o, func(tx *Tx) error { return tx.take(rules, d, part) })
		if err != nil {
			return err
		}
	}
	return nil
}

// GiveBack takes marks away: the device is offered the messages again, if they are still there.
func (h *Account) GiveBack(ctx context.Context, o Origin, d *POPDevice, msgs []MessageID) error {
	for part := range slices.Chunk(msgs, takeSlice) {
		_, err := h.Update(ctx, o, func(tx *Tx) error {
			return tx.unmark(d.marks(), part)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// MarkSeen sets \Seen on a message in the device's mailboxes.
func (h *Account) MarkSeen(ctx context.Context, o Origin, d *POPDevice, msg MessageID) error {
	_, err := h.Update(ctx, o, func(tx *Tx) error { return tx.seen(d, []MessageID{msg}) })
	return err
}

// take is Take for one operation.
func (tx *Tx) take(rules *popRules, d *POPDevice, msgs []MessageID) error {
	if err := tx.membersAhead(msgs); err != nil {
		return err
	}
	fresh, err := tx.mark(d, msgs)
	if err != nil || len(fresh) == 0 {
		return err
	}
	if err := tx.countTaken(d.ID, len(fresh)); err != nil {
		return err
	}
	tx.items = append(tx.items, keys.Item{Class: keys.ClassTaken, Kind: keys.Created, Messages: fresh})
	if d.Policy.MarkSeen == retention.MarkOnDele {
		if err := tx.seen(d, fresh); err != nil {
			return err
		}
	}
	return tx.settle(rules, fresh)
}

// mark notes that a device has taken messages, and returns those that it had not yet and that have not been erased.
func (tx *Tx) mark(d *POPDevice, msgs []MessageID) (fresh []MessageID, err error) {
	for i, dev := range d.marks() {
		m := marker{tx: tx, dev: dev}
		for _, msg := range msgs {
			added, err := m.mark(msg)
			if err != nil {
				return nil, err
			}
			if added && i == 0 {
				fresh = append(fresh, msg)
			}
		}
		m.write()
	}
	var erased []MessageID
	fresh = slices.DeleteFunc(fresh, func(msg MessageID) bool {
		var gone bool
		if gone, err = tx.erased(msg, err); gone {
			erased = append(erased, msg)
		}
		return gone
	})
	if err != nil || len(erased) == 0 {
		return fresh, err
	}
	return fresh, tx.unmark(d.marks(), erased)
}

// erased says whether a message cannot be put back any more.
func (tx *Tx) erased(msg MessageID, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	if ms, err := tx.membersIf(msg); err != nil || len(ms) > 0 {
		return false, err
	}
	_, err = tx.get(keys.OfMessage(keys.TableMessage, tx.a.id, msg))
	if isNotFound(err) {
		return true, nil
	}
	return false, err
}

// unmark takes devices' marks away.
func (tx *Tx) unmark(devices []DeviceID, msgs []MessageID) error {
	for _, dev := range devices {
		m := marker{tx: tx, dev: dev}
		for _, msg := range msgs {
			if err := m.unmark(msg); err != nil {
				return err
			}
		}
		m.write()
	}
	return nil
}

// seen sets \Seen on messages where the device sees them.
func (tx *Tx) seen(d *POPDevice, msgs []MessageID) error {
	byBox := make(map[MailboxID][]UID)
	for _, msg := range msgs {
		ms, err := tx.membersIf(msg)
		if err != nil {
			return err
		}
		for _, m := range ms {
			if box, _ := tx.state.mailbox(m.Mailbox); box != nil && d.holds(box) {
				byBox[m.Mailbox] = append(byBox[m.Mailbox], m.UID)
			}
		}
	}
	for _, box := range slices.Sorted(maps.Keys(byBox)) {
		slices.Sort(byBox[box])
		if _, err := tx.SetFlags(box, Ranges(byBox[box]), FlagChange{Mode: FlagsAdd, Flags: Seen}); err != nil {
			return err
		}
	}
	return nil
}

// countTaken counts what the device takes in all.
func (tx *Tx) countTaken(dev DeviceID, n int) error {
	key := keys.DeviceTakenKey(tx.a.id, dev)
	v, err := tx.get(key)
	if err != nil && !isNotFound(err) {
		return err
	}
	count, _ := keys.DecodeID(v)
	tx.put(key, keys.EncodeID(count+uint64(n)))
	return nil
}

// membersIf is members for a message that may be gone.
func (tx *Tx) membersIf(msg MessageID) ([]keys.Member, error) {
	ms, err := tx.members(msg)
	if isNotFound(err) {
		return nil, nil
	}
	return ms, err
}

// marker changes pages of taken marks within an operation.
type marker struct {
	tx    *Tx
	dev   DeviceID
	pages map[uint64]*keys.TakenPage

	changed map[uint64]bool
}

func (m *marker) page(msg MessageID) (*keys.TakenPage, error) {
	n := uint64(msg) >> keys.TakenBits
	if p := m.pages[n]; p != nil {
		return p, nil
	}
	p, err := m.tx.takenPage(m.dev, n)
	if err != nil {
		return nil, err
	}
	if m.pages == nil {
		m.pages, m.changed = make(map[uint64]*keys.TakenPage), make(map[uint64]bool)
	}
	m.pages[n] = &p
	return &p, nil
}

func (m *marker) mark(msg MessageID) (added bool, err error) {
	p, err := m.page(msg)
	if err != nil {
		return false, err
	}
	if _, ok := p.At(msg); ok {
		return false, nil
	}
	p.Mark(msg, m.tx.now)
	m.changed[uint64(msg)>>keys.TakenBits] = true
	return true, nil
}

func (m *marker) unmark(msg MessageID) error {
	p, err := m.page(msg)
	if err != nil {
		return err
	}
	if _, ok := p.At(msg); ok {
		p.Unmark(msg)
		m.changed[uint64(msg)>>keys.TakenBits] = true
	}
	return nil
}

func (m *marker) write() {
	for n, p := range m.pages {
		if !m.changed[n] {
			continue
		}
		key := keys.TakenKey(m.tx.a.id, m.dev, n)
		if p.Present == 0 {
			m.tx.remove(key)
		} else {
			m.tx.put(key, p.Encode())
		}
	}
}

func (tx *Tx) takenPage(dev DeviceID, page uint64) (keys.TakenPage, error) {
	v, err := tx.get(keys.TakenKey(tx.a.id, dev, page))
	if isNotFound(err) {
		return keys.TakenPage{}, nil
	}
	if err != nil {
		return keys.TakenPage{}, err
	}
	p, err := keys.DecodeTakenPage(v)
	if err != nil {
		return p, corrupt("taken marks", err)
	}
	return p, nil
}

var errNoRules = errors.New("store: there are no rules for POP3 devices")

// markers are the devices that have taken marks, also those that no rule speaks of any more.
func (tx *Tx) markers() ([]DeviceID, error) {
	var out []DeviceID
	end := kv.Prefix(keys.OfAccount(keys.TableTaken, tx.a.id)).Hi
	for next, more := DeviceID(0), true; more; {
		more = false
		r := kv.Range{Lo: keys.TakenKey(tx.a.id, next, 0), Hi: end, Limit: 1, KeysOnly: true}
		err := tx.a.store.engine.Scan(tx.ctx, r, func(k, _ []byte) (bool, error) {
			_, dev, _, err := keys.TakenOf(k)
			out = append(out, dev)
			next, more = dev+1, dev < SharedDevice
			return false, err
		})
		if err != nil {
			return nil, fmt.Errorf("store: who has taken messages: %w", err)
		}
	}
	for k := range tx.build.writes { // by operations that share the commit
		if keys.Table(k[0]) == keys.TableTaken {
			_, dev, _, err := keys.TakenOf([]byte(k))
			if err != nil {
				return nil, err
			}
			out = append(out, dev)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// forgetMarks takes away the marks of messages that are erased: nobody can be offered them again.
func (tx *Tx) forgetMarks(gone []MessageID) error {
	if len(gone) == 0 {
		return nil
	}
	devices, err := tx.markers()
	if err != nil {
		return err
	}
	return tx.unmark(devices, gone)
}
