package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// What is to be done at once is told, and not left to the next sweep by the clock: an owner who is to be warned.
func TestWarningIsDueAtOnce(t *testing.T) {
	told := 0
	f := open(t, memkv.New(), store.Options{Warn: func(context.Context, store.Warning) error { told++; return nil }})
	h := f.account()
	f.update(h, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Octets: 10_000}) })
	f.add(h, "INBOX", strings.Repeat("x", 7000)+"\r\n", store.AddOptions{})
	select {
	case <-f.Due():
		t.Error("something is due at 70 per cent")
	default:
	}
	f.add(h, "INBOX", strings.Repeat("x", 1500)+"\r\n", store.AddOptions{})
	select {
	case <-f.Due():
	default:
		t.Fatal("nothing is due at 85 per cent")
	}
	if _, err := f.Sweep(context.Background()); err != nil || told != 1 {
		t.Errorf("told %d times, %v", told, err)
	}
}

// New rules for more messages than one operation looks at are done in a row.
func TestSettlingGoesOn(t *testing.T) {
	d := newDrops(t, asIs, asIs)
	d.deliver(4500) // 71 pages of marks
	d.take(1, d.maildrop(1))
	d.later(40 * day)
	d.want("INBOX", 4500)
	d.device(2).Revoked = true
	if err := d.h.SettleDevices(context.Background()); err != nil {
		t.Fatal(err)
	}
	for n := 0; d.box(d.h, "INBOX").Len() > 0; n++ {
		select {
		case <-d.Due():
			d.later(0)
		default:
			t.Fatalf("after %d sweeps nothing is due, and INBOX has %d messages", n, d.box(d.h, "INBOX").Len())
		}
		d.clock.add(time.Millisecond)
	}
	d.want("INBOX", 0, "Trash", 4500)
}
