package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// The owner is told once each time that the use crosses a level upwards.
func TestQuotaWarnings(t *testing.T) {
	var told []int
	broken := true
	f := open(t, memkv.New(), store.Options{Warn: func(_ context.Context, w store.Warning) error {
		if broken {
			return errors.New("not now")
		}
		told = append(told, w.Level)
		return nil
	}})
	h := f.account()
	body := "Subject: x\r\n\r\n" + strings.Repeat("x", 984) + "\r\n" // 1000 octets
	f.update(h, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Octets: 100_000}) })
	fill := func(n int) {
		for range n {
			f.add(h, "INBOX", body, store.AddOptions{})
		}
	}
	drop := func(n int) {
		inbox := f.box(h, "INBOX")
		f.update(h, func(tx *store.Tx) error {
			_, err := tx.Expunge(inbox.ID(), []store.UIDRange{{Lo: inbox.At(0).UID, Hi: inbox.At(n - 1).UID}})
			return err
		})
	}
	sweep := func(fails bool) {
		t.Helper()
		f.clock.add(time.Minute)
		if _, err := f.Sweep(context.Background()); (err != nil) != fails {
			t.Fatal(err)
		}
	}
	want := func(levels ...int) {
		t.Helper()
		if fmt.Sprint(told) != fmt.Sprint(levels) {
			t.Errorf("told of %v, want %v", told, levels)
		}
	}
	fill(79)
	sweep(false)
	fill(1)
	sweep(true)
	broken = false
	sweep(false)
	want(80)
	if got := h.View().Full(); got != 80 {
		t.Errorf("%d %% full", got)
	}
	drop(1)
	fill(1)
	sweep(false) // hovering about the level is no news
	want(80)
	fill(17) // two levels at once
	sweep(false)
	want(80, 95)
	drop(30)
	sweep(false)
	fill(20)
	sweep(false)
	want(80, 95, 80)
	f.update(h, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{}) })
	sweep(false)
	want(80, 95, 80)
}

func TestFullSince(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	first, err := h.NoteFull(context.Background())
	if err != nil || !first.Equal(f.clock.now()) {
		t.Fatal(first, err)
	}
	f.clock.add(time.Hour)
	if again, err := h.NoteFull(context.Background()); err != nil || !again.Equal(first) {
		t.Error(again, err)
	}
	f.add(h, "INBOX", message(1), store.AddOptions{}) // APPEND is not mail that comes
	if again, _ := h.NoteFull(context.Background()); !again.Equal(first) {
		t.Error(again)
	}
	f.add(h, "INBOX", message(2), store.AddOptions{Queue: f.NewQueueID(), Recipient: "a"})
	if again, _ := h.NoteFull(context.Background()); !again.Equal(f.clock.now()) {
		t.Error(again)
	}
}
