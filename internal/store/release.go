package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/retention"
)

// KeepKeyword on a message keeps it, whatever the devices' rules say: what people set who press "Keep".
const (
	KeepKeyword = "$Keep"
	keepFolded  = "$keep"
)

// popRules are the rules of an account's POP devices, and what these have done, as of one moment.
type popRules struct {
	devices []POPDevice
	active  []time.Time // of each
}

func (r *popRules) device(id DeviceID) *POPDevice {
	for i := range r.devices {
		if r.devices[i].ID == id {
			return &r.devices[i]
		}
	}
	return nil
}

func (h *Account) popRules(ctx context.Context) (*popRules, error) {
	if h.store.opts.POPDevices == nil {
		return nil, errNoRules
	}
	list, err := h.store.opts.POPDevices(ctx, h.id)
	if err != nil {
		return nil, rulesError{h.id, err}
	}
	return h.rulesOf(ctx, list)
}

// rulesError is that nobody knows the rules of an account.
type rulesError struct {
	account AccountID
	err     error
}

func (e rulesError) Error() string {
	return fmt.Sprintf("store: rules of account %d: %v", e.account, e.err)
}

func (e rulesError) Unwrap() error { return e.err }

func (h *Account) rulesOf(ctx context.Context, list []POPDevice) (*popRules, error) {
	r := &popRules{devices: list, active: make([]time.Time, len(list))}
	for i := range list {
		row, err := h.deviceRow(ctx, list[i].ID)
		if err != nil {
			return nil, err
		}
		if list[i].ForPOP {
			r.active[i] = list[i].Created
		}
		if last := time.UnixMilli(row.POP); row.POP != 0 && last.After(r.active[i]) {
			r.active[i] = last
		}
	}
	return r, nil
}

// POPDevice returns the rule of a device that may use POP3, nil when there is none.
func (h *Account) POPDevice(ctx context.Context, dev DeviceID) (*POPDevice, error) {
	rules, err := h.popRules(ctx)
	if err != nil {
		return nil, err
	}
	return rules.device(dev), nil
}

// Expires says after how long mail that a device leaves in its maildrop may go all the same, by the rules of the others or a
// retention: what EXPIRE tells (RFC 2449 6.7). 0 is never.
func (h *Account) Expires(ctx context.Context, d *POPDevice) (time.Duration, error) {
	rules, err := h.popRules(ctx)
	if err != nil {
		return 0, err
	}
	soonest := rules.others(d)
	for _, m := range d.Maildrop(h.View()) {
		if r, _ := m.Retention(); r.For > 0 && (soonest == 0 || r.For < soonest) {
			soonest = r.For
		}
	}
	return soonest, nil
}

// others is after how long the rules of the others may let go of what d has not taken, 0 for never.
func (r *popRules) others(d *POPDevice) (soonest time.Duration) {
	for i := range r.devices {
		o := &r.devices[i]
		switch {
		case o.Policy.Keep == retention.KeepForever && !o.Revoked, o.Policy.WaitFor == retention.WaitForAll && !o.Revoked:
			return 0 // it waits for d
		case o.ID == d.ID:
		default:
			after := max(time.Duration(o.Policy.Keep), time.Second) // at once is not never
			if soonest == 0 || after < soonest {
				soonest = after
			}
		}
	}
	return soonest
}

// settle looks at messages that have been taken: it lets go of those that may leave, and leaves a hint for the others that will.
func (tx *Tx) settle(rules *popRules, msgs []MessageID) error {
	if tx.ahead == nil {
		if err := tx.membersAhead(msgs); err != nil {
			return err
		}
	}
	s := newSettling(tx, rules)
	for _, msg := range msgs {
		if err := s.look(msg); err != nil {
			return err
		}
	}
	return s.release()
}

// settling is one look at many messages.
type settling struct {
	tx      *Tx
	rules   *popRules
	pages   map[takenAt]keys.TakenPage
	leaving map[leaving][]UID
	order   []leaving
}

