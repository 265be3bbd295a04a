package store

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/retention"
)

// popping is the part of a storage report that says what POP devices' rules let go of: what they have taken is joined with what the
// mailboxes have, and each message decided about once. Messages of which the same is true as of the one before are not decided about again, which
// makes a hundred thousand that were taken in one session cheap.
type popping struct {
	rules    *popRules
	marks    []DeviceID                             // that have marks
	taken    map[DeviceID]map[uint64]keys.TakenPage // by device and page
	anyTaken bool
	found    map[uint64]*[1 << keys.TakenBits]popFact // by page, of those that somebody has taken
	scopes   [][]bool                                 // sets of devices that see a message; see popFact.scope
	boxes    map[MailboxID]boxScope

	near struct { // the page of found that was looked at last
		n    uint64
		page *[1 << keys.TakenBits]popFact
	}
	keep      uint16 // the number of KeepKeyword
	keepKnown bool

	days map[ReleaseDay]Sum
}

// popFact is what the mailboxes say of a message that somebody has taken.
type popFact struct {
	size  uint64
	saved int64 // when it came where it lies, milliseconds
	scope int32 // in scopes, and 1; 0: it is in nobody's maildrop
	facts retention.Message
	// alone says that it has to be decided about by itself: it lies in several places, or a device's maildrop begins at some time.
	alone bool
}

// holds says whether messages of a mailbox can be in any device's maildrop.
func (r *popRules) holds(m *mailbox) bool {
	return slices.ContainsFunc(r.devices, func(d POPDevice) bool { return d.holds(m) })
}

// prepareReleases reads what devices have taken, if any rule ever lets go of it.
func (s *surveying) prepareReleases(ctx context.Context) error {
	if s.h.store.opts.POPDevices == nil {
		return nil
	}
	var err error
	if s.rules, err = s.h.popRules(ctx); err != nil {
		return err
	}
	s.out.RuleEnds = slices.ContainsFunc(s.rules.devices, func(d POPDevice) bool { return d.Policy.Keep != retention.KeepForever })
	if !s.out.RuleEnds {
		return nil
	}
	s.keep, s.keepKnown = s.view.state.keywords.number[keepFolded]
	s.marks = s.rules.marks()
	s.taken = make(map[DeviceID]map[uint64]keys.TakenPage)
	s.found = make(map[uint64]*[1 << keys.TakenBits]popFact)
	for _, dev := range s.marks {
		pages := make(map[uint64]keys.TakenPage)
		err := s.snap.Scan(ctx, kv.Prefix(keys.TakenKey(s.h.id, dev, 0)[:9]), func(k, v []byte) (bool, error) {
			n, err := keys.Tail64(k)
			if err != nil {
				return false, err
			}
			if pages[n], err = keys.DecodeTakenPage(v); err != nil {
				return false, corrupt("taken marks", err)
			}
			s.anyTaken, s.found[n] = true, nil
			return true, nil
		})
		if err != nil {
			return err
		}
		s.taken[dev] = pages
	}
	return nil
}

// note takes in one of a maildrop's messages.
func (s *surveying) note(m *mailbox, e *Entry) {
	n, bit := uint64(e.Message)>>keys.TakenBits, e.Message&(1<<keys.TakenBits-1)
	if s.near.page == nil || s.near.n != n { // ids and UIDs mostly grow together
		page, any := s.found[n]
		if !any {
			return
		}
		if page == nil {
			page = new([1 << keys.TakenBits]popFact)
			s.found[n] = page
		}
		s.near.n, s.near.page = n, page
	}
	f := &s.near.page[bit]
	set, floors := s.scope(m)
	f.alone = floors || f.scope != 0
	f.size, f.saved, f.scope = e.Size, e.Saved, set+1
	f.facts.Flagged = f.facts.Flagged || e.Flags&Flagged != 0
	f.facts.Answered = f.facts.Answered || e.Flags&Answered != 0
	f.facts.Kept = f.facts.Kept || s.keepKnown && HasKeyword(e, s.keep)
}

// scope is the set of devices whose maildrops a mailbox belongs to; floors says that one of these begins at some time.
func (s *surveying) scope(m *mailbox) (set int32, floors bool) {
	if b, ok := s.boxes[m.id]; ok {
		return b.set, b.floors
	}
	holds := make([]bool, len(s.rules.devices))
	for i := range s.rules.devices {
		d := &s.rules.devices[i]
		holds[i] = d.holds(m)
		floors = floors || holds[i] && !d.Floor.IsZero()
	}
	if s.boxes == nil {
		s.boxes = make(map[MailboxID]boxScope)
	}
	b := boxScope{s.intern(holds), floors}
	s.boxes[m.id] = b
	return b.set, b.floors
}

