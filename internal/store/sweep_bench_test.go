package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
	"restante/internal/store/retention"
)

// BenchmarkSweep measures sweeps of 100,000 due messages of one account, on disk: releases to Trash, the retention of Trash, and erasure; and how long
// somebody else who writes to the account has to wait at most meanwhile.
func BenchmarkSweep(b *testing.B) {
	const n = 100_000
	engine, err := pebblekv.Open(pebblekv.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	ctx := context.Background()
	device := store.POPDevice{ID: 1, Policy: retention.Default(), ForPOP: true}
	f := open(b, engine, store.Options{
		POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) {
			return []store.POPDevice{device}, nil
		},
		Retention: func(r store.Role) time.Duration {
			if r == store.RoleTrash {
				return 30 * day
			}
			return 0
		},
	})
	device.Created = f.clock.now()
	h := f.account()
	for b.Loop() {
		ids := fillInbox(f, h, n)
		if err := h.Take(ctx, store.Origin{Device: 1, Protocol: store.ProtocolPOP3}, 1, ids); err != nil {
			b.Fatal(err)
		}
		for _, what := range []string{"release", "retention", "erase"} {
			f.clock.add(31 * day)
			wait := disturb(b, f, h, func() {
				begin := time.Now()
				if _, err := f.Sweep(ctx); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(begin).Seconds(), what+"-s")
			})
			b.ReportMetric(float64(wait.Milliseconds()), what+"-wait-ms")
		}
	}
}

func fillInbox(f *fixture, h *store.Account, n int) (ids []store.MessageID) {
	inbox, body := f.box(h, "INBOX").ID(), f.body(message(1))
	for range n / 1000 {
		f.update(h, func(tx *store.Tx) error {
			ids = ids[:len(ids):len(ids)]
			for range 1000 {
				a, err := tx.AddMessage(inbox, body, store.AddOptions{})
				if err != nil {
					return err
				}
				ids = append(ids, a.Message)
			}
			return nil
		})
	}
	return ids
}

// disturb writes to the account while fn runs, and returns how long that has taken at most.
func disturb(b *testing.B, f *fixture, h *store.Account, fn func()) (longest time.Duration) {
	b.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			begin := time.Now()
			_, err := h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
				return tx.SetAnnotation(0, h.ID(), "/comment", []byte{byte(i)})
			})
			if err != nil {
				b.Error(err)
			}
			longest = max(longest, time.Since(begin))
		}
	})
	fn()
	close(stop)
	wg.Wait()
	return longest
}
