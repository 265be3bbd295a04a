package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"restante/internal/ops/verify"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// TestCoexistence runs POP3 devices, IMAP clients, the sweep, crashes, restores and changes of rules at random on an account, and holds it against a model
// that knows nothing but what they did and the rules as people are told them:
//
//   - a message leaves a mailbox only by a user's act, or by a rule that is in force, at or after its time; and then it does leave;
//   - a device is offered what it has not deleted over POP3, and never again what it has, unless that is given back to it;
//   - what was accepted lies in a mailbox, or in recently removed until its time there is over;
//   - the quota is charged what a recount says, and verify finds nothing.
func TestCoexistence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newHouse(t)
		for range rapid.IntRange(20, 120).Draw(t, "steps") {
			r.step()
		}
		r.finish()
	})
}

// place is a message in a mailbox.
type place struct {
	box     string
	uid     store.UID
	flags   store.Flags
	keep    bool
	saved   int64
	touched int64 // when its flags changed last
}

func (p place) String() string {
	return fmt.Sprintf("%s/%d flags %x keep %v saved %s", p.box, p.uid, p.flags, p.keep, time.UnixMilli(p.saved).UTC().Format(time.DateTime))
}

// letter is a message as the model knows it.
type letter struct {
	text     string
	internal int64
	places   []place
	removed  *gone // in recently removed
	erased   bool
	taken    map[store.DeviceID]int64 // when which device took it, with SharedDevice
	restless bool                     // somebody has done something with it since its rules were looked at: it may be forgotten
	done     bool                     // what a rule asked for was there already: it is not looked at again
}

type gone struct {
	was    place
	until  int64
	byRule bool
}

// house is an account with all that happens to it.
type house struct {
	t        *rapid.T
	engine   *mortal
	clock    *clock
	recovery time.Duration
	s        *store.Store
	h        *store.Account

	devices  []store.POPDevice
	active   map[store.DeviceID]int64 // last POP login, or when it was made for POP
	letters  map[store.MessageID]*letter
	retained map[string]store.Retention
	ruled    map[string]int64 // when the retention of a mailbox was set last
	settled  bool             // SettleDevices has been called since the last sweep
	sessions map[store.DeviceID]*popSession
	n        int
	log      []string
}

type popSession struct {
	list  []store.MessageID
	since int64
	unpin func()
}

// mortal is an engine that dies after some more commits; the last of them may have been done all the same.
type mortal struct {
	kv.Engine
	left atomic.Int64 // commits; < 0: for ever
	done bool         // the one at which it dies
	dead atomic.Bool
}

var errDead = errors.New("the power is gone")

func (m *mortal) Commit(ctx context.Context, b *kv.Batch, d kv.Durability) error {
	if m.dead.Load() {
		return errDead
	}
	if m.left.Load() < 0 || m.left.Add(-1) >= 0 {
		return m.Engine.Commit(ctx, b, d)
	}
	m.dead.Store(true)
	if m.done {
		_ = m.Engine.Commit(ctx, b, d)
	}
	return errDead
}

func boxNames() []string { return []string{"INBOX", "Lists", "Archive", "Trash", "Junk"} }

func newHouse(t *rapid.T) *house {
	r := &house{
		t: t, engine: &mortal{Engine: memkv.New()}, clock: &clock{t: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)},
		recovery: rapid.SampledFrom([]time.Duration{30 * day, 30 * day, time.Hour, -1}).Draw(t, "recovery"),
		active:   make(map[store.DeviceID]int64), letters: make(map[store.MessageID]*letter), sessions: make(map[store.DeviceID]*popSession),
		retained: map[string]store.Retention{"Trash": {For: 30 * day}, "Junk": {For: 14 * day}}, ruled: make(map[string]int64),
	}
	r.engine.left.Store(-1)
	r.open()
	id, err := r.s.CreateAccount(context.Background(), store.AccountOptions{})
	r.must(err)
	r.h, err = r.s.Account(context.Background(), id)
	r.must(err)
	_, err = r.h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error { _, err := tx.CreateMailbox("Lists", store.RoleNone); return err })
	r.must(err)
	for range rapid.IntRange(1, 3).Draw(t, "devices") {
		r.addDevice()
	}
	r.settled = false
	return r
}

func (r *house) must(err error) {
	if err != nil {
		r.t.Helper()
		r.fail("%v", err)
	}
}

func (r *house) fail(format string, args ...any) {
	r.t.Helper()
	for _, l := range r.log {
		r.t.Log(l)
	}
	r.t.Fatalf(format, args...)
}

func (r *house) say(format string, args ...any) {
	r.log = append(r.log, r.clock.now().Format("01-02 15:04:05 ")+fmt.Sprintf(format, args...))
}

func (r *house) now() int64 { return r.clock.now().UnixMilli() }

func (r *house) open() {
	var err error
	r.s, err = store.Open(context.Background(), r.engine, store.Options{
		Clock: r.clock.now, Recovery: r.recovery,
		POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) { return r.devices, nil },
		Retention: func(_ store.AccountID, role store.Role) time.Duration {
			switch role {
			case store.RoleJunk:
				return 14 * day
			case store.RoleTrash:
				return 30 * day
			}
			return 0
		},
	})
	r.must(err)
}

