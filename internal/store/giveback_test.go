package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/retention"
)

// TestUntake gives a device back what it has taken: what is there, what its rule has removed or moved, and what has left Trash since.
func TestUntake(t *testing.T) {
	for _, tc := range []struct {
		name string
		then retention.Then
	}{{"delete", retention.ThenDelete}, {"trash", retention.ThenTrash}, {"archive", retention.ThenArchive}} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := context.Background()
			d := newDrops(t, func(p *store.POPDevice) {
				p.Policy.Keep, p.Policy.Then = retention.Keep(10*day), tc.then
			})
			early := d.deliver(2)
			d.take(1, early)
			d.later(day)
			since := d.clock.now()
			d.clock.add(time.Hour)
			ids := d.deliver(5)
			d.take(1, ids[:4])
			// Somebody removes one of them, and moves another: they are left alone.
			d.update(d.h, func(tx *store.Tx) error {
				in, err := tx.Lookup("INBOX")
				if err != nil {
					return err
				}
				trash, err := tx.ByRole(store.RoleTrash)
				if err != nil {
					return err
				}
				if _, err := tx.Expunge(in, []store.UIDRange{{Lo: 3, Hi: 3}}); err != nil {
					return err
				}
				_, err = tx.Move(in, []store.UIDRange{{Lo: 4, Hi: 4}}, trash)
				return err
			})
			d.later(11 * day)
			d.want("INBOX", 1)
			if got := d.maildrop(1); !slices.Equal(got, ids[4:]) {
				t.Fatalf("it is offered %v", got)
			}
			if tc.then == retention.ThenTrash {
				d.later(31 * day) // and Trash empties itself
				d.want("Trash", 0)
			}
			back, err := d.h.Untake(ctx, store.Origin{}, d.device(1), since)
			if err != nil || len(back.Back) != 2 || back.Offered != 2 {
				t.Errorf("%+v, %v", back, err)
			}
			d.want("INBOX", 3)
			got := d.maildrop(1)
			slices.Sort(got)
			if want := ids[2:]; !slices.Equal(got, want) {
				t.Errorf("it is offered %v, want %v", got, want)
			}
			d.later(31 * day)
			d.want("INBOX", 3)
			if back, err = d.h.Untake(ctx, store.Origin{}, d.device(1), since); err != nil || len(back.Back) != 0 || back.Offered != 0 {
				t.Errorf("a second time: %+v, %v", back, err)
			}
		})
	}
}
