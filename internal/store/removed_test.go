package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/retention"
)

func (d *drops) removed(f store.RemovedFilter) (list []store.RemovedMessage) {
	d.t.Helper()
	err := d.h.Removed(context.Background(), f, func(m store.RemovedMessage) error {
		list = append(list, m)
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func idsOf(list []store.RemovedMessage) (ids []store.RemovedID) {
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestRemovedComesBackAsItWas(t *testing.T) {
	d := newDrops(t, asIs)
	internal := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	var before store.Added
	d.update(d.h, func(tx *store.Tx) error { _, err := tx.CreateMailbox("Projects/old", store.RoleNone); return err })
	before = d.add(d.h, "Projects/old", message(1), store.AddOptions{Flags: store.Answered | store.Deleted, Keywords: []string{"work"}, Internal: internal})
	used := d.h.View().Used()
	d.update(d.h, func(tx *store.Tx) error {
		id, err := tx.Lookup("Projects/old")
		if err != nil {
			return err
		}
		return tx.DeleteMailbox(id)
	})
	list := d.removed(store.RemovedFilter{})
	if len(list) != 1 || list[0].Path != "Projects/old" || list[0].ID.Message != before.Message || list[0].Keywords[0] != "work" || list[0].Protocol != store.ProtocolIMAP {
		t.Fatalf("removed: %+v", list)
	}
	if now := d.h.View().Used(); now.Octets != 0 || now.Messages != 0 {
		t.Errorf("%+v is charged", now)
	}
	back, err := d.h.Restore(context.Background(), store.Origin{}, idsOf(list), "")
	if err != nil || len(back) != 1 {
		t.Fatal(back, err)
	}
	e := d.box(d.h, "Projects/old").At(0)
	if e.Message != before.Message || e.Flags != store.Answered || !store.InternalDate(e).Equal(internal) || e.Size != before.Size {
		t.Errorf("came back as %+v", e)
	}
	if now := d.h.View().Used(); now.Octets != used.Octets || now.Messages != 1 {
		t.Errorf("%+v is charged", now)
	}
	if d.read(d.h, before.Message) != message(1) {
		t.Error("the text is another one")
	}
	if again, err := d.h.Restore(context.Background(), store.Origin{}, idsOf(list), ""); err != nil || len(again) != 0 {
		t.Errorf("the second time: %v, %v", again, err)
	}
	d.later(40 * day)
	d.want("Projects/old", 1)
}

// What a rule has removed and somebody has put back is not removed again.
func TestReleasedComesBackToStay(t *testing.T) {
	d := newDrops(t, func(p *store.POPDevice) { p.Policy.Then = retention.ThenDelete })
	d.deliver(3)
	d.take(1, d.maildrop(1))
	since := d.clock.now()
	d.later(31 * day)
	d.want("INBOX", 0)
	if n := len(d.removed(store.RemovedFilter{Since: d.clock.now().Add(time.Second)})); n != 0 {
		t.Errorf("%d removed in the future", n)
	}
	list := d.removed(store.RemovedFilter{Since: since, Mailbox: "inbox"})
	if _, err := d.h.Restore(context.Background(), store.Origin{}, idsOf(list), ""); err != nil {
		t.Fatal(err)
	}
	if err := d.h.SettleDevices(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.later(60 * day)
	d.want("INBOX", 3)
}

func TestEraseRemoved(t *testing.T) {
	d := newDrops(t)
	added := d.add(d.h, "INBOX", message(1), store.AddOptions{})
	inbox := d.box(d.h, "INBOX")
	d.update(d.h, func(tx *store.Tx) error { _, err := tx.Expunge(inbox.ID(), everything()); return err })
	list := d.removed(store.RemovedFilter{Message: added.Message})
	if n, err := d.h.EraseRemoved(context.Background(), idsOf(list)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := d.h.Message(context.Background(), added.Message, 0); !errors.Is(err, store.ErrNoMessage) {
		t.Errorf("the message: %v", err)
	}
	done, err := d.Sweep(context.Background())
	if err != nil || done.Bodies != 1 {
		t.Errorf("swept %+v, %v", done, err)
	}
	if n, err := d.h.EraseRemoved(context.Background(), idsOf(list)); n != 0 || err != nil {
		t.Errorf("the second time: %d, %v", n, err)
	}
}
