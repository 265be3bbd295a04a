package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"restante/internal/store"
	"restante/internal/store/retention"
)

var (
	byIMAP = store.Origin{Device: 99, Protocol: store.ProtocolIMAP}
	bg     = context.Background()
)

// some chooses some of the messages for which is says so.
func (r *house) some(label string, is func(*letter) bool) (ids []store.MessageID) {
	for _, id := range slices.Sorted(maps.Keys(r.letters)) {
		if is(r.letters[id]) {
			ids = append(ids, id)
		}
	}
	return r.subset(label, ids)
}

func (r *house) subset(label string, ids []store.MessageID) (out []store.MessageID) {
	if len(ids) == 0 {
		return nil
	}
	all := rapid.IntRange(0, 2).Draw(r.t, label+": all") == 0
	for i, id := range ids {
		if all || rapid.Bool().Draw(r.t, fmt.Sprint(label, i)) {
			out = append(out, id)
		}
	}
	return out
}

func (r *house) anyPlace() (store.MessageID, *letter, int) {
	var ids []store.MessageID
	for _, id := range slices.Sorted(maps.Keys(r.letters)) {
		if len(r.letters[id].places) > 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return 0, nil, 0
	}
	id := rapid.SampledFrom(ids).Draw(r.t, "message")
	return id, r.letters[id], rapid.IntRange(0, len(r.letters[id].places)-1).Draw(r.t, "place")
}

// exact does an operation that has one effect, or none if the power fails.
func (r *house) exact(do func() error, effect func()) {
	before := make(map[store.MessageID]letter)
	for id, l := range r.letters {
		c := *l
		c.places, c.taken = slices.Clone(l.places), maps.Clone(l.taken)
		before[id] = c
	}
	err := do()
	died := r.died(err)
	effect()
	if died && !r.agrees() {
		for id, l := range before {
			*r.letters[id] = l
		}
	}
}

// agrees says whether messages lie where the model says.
func (r *house) agrees() bool {
	places, removed := r.seen(), r.removed()
	for id, l := range r.letters {
		if _, ok := removed[id]; ok != (l.removed != nil) || len(places[id]) != len(l.places) {
			return false
		}
		for _, want := range l.places {
			if !slices.ContainsFunc(places[id], func(p place) bool {
				return p.box == want.box && p.flags == want.flags && p.keep == want.keep && p.saved == want.saved && (want.uid == 0 || want.uid == p.uid)
			}) {
				return false
			}
		}
	}
	return true
}

func (r *house) tx(fn func(tx *store.Tx) error) error {
	_, err := r.h.Update(bg, byIMAP, fn)
	return err
}

func (r *house) box(name string) store.MailboxID {
	m, err := r.h.View().Lookup(name)
	r.must(err)
	return m.ID()
}

func only(uid store.UID) []store.UIDRange { return []store.UIDRange{{Lo: uid, Hi: uid}} }

func (r *house) deliver() {
	to := rapid.SampledFrom([]string{"INBOX", "INBOX", "INBOX", "Lists", "Junk"}).Draw(r.t, "to")
	back := time.Duration(rapid.SampledFrom([]int{0, 0, 0, 5, 50}).Draw(r.t, "days old")) * day
	for range rapid.SampledFrom([]int{1, 2, 5}).Draw(r.t, "messages") {
		r.n++
		text := fmt.Sprintf("Subject: %d\r\n\r\n%s", r.n, strings.Repeat("x\r\n", r.n))
		w, err := r.s.NewBody(bg, store.BodyOptions{})
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		var body *store.Body
		if err == nil {
			body, err = w.Finish(bg)
		}
		l := &letter{text: text, internal: r.clock.now().Add(-back).UnixMilli(), taken: make(map[store.DeviceID]int64)}
		var a store.Added
		if err == nil {
			err = r.tx(func(tx *store.Tx) error {
				id, err := tx.Lookup(to)
				if err == nil {
					a, err = tx.AddMessage(id, body, store.AddOptions{Internal: time.UnixMilli(l.internal)})
				}
				return err
			})
		}
		if r.died(err) {
			// Nobody was told that it was accepted; if it was, it stays.
			for id, p := range r.seen() {
				if r.letters[id] == nil {
					l.places, r.letters[id] = p, l
				}
			}
			return
		}
		l.places = []place{{box: to, uid: a.UID, saved: r.now()}}
		r.letters[a.Message] = l
		r.say("message %d to %s", a.Message, to)
	}
}

func (r *house) device(label string, is func(*store.POPDevice) bool) *store.POPDevice {
	var list []*store.POPDevice
	for i := range r.devices {
		if is(&r.devices[i]) {
			list = append(list, &r.devices[i])
		}
	}
	if len(list) == 0 {
		return nil
	}
	return rapid.SampledFrom(list).Draw(r.t, label)
}