func newSettling(tx *Tx, rules *popRules) *settling {
	return &settling{tx: tx, rules: rules, leaving: make(map[leaving][]UID), pages: make(map[takenAt]keys.TakenPage)}
}

type takenAt struct {
	dev  DeviceID
	page uint64
}

// leaving is the mailbox that messages leave and what becomes of them.
type leaving struct {
	from MailboxID
	then retention.Then
}

// taken is when a device, or one that it shares its view with, took a message first; zero when none has.
func (s *settling) taken(d *POPDevice, msg MessageID) (t time.Time, err error) {
	first := int64(0)
	for _, dev := range d.marks() {
		at := takenAt{dev, uint64(msg) >> keys.TakenBits}
		p, ok := s.pages[at]
		if !ok {
			if p, err = s.tx.takenPage(at.dev, at.page); err != nil {
				return t, err
			}
			s.pages[at] = p
		}
		if ms, ok := p.At(msg); ok && (first == 0 || ms < first) {
			first, t = ms, time.UnixMilli(ms)
		}
	}
	return t, nil
}

// look decides about one message.
func (s *settling) look(msg MessageID) error {
	where, facts, err := s.facts(msg)
	if err != nil || len(where) == 0 {
		return err // it is in nobody's maildrop any more: moved, or gone
	}
	devices, _, err := s.devices(msg, where)
	if err != nil {
		return err
	}
	switch dec := retention.Decide(s.tx.Now(), facts, devices); {
	case dec.Reason == retention.Released && !dec.At.After(s.tx.Now()):
		for _, w := range where {
			if !w.taken {
				continue
			}
			l := leaving{w.box.id, dec.Then}
			if s.leaving[l] == nil {
				s.order = append(s.order, l)
			}
			s.leaving[l] = append(s.leaving[l], w.entry.UID)
		}
	default:
		if next := dec.Next(); !next.IsZero() {
			s.tx.hint(next.UnixMilli(), keys.DueRelease, 0, msg)
		}
	}
	return nil
}

// devices is what each device has to do with a message, and when each has taken it; it notes in which of its places it has been taken.
//
// What came to a place after a device had taken it was moved or copied there since, or put back: it does not leave it by that device's rule,
// though the place may be one of the device's.
func (s *settling) devices(msg MessageID, where []membership) ([]retention.Device, []time.Time, error) {
	out := make([]retention.Device, len(s.rules.devices))
	marks := make([]time.Time, len(out))
	for i := range s.rules.devices {
		d := &s.rules.devices[i]
		taken, err := s.taken(d, msg)
		if err != nil {
			return nil, nil, err
		}
		marks[i] = taken
		out[i] = retention.Device{ID: uint32(d.ID), Policy: d.Policy, Active: s.rules.active[i], Revoked: d.Revoked}
		for n := range where {
			w := &where[n]
			switch {
			case !d.holds(w.box):
			case taken.IsZero():
				out[i].InScope = out[i].InScope || d.Offers(&w.entry)
			case w.entry.Saved <= taken.UnixMilli():
				out[i].InScope, out[i].Taken, w.taken = true, taken, true
			}
		}
	}
	return out, marks, nil
}

// membership is where a message lies.
type membership struct {
	box   *mailbox
	entry Entry
	taken bool // by a device, and there ever since
}

// facts finds a message's memberships in mailboxes of any POP device, and what keeps it.
func (s *settling) facts(msg MessageID) (where []membership, m retention.Message, err error) {
	ms, err := s.tx.membersIf(msg)
	if err != nil {
		return nil, m, err
	}
	keep, known := s.tx.state.keywords.number[keepFolded]
	for _, at := range ms {
		box, _ := s.tx.state.mailbox(at.Mailbox)
		if box == nil || !s.anyHolds(box) {
			continue
		}
		e, err := s.tx.entry(box, at.UID)
		if err != nil {
			return nil, m, err
		}
		if e == nil {
			continue
		}
		m.Flagged = m.Flagged || e.Flags&Flagged != 0
		m.Answered = m.Answered || e.Flags&Answered != 0
		m.Kept = m.Kept || known && HasKeyword(e, keep)
		where = append(where, membership{box: box, entry: *e})
	}
	return where, m, nil
}