func (r *house) step() {
	steps := map[string]func(){
		"deliver": r.deliver, "visit": r.visit, "login": r.login, "quit": r.quit, "retr": r.retr, "drop": r.drop,
		"flag": r.flag, "move": r.move, "expunge": r.expunge, "restore": r.restore, "erase": r.erase, "give back": r.giveBack,
		"add": r.addDevice, "revoke": r.revoke, "rule": r.rule, "retention": r.setRetention, "sweep": r.sweep, "later": r.later, "crash": r.crash,
	}
	names := slices.Sorted(maps.Keys(steps))
	for _, often := range []string{"deliver", "visit", "sweep", "later"} {
		names = append(names, often, often, often)
	}
	r.clock.add(time.Second)
	doing := rapid.SampledFrom(names).Draw(r.t, "step")
	if rapid.IntRange(0, 11).Draw(r.t, "dies") == 0 {
		r.engine.done = rapid.Bool().Draw(r.t, "after the commit")
		r.engine.left.Store(int64(rapid.IntRange(0, 3).Draw(r.t, "commits")))
	}
	steps[doing]()
	if r.engine.left.Load() >= 0 {
		r.engine.left.Store(-1)
		if r.engine.dead.Load() {
			r.fail("it died, and nobody noticed")
		}
	}
	r.compare()
}

// died says whether an operation failed because the power did, and has everything begin anew then.
func (r *house) died(err error) bool {
	if !r.engine.dead.Load() {
		r.must(err)
		return false
	}
	r.say("power failure: %v", err)
	r.engine.dead.Store(false)
	r.engine.left.Store(-1)
	r.reopen()
	return true
}

func (r *house) reopen() {
	id := r.h.ID()
	clear(r.sessions)
	r.h.Close()
	r.must(r.s.Close())
	r.open()
	var err error
	r.h, err = r.s.Account(context.Background(), id)
	r.must(err)
}

func (r *house) crash() {
	r.say("crash")
	r.reopen()
}

// seen is what the account has: where each message lies.
func (r *house) seen() map[store.MessageID][]place {
	out := make(map[store.MessageID][]place)
	view := r.h.View()
	for _, name := range boxNames() {
		m, err := view.Lookup(name)
		r.must(err)
		r.must(m.Load(context.Background()))
		for e := range m.All() {
			p := place{box: name, uid: e.UID, flags: e.Flags, saved: e.Saved}
			for kw := range view.KeywordsOf(e) {
				p.keep = p.keep || kw == store.KeepKeyword
			}
			out[e.Message] = append(out[e.Message], p)
		}
	}
	return out
}

func (r *house) removed() map[store.MessageID]store.RemovedMessage {
	out := make(map[store.MessageID]store.RemovedMessage)
	r.must(r.h.Removed(context.Background(), store.RemovedFilter{}, func(m store.RemovedMessage) error {
		if _, twice := out[m.ID.Message]; twice {
			r.fail("message %d has been removed twice", m.ID.Message)
		}
		out[m.ID.Message] = m
		return nil
	}))
	return out
}

// compare holds the account against the model.
func (r *house) compare() {
	r.t.Helper()
	places, removed := r.seen(), r.removed()
	var used store.Quota
	for id, l := range r.letters {
		r.same(id, l, places[id])
		g, ok := removed[id]
		switch {
		case ok != (l.removed != nil):
			r.fail("message %d: in recently removed %v, should be %v", id, ok, l.removed != nil)
		case ok && (g.Until.UnixMilli() != l.removed.until || g.Path != l.removed.was.box || g.Flags != l.removed.was.flags):
			r.fail("message %d was removed as %+v, should be %+v", id, g, *l.removed)
		}
		if len(l.places) > 0 {
			used.Messages++
			used.Octets += uint64(len(l.text))
		}
		delete(places, id)
		delete(removed, id)
	}
	if len(places)+len(removed) > 0 {
		r.fail("unknown messages: %v %v", places, removed)
	}
	if got := r.h.View().Used(); got.Messages != used.Messages || got.Octets != used.Octets {
		r.fail("%+v is charged, a recount says %+v", got, used)
	}
	for i := range r.devices {
		r.sameMaildrop(&r.devices[i])
	}
}

// same compares where a message lies, and takes over its UIDs.
func (r *house) same(id store.MessageID, l *letter, got []place) {
	r.t.Helper()
	key := func(p place) string { return fmt.Sprint(p.box, p.flags, p.keep, p.saved) }
	order := func(a, b place) int { return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a.uid, b.uid)) }
	slices.SortFunc(got, order)
	slices.SortFunc(l.places, order)
	if !slices.EqualFunc(got, l.places, func(a, b place) bool { return key(a) == key(b) && (b.uid == 0 || a.uid == b.uid) }) {
		r.fail("message %d lies at %v, should at %v", id, got, l.places)
	}
	for i := range got {
		l.places[i].uid = got[i].uid
	}
}

// offered is what a device should be offered: rule 2 and rule 5.
func (r *house) offered(d *store.POPDevice) (ids []store.MessageID) {
	for id, l := range r.letters {
		if _, taken := r.takenBy(d, l); taken || !d.Floor.IsZero() && l.internal < d.Floor.UnixMilli() {
			continue
		}
		if slices.ContainsFunc(l.places, func(p place) bool { return r.reaches(d, p.box) }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (r *house) sameMaildrop(d *store.POPDevice) {
	r.t.Helper()
	ctx := context.Background()
	marks, err := r.h.Marks(ctx, d)
	r.must(err)
	var got []store.MessageID
	for _, m := range d.Maildrop(r.h.View()) {
		r.must(m.Load(ctx))
		for e := range m.All() {
			if !marks.Has(e.Message) && d.Offers(e) {
				got = append(got, e.Message)
			}
		}
	}
	slices.Sort(got)
	if want := r.offered(d); !slices.Equal(slices.Compact(got), want) {
		r.fail("device %d is offered %v, should be %v", d.ID, got, want)
	}
}

func (r *house) finish() {
	rep, err := verify.Run(context.Background(), r.engine, verify.Options{})
	r.must(err)
	for _, f := range rep.Findings {
		r.t.Error(f)
	}
	if len(rep.Findings) > 0 {
		r.fail("verify has found something")
	}
}