func (r *house) login() {
	d := r.device("login", func(d *store.POPDevice) bool { return !d.Revoked && r.sessions[d.ID] == nil })
	if d == nil {
		return
	}
	err := r.h.NoteUse(bg, d.ID, store.Use{Protocol: store.ProtocolPOP3})
	if r.died(err) {
		use, err := r.h.Used(bg, d.ID)
		r.must(err)
		if !use.POP.IsZero() {
			r.comes(d, max(r.active[d.ID], use.POP.UnixMilli()))
		}
		return
	}
	r.comes(d, r.now())
	r.sameMaildrop(d)
	r.sessions[d.ID] = &popSession{list: r.offered(d), since: r.now(), unpin: r.h.Pin()}
	r.say("device %d logs in: %d messages", d.ID, len(r.sessions[d.ID].list))
}

// visit is how a program comes by: it downloads, deletes and goes.
func (r *house) visit() {
	before := len(r.sessions)
	if r.login(); len(r.sessions) > before {
		r.quit()
	}
}

// comes notes that a device has been there.
func (r *house) comes(d *store.POPDevice, at int64) {
	if last, ok := r.active[d.ID]; !ok || at-last > (90*day).Milliseconds() {
		r.unsettle() // it counts again, and may hasten what all but it wait for
	}
	r.active[d.ID] = at
}

func (r *house) unsettle() {
	for _, l := range r.letters {
		l.restless, l.done = true, false
	}
}

func (r *house) online(label string) *store.POPDevice {
	return r.device(label, func(d *store.POPDevice) bool { return r.sessions[d.ID] != nil })
}

func (r *house) drop() {
	if d := r.online("drop"); d != nil {
		r.hangUp(d.ID)
		r.say("device %d hangs up", d.ID)
	}
}

func (r *house) hangUp(dev store.DeviceID) {
	if s := r.sessions[dev]; s != nil {
		s.unpin()
		delete(r.sessions, dev)
	}
}

// quit takes some of what the session was offered.
func (r *house) quit() {
	d := r.online("quit")
	if d == nil {
		return
	}
	ids := r.subset("deleted", r.sessions[d.ID].list)
	r.say("device %d (%+v) deletes %v", d.ID, d.Policy.Rule(), ids)
	err := r.h.Take(bg, store.Origin{Device: d.ID, Protocol: store.ProtocolPOP3}, d.ID, ids)
	if r.died(err) {
		// All of it, or nothing.
		marks, err := r.h.Marks(bg, d)
		r.must(err)
		if !slices.ContainsFunc(ids, func(id store.MessageID) bool {
			_, known := r.takenBy(d, r.letters[id])
			marked := marks.Has(id)
			return marked && !known
		}) {
			return
		}
	} else {
		r.hangUp(d.ID)
	}
	fresh := make(map[store.MessageID]bool)
	for _, id := range ids {
		l := r.letters[id]
		if _, ok := l.taken[d.ID]; ok || l.erased {
			continue
		}
		fresh[id] = true
		l.taken[d.ID], l.restless, l.done = r.now(), false, false
		if _, ok := l.taken[store.SharedDevice]; d.Policy.Shared && !ok {
			l.taken[store.SharedDevice] = r.now()
		}
		if d.Policy.MarkSeen == retention.MarkOnDele {
			r.markSeen(d, l)
		}
	}
	r.transitions(func(id store.MessageID) (releases, must bool) { return fresh[id], true }, atQuit)
}

func (r *house) markSeen(d *store.POPDevice, l *letter) {
	for i := range l.places {
		if p := &l.places[i]; r.reaches(d, p.box) && p.flags&store.Seen == 0 {
			p.flags, p.touched = p.flags|store.Seen, r.now()
		}
	}
}

// retr reads what the session was offered: whatever has become of it, the whole message comes (rule 8).
func (r *house) retr() {
	d := r.online("retr")
	if d == nil || len(r.sessions[d.ID].list) == 0 {
		return
	}
	for _, id := range r.sessions[d.ID].list {
		m, err := r.h.Message(bg, id, 0)
		r.must(err)
		text := new(strings.Builder)
		r.must(m.CopyRange(bg, text, 0, m.Size()))
		if text.String() != r.letters[id].text {
			r.fail("message %d is %q", id, text)
		}
	}
	if d.Policy.MarkSeen != retention.MarkOnRetr {
		return
	}
	id := rapid.SampledFrom(r.sessions[d.ID].list).Draw(r.t, "seen")
	r.exact(func() error { return r.h.MarkSeen(bg, byIMAP, d, id) }, func() { r.markSeen(d, r.letters[id]) })
}

