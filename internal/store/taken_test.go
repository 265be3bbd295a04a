package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
	"restante/internal/store/retention"
)

const day = 24 * time.Hour

// drops is a fixture with POP devices, whose rules a test changes as it likes.
type drops struct {
	*fixture
	h       *store.Account
	devices []store.POPDevice
}

func newDrops(t *testing.T, change ...func(*store.POPDevice)) *drops {
	return dropsIn(t, memkv.New(), change...)
}

func dropsIn(t *testing.T, engine kv.Engine, change ...func(*store.POPDevice)) *drops {
	d := new(drops)
	d.fixture = open(t, engine, store.Options{
		POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) { return d.devices, nil },
		Retention: func(r store.Role) time.Duration {
			switch r {
			case store.RoleJunk:
				return 14 * day
			case store.RoleTrash:
				return 30 * day
			}
			return 0
		},
	})
	for i, c := range change {
		p := store.POPDevice{ID: store.DeviceID(i + 1), Policy: retention.Default(), Created: d.clock.now(), ForPOP: true}
		c(&p)
		d.devices = append(d.devices, p)
	}
	d.h = d.account()
	return d
}

func asIs(*store.POPDevice) {}

func (d *drops) device(id store.DeviceID) *store.POPDevice { return &d.devices[id-1] }

// deliver puts n messages into INBOX and returns their ids.
func (d *drops) deliver(n int) []store.MessageID {
	var ids []store.MessageID
	for i := range n {
		ids = append(ids, d.add(d.h, "INBOX", message(i), store.AddOptions{Internal: d.clock.now()}).Message)
	}
	return ids
}

// maildrop is what a device is offered.
func (d *drops) maildrop(id store.DeviceID) (ids []store.MessageID) {
	d.t.Helper()
	ctx := context.Background()
	p := d.device(id)
	marks, err := d.h.Marks(ctx, p)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, m := range p.Maildrop(d.h.View()) {
		if err := m.Load(ctx); err != nil {
			d.t.Fatal(err)
		}
		for e := range m.All() {
			if !marks.Has(e.Message) && p.Offers(e) {
				ids = append(ids, e.Message)
			}
		}
	}
	return ids
}

// take downloads and deletes.
func (d *drops) take(id store.DeviceID, ids []store.MessageID) {
	d.t.Helper()
	ctx := context.Background()
	if err := d.h.NoteUse(ctx, id, store.Use{Protocol: store.ProtocolPOP3}); err != nil {
		d.t.Fatal(err)
	}
	if err := d.h.Take(ctx, store.Origin{Device: id, Protocol: store.ProtocolPOP3}, id, ids); err != nil {
		d.t.Fatal(err)
	}
}

// later lets time pass, then sweeps.
func (d *drops) later(t time.Duration) {
	d.t.Helper()
	d.clock.add(t)
	if _, err := d.Sweep(context.Background()); err != nil {
		d.t.Fatal(err)
	}
}

// want checks how many messages lie in mailboxes: want("INBOX", 3, "Trash", 0).
func (d *drops) want(list ...any) {
	d.t.Helper()
	for i := 0; i < len(list); i += 2 {
		if got := d.box(d.h, list[i].(string)).Len(); got != list[i+1] {
			d.t.Errorf("%s has %d messages, want %d", list[i], got, list[i+1])
		}
	}
}

func (d *drops) flag(path string, n int, c store.FlagChange) {
	box := d.box(d.h, path)
	uid := box.At(n).UID
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.SetFlags(box.ID(), []store.UIDRange{{Lo: uid, Hi: uid}}, c)
		return err
	})
}

// Scene B: two computers that delete what they download. Both get all; for the others it stays as long as the rules say, but for what is flagged.
func TestBothComputersGetAll(t *testing.T) {
	d := newDrops(t, asIs, asIs)
	ids := d.deliver(20)
	d.take(1, d.maildrop(1))
	if got := d.maildrop(1); len(got) != 0 {
		t.Errorf("the first is offered %v again", got)
	}
	if got := d.maildrop(2); len(got) != len(ids) {
		t.Errorf("the second is offered %d of %d", len(got), len(ids))
	}
	d.later(2 * day)
	d.take(2, d.maildrop(2))
	d.want("INBOX", 20, "Trash", 0)
	if got := d.box(d.h, "INBOX").Unseen(); got != 0 {
		t.Errorf("%d messages are not seen, though they have been taken", got)
	}
	d.flag("INBOX", 3, store.FlagChange{Flags: store.Flagged})
	d.flag("INBOX", 4, store.FlagChange{Keywords: []string{store.KeepKeyword}})
	d.later(27 * day)
	d.want("INBOX", 20)
	d.later(2 * day)
	d.want("INBOX", 2, "Trash", 18)
	d.later(31 * day)
	d.want("INBOX", 2, "Trash", 0)
}

// Scene C: one computer that leaves nothing.
func TestNothingIsKept(t *testing.T) {
	d := newDrops(t, func(p *store.POPDevice) { p.Policy.Keep, p.Policy.Then = retention.KeepNone, retention.ThenDelete })
	d.deliver(10)
	d.take(1, d.maildrop(1)[:7])
	d.want("INBOX", 3, "Trash", 0)
	if used := d.h.View().Used(); used.Messages != 3 || used.Octets != d.box(d.h, "INBOX").Bytes() {
		t.Errorf("%+v is charged", used)
	}
}

