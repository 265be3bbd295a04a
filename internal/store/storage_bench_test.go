package store_test

import (
	"context"
	"fmt"
	"testing"

	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
	"restante/internal/store/retention"
)

// crowd is an account of many small messages from ten thousand senders, half of them taken by a POP device whose rule ends, on disk. It is opened anew:
// nothing of it is in memory.
func crowd(b *testing.B, n int) (*fixture, *store.Account) {
	engine, err := pebblekv.Open(pebblekv.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close() })
	device := store.POPDevice{ID: 1, Policy: retention.Default(), ForPOP: true}
	opts := store.Options{POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) {
		return []store.POPDevice{device}, nil
	}}
	f := open(b, engine, opts)
	device.Created = f.clock.now()
	h := f.account()
	bodies := make([]*store.Body, 10_000)
	for i := range bodies {
		bodies[i] = f.body(fmt.Sprintf("From: Sender <s%d@example.org>\r\nSubject: message number %d\r\n\r\nx\r\n", i, i))
	}
	inbox := f.box(h, "INBOX").ID()
	var ids []store.MessageID
	for i := 0; i < n; i += 1000 {
		f.update(h, func(tx *store.Tx) error {
			for j := range 1000 {
				a, err := tx.AddMessage(inbox, bodies[(i+j)%len(bodies)], store.AddOptions{})
				if err != nil {
					return err
				}
				if j%2 == 0 {
					ids = append(ids, a.Message)
				}
			}
			return nil
		})
	}
	if err := h.Take(context.Background(), store.Origin{Device: 1, Protocol: store.ProtocolPOP3}, 1, ids); err != nil {
		b.Fatal(err)
	}
	id := h.ID()
	h.Close()
	f.Close()
	again := open(b, engine, opts)
	return again, again.handle(id)
}

func BenchmarkStorage(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, h := crowd(b, n)
			cpu := cpuSeconds()
			for b.Loop() {
				r, err := h.Storage(context.Background(), store.StorageOptions{})
				if err != nil || r.SenderCount != 10_000 || len(r.Releases) != 1 || r.Releases[0].Messages != n/2 {
					b.Fatalf("%+v, %v", r, err)
				}
			}
			b.ReportMetric((cpuSeconds()-cpu)*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}