func (r *house) flag() {
	id, l, n := r.anyPlace()
	if l == nil {
		return
	}
	c := store.FlagChange{Mode: rapid.SampledFrom([]store.FlagMode{store.FlagsAdd, store.FlagsRemove}).Draw(r.t, "mode")}
	p := l.places[n]
	switch f := rapid.SampledFrom([]store.Flags{store.Flagged, store.Answered, store.Seen, 0}).Draw(r.t, "flag"); {
	case f == 0:
		c.Keywords = []string{store.KeepKeyword}
		p.keep = c.Mode == store.FlagsAdd
	case c.Mode == store.FlagsAdd:
		c.Flags = f
		p.flags |= f
	default:
		c.Flags = f
		p.flags &^= f
	}
	r.say("message %d: %v becomes %v", id, l.places[n], p)
	box, uid := r.box(p.box), p.uid
	r.exact(func() error {
		return r.tx(func(tx *store.Tx) error { _, err := tx.SetFlags(box, only(uid), c); return err })
	}, func() {
		p.touched = r.now()
		l.places[n], l.restless = p, true
	})
}

// move moves a message, or copies it.
func (r *house) move() {
	id, l, n := r.anyPlace()
	if l == nil {
		return
	}
	p := l.places[n]
	copies := rapid.IntRange(0, 3).Draw(r.t, "copy") == 0
	to := rapid.SampledFrom(boxNames()).Draw(r.t, "to")
	r.say("message %d from %v to %s, copied %v", id, p, to, copies)
	src, dst := r.box(p.box), r.box(to)
	r.exact(func() error {
		return r.tx(func(tx *store.Tx) error {
			if copies {
				_, err := tx.Copy(src, only(p.uid), dst)
				return err
			}
			_, err := tx.Move(src, only(p.uid), dst)
			return err
		})
	}, func() {
		if !copies {
			l.places = slices.Delete(l.places, n, n+1)
		}
		l.places = append(l.places, place{box: to, flags: p.flags, keep: p.keep, saved: r.now()})
		l.restless = true
	})
}

func (r *house) expunge() {
	id, l, n := r.anyPlace()
	if l == nil {
		return
	}
	p := l.places[n]
	r.say("message %d: expunged from %v", id, p)
	box := r.box(p.box)
	r.exact(func() error {
		return r.tx(func(tx *store.Tx) error { _, err := tx.Expunge(box, only(p.uid)); return err })
	}, func() {
		l.restless = true
		if l.places = slices.Delete(l.places, n, n+1); len(l.places) == 0 {
			l.removed = &gone{was: p, until: r.now() + max(r.recovery, 0).Milliseconds()}
		}
	})
}

// removals are the names of removals of some messages.
func (r *house) removals(ids []store.MessageID) (list []store.RemovedID) {
	removed := r.removed()
	for _, id := range ids {
		list = append(list, removed[id].ID)
	}
	return list
}

func (r *house) restore() {
	ids := r.some("restored", func(l *letter) bool { return l.removed != nil })
	if len(ids) == 0 {
		return
	}
	r.say("put back: %v", ids)
	list := r.removals(ids)
	r.exact(func() error { _, err := r.h.Restore(bg, byIMAP, list, ""); return err }, func() {
		for _, id := range ids {
			l := r.letters[id]
			p := l.removed.was
			p.uid, p.saved, p.touched = 0, r.now(), 0
			p.keep = p.keep || l.removed.byRule
			l.places, l.removed, l.restless = []place{p}, nil, true
		}
	})
}

func (r *house) erase() {
	ids := r.some("erased", func(l *letter) bool { return l.removed != nil })
	if len(ids) == 0 {
		return
	}
	r.say("erased: %v", ids)
	list := r.removals(ids)
	r.exact(func() error { _, err := r.h.EraseRemoved(bg, list); return err }, func() {
		for _, id := range ids {
			if l := r.letters[id]; !r.pinned(l.removed) {
				l.removed, l.erased = nil, true
				clear(l.taken)
			}
		}
	})
}

// pinned says whether a session may still read what has been removed.
func (r *house) pinned(g *gone) bool {
	for _, s := range r.sessions {
		if g.until-max(r.recovery, 0).Milliseconds() >= s.since && r.now()-s.since <= day.Milliseconds() {
			return true
		}
	}
	return false
}

func (r *house) giveBack() {
	d := r.device("give back", func(*store.POPDevice) bool { return true })
	ids := r.some("given back", func(l *letter) bool { _, ok := r.takenBy(d, l); return ok })
	r.say("given back to device %d: %v", d.ID, ids)
	if r.died(r.h.GiveBack(bg, byIMAP, d, ids)) {
		marks, err := r.h.Marks(bg, d)
		r.must(err)
		if slices.ContainsFunc(ids, marks.Has) {
			return
		}
	}
	for _, id := range ids {
		l := r.letters[id]
		if delete(l.taken, d.ID); d.Policy.Shared {
			delete(l.taken, store.SharedDevice)
		}
		l.restless = true
	}
}