// entry is a membership as the operation sees it, nil when there is none.
func (tx *Tx) entry(box *mailbox, uid UID) (*Entry, error) {
	n := uint32(uid) >> keys.PageBits
	p, err := tx.a.page(tx.ctx, box, n)
	if d := tx.drafts[box.id]; d != nil {
		p, err = tx.peek(d, n)
	}
	if err != nil {
		return nil, err
	}
	if i, ok := p.Index(uid); ok {
		return &p.Entries[i], nil
	}
	return nil, nil
}

func (s *settling) anyHolds(box *mailbox) bool {
	for i := range s.rules.devices {
		if s.rules.devices[i].holds(box) {
			return true
		}
	}
	return false
}

// release lets the messages go that have been found to leave.
func (s *settling) release() error {
	for _, l := range s.order {
		if err := s.tx.leave(l, s.leaving[l]); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) leave(l leaving, uids []UID) error {
	slices.Sort(uids)
	ranges := Ranges(uids)
	role := keys.RoleNone
	switch l.then {
	case retention.ThenTrash:
		role = RoleTrash
	case retention.ThenArchive:
		role = RoleArchive
	}
	if role != keys.RoleNone {
		// An account without such a mailbox loses nothing either: what leaves can be put back.
		if to, err := tx.ByRole(role); err == nil {
			if to == l.from {
				return nil // it is there
			}
			// It comes there after it was taken, though that be this very moment: no rule is to let it go from there as well.
			defer func(now int64) { tx.now = now }(tx.now)
			tx.now++
			_, err := tx.Move(l.from, ranges, to)
			return err
		}
	}
	_, err := tx.Expunge(l.from, ranges)
	return err
}

// SettleDevices looks soon at everything that devices of the account have taken: call it when their rules have changed.
func (h *Account) SettleDevices(ctx context.Context) error {
	_, err := h.Update(ctx, Origin{}, func(tx *Tx) error {
		tx.dueNow(keys.DueSettle, 0, 0)
		return nil
	})
	return err
}

// Release says what becomes of a message that has been taken, if nothing changes.
type Release struct {
	Message MessageID
	retention.Decision
	// Taken is when each device took it, in the order of the account's devices; zero where it did not.
	Taken []time.Time
}

// Releases says what would leave the mailboxes by the devices' rules, when and why: of those messages among msgs that some device has taken. It is a
// dry run of the sweep, under devices in the place of the account's own rules when that is not nil.
func (h *Account) Releases(ctx context.Context, devices []POPDevice, msgs []MessageID) ([]Release, error) {
	rules, err := h.popRules(ctx)
	if err != nil {
		return nil, err
	}
	if devices != nil {
		if rules, err = h.rulesOf(ctx, devices); err != nil {
			return nil, err
		}
	}
	var out []Release
	// An operation that is never done: it only reads, and needs no lock.
	s := newSettling(newTx(newBuild(h.account), &operation{ctx: ctx}), rules)
	for _, msg := range msgs {
		r, ok, err := s.forecast(msg)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, r)
		}
	}
	return out, ctx.Err()
}

// forecast is look without doing anything.
func (s *settling) forecast(msg MessageID) (r Release, ok bool, err error) {
	where, facts, err := s.facts(msg)
	if err != nil || len(where) == 0 {
		return r, false, err
	}
	devices, marks, err := s.devices(msg, where)
	if err != nil {
		return r, false, err
	}
	r = Release{Message: msg, Decision: retention.Decide(s.tx.Now(), facts, devices), Taken: marks}
	return r, slices.ContainsFunc(marks, func(t time.Time) bool { return !t.IsZero() }), nil
}
