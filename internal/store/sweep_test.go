package store_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
	"restante/internal/store/retention"
)

var errBroken = errors.New("broken")

// TestOneAccountDoesNotStopTheSweep: whatever fails in an account is said, and done again; the others' mail is swept all the same.
func TestOneAccountDoesNotStopTheSweep(t *testing.T) {
	ctx := context.Background()
	broken := map[string]func(f *fixture, h *store.Account){
		"rules that cannot be read": func(f *fixture, h *store.Account) {
			if err := h.SettleDevices(ctx); err != nil {
				f.t.Fatal(err)
			}
		},
		"a warning that cannot be given": func(f *fixture, h *store.Account) {
			f.update(h, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Messages: 1}) })
			f.add(h, "INBOX", message(1), store.AddOptions{})
		},
		"a hint that cannot be read": func(f *fixture, h *store.Account) {
			b := new(kv.Batch)
			b.Put(keys.DueKey(1, h.ID(), keys.DueErase, 1, 1), []byte{1, 2, 3})
			if err := f.engine.Commit(ctx, b, kv.Durable); err != nil {
				f.t.Fatal(err)
			}
		},
	}
	for name, breakIt := range broken {
		t.Run(name, func(t *testing.T) {
			f := open(t, memkv.New(), store.Options{
				Recovery:   time.Minute,
				POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) { return nil, errBroken },
				Warn:       func(context.Context, store.Warning) error { return errBroken },
			})
			breakIt(f, f.account())
			h := f.account()
			f.add(h, "INBOX", message(2), store.AddOptions{})
			if _, err := h.Expunge(ctx, store.Origin{}, f.box(h, "INBOX"), everything()); err != nil {
				t.Fatal(err)
			}
			f.clock.add(time.Hour)
			swept, err := f.Sweep(ctx)
			if err == nil {
				t.Error("nobody is told of the account that is broken")
			}
			if swept.Erased != 1 {
				t.Errorf("%d messages erased, want the other account's one; %v", swept.Erased, err)
			}
		})
	}
}

// An account that cannot be trimmed does not keep the others from it, nor is every account looked at again each minute.
func TestOneAccountDoesNotStopTrimming(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	bad, good := f.account(), f.account()
	for _, h := range []*store.Account{bad, good} {
		f.add(h, "INBOX", message(1), store.AddOptions{})
	}
	b := new(kv.Batch)
	b.Put(keys.ChangeKey(bad.ID(), 1), []byte{0xff})
	if err := f.engine.Commit(ctx, b, kv.Durable); err != nil {
		t.Fatal(err)
	}
	f.clock.add(100 * day)
	f.add(good, "INBOX", message(2), store.AddOptions{})
	if _, err := f.Sweep(ctx); err == nil {
		t.Error("nobody is told of the account that is broken")
	}
	if rows := rowsOfAccount(t, f.engine, keys.TableChange, good.ID()); rows != 1 {
		t.Errorf("the log of the other account has %d records, want 1", rows)
	}
}