func (r *house) policy() retention.Policy {
	keep := []retention.Keep{retention.KeepNone, retention.Keep(day), retention.Keep(30 * day), retention.Keep(30 * day), retention.Keep(200 * day), retention.KeepForever}
	return retention.Policy{
		Keep:     rapid.SampledFrom(keep).Draw(r.t, "keep"),
		Then:     rapid.SampledFrom([]retention.Then{retention.ThenDelete, retention.ThenTrash, retention.ThenArchive}).Draw(r.t, "then"),
		WaitFor:  rapid.SampledFrom([]retention.WaitFor{retention.WaitForAll, retention.WaitForAny}).Draw(r.t, "wait for"),
		MarkSeen: rapid.SampledFrom([]retention.MarkSeen{retention.MarkOnDele, retention.MarkOnRetr, retention.MarkNever}).Draw(r.t, "mark seen"),
		Scope:    rapid.SampledFrom([]retention.Scope{retention.ScopeInbox, retention.ScopeInbox, retention.ScopeChosen, retention.ScopeAllMail}).Draw(r.t, "scope"),
		Start:    rapid.SampledFrom([]retention.Start{retention.StartAll, retention.StartAll, retention.StartNow, retention.Start(10 * day)}).Draw(r.t, "start"),
		Shared:   rapid.IntRange(0, 3).Draw(r.t, "shared") == 0,
	}
}

func (r *house) addDevice() {
	if len(r.devices) == 5 {
		return
	}
	d := store.POPDevice{ID: store.DeviceID(len(r.devices) + 1), Policy: r.policy(), Created: r.clock.now(), ForPOP: rapid.Bool().Draw(r.t, "for pop")}
	d.Floor = d.Policy.Start.Floor(d.Created)
	d.Mailboxes = []store.MailboxID{r.box("Lists")}
	if d.ForPOP {
		r.active[d.ID] = r.now()
	}
	if r.devices = append(r.devices, d); d.Policy.Shared {
		r.unsettle() // what others have taken counts as taken by it
	}
	r.say("device %d: %+v, for POP %v", d.ID, d.Policy.Rule(), d.ForPOP)
}

func (r *house) revoke() {
	d := r.device("revoke", func(d *store.POPDevice) bool { return !d.Revoked })
	if d == nil {
		return
	}
	r.say("device %d is revoked", d.ID)
	r.hangUp(d.ID)
	d.Revoked = true
	r.settle()
}

func (r *house) rule() {
	d := r.device("rule", func(*store.POPDevice) bool { return true })
	d.Policy = r.policy()
	d.Floor = d.Policy.Start.Floor(d.Created)
	r.say("device %d is to be %+v", d.ID, d.Policy.Rule())
	r.settle()
}

func (r *house) settle() {
	r.unsettle() // until it is done
	if !r.died(r.h.SettleDevices(bg)) {
		r.settled = true
	}
}

func (r *house) setRetention() {
	name := rapid.SampledFrom(boxNames()).Draw(r.t, "mailbox")
	rule := store.Retention{
		For:     rapid.SampledFrom([]time.Duration{0, day, 20 * day}).Draw(r.t, "for"),
		Flagged: rapid.Bool().Draw(r.t, "flagged"),
	}
	r.say("%s keeps for %+v", name, rule)
	id := r.box(name)
	if r.died(r.tx(func(tx *store.Tx) error { return tx.SetRetention(id, &rule) })) {
		m, err := r.h.View().Lookup(name)
		r.must(err)
		if is, _ := m.Retention(); is != rule {
			return
		}
	}
	r.retained[name], r.ruled[name] = rule, r.now()
}

func (r *house) later() {
	d := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 5 * time.Hour, day, 3 * day, 31 * day, 95 * day}).Draw(r.t, "later")
	if d >= day {
		for _, dev := range slices.Sorted(maps.Keys(r.sessions)) {
			r.hangUp(dev) // long since
		}
	}
	r.clock.add(d)
	if rapid.IntRange(0, 3).Draw(r.t, "and sweep") > 0 {
		r.sweep()
	}
}

func (r *house) sweep() {
	r.say("sweep")
	_, err := r.s.Sweep(bg)
	full, look := true, wholeSweep
	if r.died(err) {
		full, look = false, partOfSweep
	}
	if full && r.settled {
		r.settled = false
		for _, l := range r.letters {
			l.restless, l.done = false, false
		}
	}
	r.transitions(func(id store.MessageID) (releases, must bool) {
		return true, full && !r.letters[id].restless && !r.letters[id].done
	}, look)
}