// boxScope is what scope says of a mailbox.
type boxScope struct {
	set    int32
	floors bool
}

func (s *surveying) intern(set []bool) int32 {
	for i := range s.scopes {
		if slices.Equal(s.scopes[i], set) {
			return int32(i)
		}
	}
	s.scopes = append(s.scopes, set)
	return int32(len(s.scopes) - 1)
}

// releases decides about what has been found.
func (s *surveying) releases(ctx context.Context) error {
	if !s.anyTaken {
		return nil
	}
	s.days = make(map[ReleaseDay]Sum)
	d := deciding{surveying: s, devices: make([]retention.Device, len(s.rules.devices)), last: popFact{scope: -1}}
	for i := range s.rules.devices {
		p := &s.rules.devices[i]
		d.devices[i] = retention.Device{ID: uint32(p.ID), Policy: p.Policy, Active: s.rules.active[i], Revoked: p.Revoked}
	}
	// An operation that is never done: it only reads, and needs no lock.
	d.one = newSettling(newTx(newBuild(s.h.account), &operation{ctx: ctx}), s.rules)
	for n, facts := range s.found {
		if facts == nil {
			continue
		}
		if err := d.page(n, facts); err != nil {
			return err
		}
	}
	d.released()
	s.tellReleases()
	return nil
}

// deciding is releases under way.
type deciding struct {
	*surveying
	devices []retention.Device
	pages   []keys.TakenPage // of each
	one     *settling        // decides about single messages
	last    popFact          // the message that dec is about, as devices say
	dec     retention.Decision
	sum     Sum // of those about which it has been made
}

// page decides about 64 messages.
func (d *deciding) page(n uint64, facts *[1 << keys.TakenBits]popFact) error {
	d.pages = d.pages[:0]
	taken := uint64(0) // by anybody
	for i := range d.devices {
		var p keys.TakenPage
		for _, dev := range d.rules.devices[i].marks() {
			p = p.First(d.taken[dev][n])
		}
		d.pages = append(d.pages, p)
		taken |= p.Present
	}
	for ; taken != 0; taken &= taken - 1 {
		bit := bits.TrailingZeros64(taken)
		f := &facts[bit]
		if f.scope == 0 {
			continue // in nobody's maildrop any more
		}
		if f.alone {
			if err := d.decideAlone(MessageID(n<<keys.TakenBits)|MessageID(bit), f.size); err != nil {
				return err
			}
			continue
		}
		same := f.scope == d.last.scope && f.facts == d.last.facts
		for i := range d.devices {
			dev, when, in := &d.devices[i], time.Time{}, d.scopes[f.scope-1][i]
			if ms, ok := d.pages[i].At(MessageID(bit)); ok && in {
				if in = f.saved <= ms; in { // see settling.devices
					when = time.UnixMilli(ms)
				}
			}
			same = same && in == dev.InScope && when.Equal(dev.Taken)
			dev.Taken, dev.InScope = when, in
		}
		if d.last = *f; !same {
			d.released()
			d.dec = retention.Decide(d.now, f.facts, d.devices)
		}
		d.sum.add(f.size)
	}
	return nil
}

// decideAlone decides about one message as the sweep would.
func (d *deciding) decideAlone(msg MessageID, size uint64) error {
	r, ok, err := d.one.forecast(msg)
	if err != nil || !ok {
		return err
	}
	d.released()
	d.dec, d.last = r.Decision, popFact{scope: -1}
	d.sum.add(size)
	return nil
}

// released counts the messages of a decision on the day on which they leave, if they do: today if they are late.
func (d *deciding) released() {
	sum := d.sum
	if d.sum = (Sum{}); d.dec.Reason != retention.Released {
		return
	}
	at := d.dec.At
	if at.Before(d.now) {
		at = d.now
	}
	year, month, day := at.In(d.opts.Zone).Date()
	key := ReleaseDay{Day: time.Date(year, month, day, 0, 0, 0, 0, d.opts.Zone), Then: d.dec.Then}
	all := d.days[key]
	d.days[key] = Sum{all.Messages + sum.Messages, all.Octets + sum.Octets}
}

func (s *surveying) tellReleases() {
	for day, sum := range s.days {
		day.Sum = sum
		s.out.Releases = append(s.out.Releases, day)
	}
	slices.SortFunc(s.out.Releases, func(a, b ReleaseDay) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Then, b.Then))
	})
}