func rowsOfAccount(t *testing.T, engine kv.Engine, table keys.Table, id store.AccountID) (n int) {
	t.Helper()
	err := engine.Scan(context.Background(), kv.Prefix(keys.OfAccount(table, id)), func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a device has taken and what is in the Archive already has nowhere to go: above all it is not removed.
func TestReleaseToArchiveLeavesTheArchive(t *testing.T) {
	d := newDrops(t, func(p *store.POPDevice) {
		p.Policy.Scope, p.Policy.Then = retention.ScopeAllMail, retention.ThenArchive
	})
	d.take(1, d.deliver(2))
	d.later(31 * day)
	d.want("INBOX", 0, "Archive", 2)
	if err := d.h.SettleDevices(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.later(time.Minute)
	d.want("INBOX", 0, "Archive", 2)
}

// raced is an engine in which something happens at a given moment.
type raced struct {
	kv.Engine
	get      func(key []byte) // after a Get
	conflict atomic.Bool      // the next commit is refused
}

func (r *raced) Get(ctx context.Context, key []byte) ([]byte, error) {
	v, err := r.Engine.Get(ctx, key)
	if r.get != nil {
		r.get(key)
	}
	return v, err
}

func (r *raced) Commit(ctx context.Context, b *kv.Batch, d kv.Durability) error {
	if r.conflict.Swap(false) {
		return kv.ErrConflict
	}
	return r.Engine.Commit(ctx, b, d)
}

// Who erases what somebody puts back at this moment must not take away the marks: the device would be offered it again.
func TestPutBackWhileErased(t *testing.T) {
	ctx := context.Background()
	engine := &raced{Engine: memkv.New()}
	d := dropsIn(t, engine, asIs)
	ids := d.deliver(1)
	d.take(1, ids)
	if _, err := d.h.Expunge(ctx, store.Origin{}, d.box(d.h, "INBOX"), everything()); err != nil {
		t.Fatal(err)
	}
	list := idsOf(d.removed(store.RemovedFilter{}))
	engine.get = func(key []byte) {
		if key[0] != byte(keys.TableRemoved) {
			return
		}
		engine.get = nil
		if back, err := d.h.Restore(ctx, store.Origin{}, list, ""); err != nil || len(back) != 1 {
			t.Error(back, err)
		}
	}
	n, err := d.h.EraseRemoved(ctx, list)
	if err != nil || n != 0 {
		t.Errorf("%d erased, %v", n, err)
	}
	d.want("INBOX", 1)
	if got := d.maildrop(1); len(got) != 0 {
		t.Errorf("the device is offered %v again", got)
	}
}

// Marks go with their message, also those of a device that no rule speaks of any more.
func TestErasedMessagesLeaveNoMarks(t *testing.T) {
	ctx := context.Background()
	d := newDrops(t, asIs, asIs)
	ids := d.deliver(3)
	d.take(1, ids)
	d.take(2, ids)
	d.devices = d.devices[:1]
	if _, err := d.h.Expunge(ctx, store.Origin{}, d.box(d.h, "INBOX"), everything()); err != nil {
		t.Fatal(err)
	}
	d.later(31 * day)
	if n := rowsOfAccount(t, d.engine, keys.TableTaken, d.h.ID()); n != 0 {
		t.Errorf("%d pages of marks are left", n)
	}
}

// Settling goes on where it stopped, also when its operation had to be done twice.
func TestSettlingSurvivesAConflict(t *testing.T) {
	ctx := context.Background()
	mem := memkv.New()
	id := newRewound(t, mem)
	engine := &raced{Engine: mem}
	d := dropsIn(t, engine, asIs)
	d.h = d.handle(id)
	var ids []store.MessageID
	for i := range 40 { // which are gone: pages of marks before that of the message
		ids = append(ids, store.MessageID(i<<keys.TakenBits))
	}
	d.take(1, append(ids, d.deliver(1)...))
	d.want("INBOX", 1)
	d.device(1).Policy.Keep = 0
	if err := d.h.SettleDevices(ctx); err != nil {
		t.Fatal(err)
	}
	engine.conflict.Store(true)
	d.later(time.Minute)
	d.later(time.Minute)
	d.want("INBOX", 0)
}

// newRewound makes an account whose next message has an id far from 0.
func newRewound(t *testing.T, engine kv.Engine) store.AccountID {
	s, err := store.Open(context.Background(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id, err := s.CreateAccount(context.Background(), store.AccountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := store.Rewind(context.Background(), engine, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return id
}

// A mailbox with more than one operation removes is emptied within minutes, not a thousand messages an hour.
func TestRetentionOfMany(t *testing.T) {
	d := newDrops(t)
	d.add(d.h, "Trash", message(1), store.AddOptions{})
	trash := d.box(d.h, "Trash").ID()
	for range 11 {
		d.update(d.h, func(tx *store.Tx) error { _, err := tx.Copy(trash, everything(), trash); return err })
	}
	d.want("Trash", 2048)
	d.clock.add(31 * day)
	for range 4 {
		d.later(time.Minute)
	}
	d.want("Trash", 0)
}

// What nobody has seen stays in INBOX beyond its time; once it is seen, the time has passed.
func TestRetentionOfWhatIsSeenLate(t *testing.T) {
	d := newDrops(t)
	d.deliver(1)
	inbox := d.box(d.h, "INBOX").ID()
	d.update(d.h, func(tx *store.Tx) error { return tx.SetRetention(inbox, &store.Retention{For: day}) })
	d.later(30 * time.Hour)
	d.want("INBOX", 1)
	d.flag("INBOX", 0, store.FlagChange{Flags: store.Seen})
	d.later(time.Hour)
	d.want("INBOX", 0)
}

// What somebody has put elsewhere since, or put back, is not let go by a rule of who had taken it before; though it may be within that device's reach.
func TestMovedSinceItWasTaken(t *testing.T) {
	ctx := context.Background()
	d := newDrops(t, func(p *store.POPDevice) { p.Policy.Scope = retention.ScopeAllMail })
	d.take(1, d.deliver(4))
	d.clock.add(day)
	in, archive := d.box(d.h, "INBOX").ID(), d.box(d.h, "Archive").ID()
	d.update(d.h, func(tx *store.Tx) error {
		if _, err := tx.Move(in, []store.UIDRange{{Lo: 1, Hi: 1}}, archive); err != nil {
			return err
		}
		_, err := tx.Copy(in, []store.UIDRange{{Lo: 2, Hi: 2}}, archive)
		return err
	})
	d.later(30 * day)
	d.want("INBOX", 0, "Archive", 2, "Trash", 3)
	trash := d.box(d.h, "Trash")
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Move(trash.ID(), []store.UIDRange{{Lo: 2, Hi: 2}}, in)
		return err
	})
	if err := d.h.SettleDevices(ctx); err != nil {
		t.Fatal(err)
	}
	d.later(time.Minute)
	d.want("INBOX", 1)
}

// Who shares a view, and then does not, is never offered again what it has taken itself.
func TestViewsChange(t *testing.T) {
	shared := func(p *store.POPDevice) { p.Policy.Shared = true }
	d := newDrops(t, shared, shared, asIs)
	ids := d.deliver(4)
	d.take(1, ids[:1])
	d.take(2, ids[1:2])
	d.take(3, ids[2:3])
	d.device(1).Policy.Shared, d.device(3).Policy.Shared = false, true
	for dev, want := range [][]store.MessageID{ids[1:], ids[2:], ids[3:]} {
		if got := d.maildrop(store.DeviceID(dev + 1)); !slices.Equal(got, want) {
			t.Errorf("device %d is offered %v, want %v", dev+1, got, want)
		}
	}
	if err := d.h.GiveBack(context.Background(), store.Origin{}, d.device(3), ids[2:3]); err != nil {
		t.Fatal(err)
	}
	if got := d.maildrop(3); !slices.Equal(got, ids[2:]) {
		t.Errorf("offered %v", got)
	}
}

// A mark of what has been erased meanwhile would never be taken away again.
func TestTakingWhatIsErased(t *testing.T) {
	d := newDrops(t, asIs)
	ids := d.deliver(2)
	inbox := d.box(d.h, "INBOX").ID()
	d.update(d.h, func(tx *store.Tx) error { _, err := tx.Expunge(inbox, []store.UIDRange{{Lo: 1, Hi: 1}}); return err })
	if n, err := d.h.EraseRemoved(context.Background(), idsOf(d.removed(store.RemovedFilter{}))); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	d.take(1, ids[:1])
	if n := rowsOfAccount(t, d.engine, keys.TableTaken, d.h.ID()); n != 0 {
		t.Errorf("%d pages of marks", n)
	}
	d.take(1, ids)
	if use, err := d.h.Used(context.Background(), 1); err != nil || use.Taken != 1 {
		t.Errorf("%d taken, %v", use.Taken, err)
	}
}

// SR-15: a computer that is switched off for good does not keep what it has let go.
func TestSwitchedOffForGood(t *testing.T) {
	d := newDrops(t, func(p *store.POPDevice) { p.Policy.Keep = retention.Keep(365 * day) })
	d.take(1, d.deliver(3))
	d.later(364 * day)
	d.want("INBOX", 3)
	d.later(day)
	d.want("INBOX", 0, "Trash", 3)
}

// An operator who changes how long Trash keeps leaves no hints for what lies there: it is looked at daily.
func TestRetentionOfTheServerChanges(t *testing.T) {
	ctx := context.Background()
	keep := time.Duration(0)
	f := open(t, memkv.New(), store.Options{Retention: func(store.AccountID, store.Role) time.Duration { return keep }})
	h := f.account()
	for i := range 3 {
		f.add(h, "Trash", message(i), store.AddOptions{})
		f.clock.add(10 * day)
	}
	keep = 15 * day
	for range 2 {
		f.clock.add(25 * time.Hour)
		if _, err := f.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.box(h, "Trash").Len(); n != 1 {
		t.Errorf("Trash has %d messages, want 1", n)
	}
}