func TestWaitsForTheOtherComputer(t *testing.T) {
	d := newDrops(t, asIs, asIs)
	d.deliver(5)
	d.take(1, d.maildrop(1))
	d.later(60 * day)
	d.want("INBOX", 5)
	// The second has never come. After ninety days nobody waits any longer.
	d.take(1, nil)
	d.later(31 * day)
	d.want("INBOX", 0, "Trash", 5)
}

func TestRevokingSettles(t *testing.T) {
	d := newDrops(t, asIs, asIs)
	d.deliver(300)
	d.take(1, d.maildrop(1))
	d.later(40 * day)
	d.want("INBOX", 300)
	d.device(2).Revoked = true
	if err := d.h.SettleDevices(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.later(time.Minute)
	d.want("INBOX", 0, "Trash", 300)
}

func TestMovedOutOfInboxStays(t *testing.T) {
	d := newDrops(t, asIs)
	d.deliver(4)
	d.take(1, d.maildrop(1))
	in, to := d.box(d.h, "INBOX"), d.box(d.h, "Archive")
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Move(in.ID(), []store.UIDRange{{Lo: 1, Hi: 2}}, to.ID())
		return err
	})
	d.later(31 * day)
	d.want("INBOX", 0, "Archive", 2, "Trash", 2)
}

func TestScopeAndFloor(t *testing.T) {
	d := newDrops(t, func(p *store.POPDevice) { p.Floor = p.Created.Add(-day) }, func(p *store.POPDevice) { p.Policy.Scope = retention.ScopeAllMail })
	d.add(d.h, "INBOX", message(1), store.AddOptions{Internal: d.clock.now().Add(-2 * day)})
	d.add(d.h, "INBOX", message(2), store.AddOptions{})
	d.add(d.h, "Archive", message(3), store.AddOptions{})
	d.add(d.h, "Junk", message(4), store.AddOptions{})
	if got := d.maildrop(1); len(got) != 1 {
		t.Errorf("the first is offered %d messages", len(got))
	}
	if got := d.maildrop(2); len(got) != 3 {
		t.Errorf("the second is offered %d messages", len(got))
	}
}

func TestSharedView(t *testing.T) {
	shared := func(p *store.POPDevice) { p.Policy.Shared = true }
	d := newDrops(t, shared, shared, asIs)
	d.deliver(3)
	d.take(1, d.maildrop(1))
	if a, b := d.maildrop(2), d.maildrop(3); len(a) != 0 || len(b) != 3 {
		t.Errorf("those that share are offered %d, the other %d", len(a), len(b))
	}
}

func TestGivenBack(t *testing.T) {
	d := newDrops(t, asIs)
	ids := d.deliver(3)
	d.take(1, ids)
	if err := d.h.GiveBack(context.Background(), store.Origin{}, d.device(1), ids[1:]); err != nil {
		t.Fatal(err)
	}
	if got := d.maildrop(1); fmt.Sprint(got) != fmt.Sprint(ids[1:]) {
		t.Errorf("offered %v", got)
	}
	d.later(31 * day)
	d.want("INBOX", 2, "Trash", 1)
}

func TestDryRun(t *testing.T) {
	d := newDrops(t, asIs, asIs)
	ids := d.deliver(3)
	d.take(1, ids[:2])
	d.take(2, ids[:1])
	got, err := d.h.Releases(context.Background(), nil, ids)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if got[0].Reason != retention.Released || !got[0].At.Equal(d.clock.now().Add(30*day)) {
		t.Errorf("what both have taken: %+v", got[0])
	}
	if got[1].Reason != retention.Waiting || got[1].Device != 2 {
		t.Errorf("what one has taken: %+v", got[1])
	}
	// Under other rules, without changing anything.
	forever := append([]store.POPDevice(nil), d.devices...)
	forever[1].Policy.Keep = retention.KeepForever
	if got, err = d.h.Releases(context.Background(), forever, ids); err != nil || got[0].Reason != retention.Forever {
		t.Errorf("%+v, %v", got, err)
	}
	d.want("INBOX", 3)
}

func TestRetention(t *testing.T) {
	d := newDrops(t)
	for i := range 3 {
		d.add(d.h, "Junk", message(i), store.AddOptions{})
		d.clock.add(5 * day)
	}
	d.flag("Junk", 1, store.FlagChange{Flags: store.Flagged})
	d.later(0)
	d.want("Junk", 2) // the first is fifteen days old
	d.later(5 * day)
	d.want("Junk", 2) // the second is flagged
	d.later(5 * day)
	d.want("Junk", 1)
	d.flag("Junk", 0, store.FlagChange{Mode: store.FlagsRemove, Flags: store.Flagged})
	d.later(time.Hour)
	d.want("Junk", 0)

	for i := range 3 {
		d.add(d.h, "INBOX", message(i), store.AddOptions{})
	}
	d.flag("INBOX", 0, store.FlagChange{Flags: store.Seen})
	inbox := d.box(d.h, "INBOX").ID()
	d.update(d.h, func(tx *store.Tx) error { return tx.SetRetention(inbox, &store.Retention{For: day}) })
	d.later(25 * time.Hour)
	d.want("INBOX", 2) // nothing that nobody has seen expires
	if r, own := d.box(d.h, "INBOX").Retention(); !own || r.For != day {
		t.Errorf("retention %v, %v", r, own)
	}
	d.update(d.h, func(tx *store.Tx) error { return tx.SetRetention(inbox, nil) })
	if r, own := d.box(d.h, "INBOX").Retention(); own || r.For != 0 {
		t.Errorf("retention %v, %v", r, own)
	}
}
