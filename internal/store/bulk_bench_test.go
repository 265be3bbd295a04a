package store_test

import (
	"context"
	"fmt"
	"testing"

	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
)

// BenchmarkBulk measures operations on 10,000 messages at once, on disk, in CPU a message.
func BenchmarkBulk(b *testing.B) {
	const n = 10_000
	engine, err := pebblekv.Open(pebblekv.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	f, ctx, o := open(b, engine, store.Options{}), context.Background(), store.Origin{}
	h := f.account()
	inbox, archive, trash := f.box(h, "INBOX").ID(), f.box(h, "Archive").ID(), f.box(h, "Trash").ID()
	for i := 0; i < n; i += 100 {
		var bodies []*store.Body
		for j := range 100 {
			bodies = append(bodies, f.body(message(i+j)))
		}
		f.update(h, func(tx *store.Tx) error {
			for _, body := range bodies {
				if _, err := tx.AddMessage(inbox, body, store.AddOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	cpu := make(map[string]float64)
	step := func(name string, do func() error) {
		begin := cpuSeconds()
		if err := do(); err != nil {
			b.Fatal(name, err)
		}
		cpu[name] += cpuSeconds() - begin
	}
	box := func(id store.MailboxID) *store.MailboxView {
		m, err := h.View().Mailbox(id)
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	store1 := func(mode store.FlagMode) func() error {
		return func() error {
			_, _, err := h.SetFlags(ctx, o, box(inbox), everything(), store.FlagChange{Mode: mode, Flags: store.Flagged})
			return err
		}
	}
	for b.Loop() {
		step("store", store1(store.FlagsAdd))
		step("store", store1(store.FlagsRemove))
		step("copy", func() error { _, err := h.Copy(ctx, o, box(inbox), everything(), archive); return err })
		step("move", func() error { _, err := h.Move(ctx, o, box(archive), everything(), trash); return err })
		step("expunge", func() error { _, err := h.Expunge(ctx, o, box(trash), everything()); return err })
	}
	cpu["store"] /= 2
	for name, s := range cpu {
		b.ReportMetric(s*1e6/float64(n)/float64(b.N), fmt.Sprintf("%s-us/msg", name))
	}
}

// BenchmarkRemove measures messages that come in a hundred at a time, and all go at once to recently removed, on disk, in CPU a message.
func BenchmarkRemove(b *testing.B) {
	const n = 10_000
	for _, senders := range []int{200, n} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			engine, err := pebblekv.Open(pebblekv.Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			f, ctx := open(b, engine, store.Options{}), context.Background()
			h := f.account()
			var bodies []*store.Body
			for i := range n {
				bodies = append(bodies, f.body(fmt.Sprintf("From: Sender <s%d@example.org>\r\nSubject: %d\r\n\r\nx\r\n", i%senders, i)))
			}
			var add, remove float64
			for b.Loop() {
				inbox := f.box(h, "INBOX")
				begin := cpuSeconds()
				for i := 0; i < n; i += 100 {
					f.update(h, func(tx *store.Tx) error {
						for _, body := range bodies[i : i+100] {
							if _, err := tx.AddMessage(inbox.ID(), body, store.AddOptions{}); err != nil {
								return err
							}
						}
						return nil
					})
				}
				add += cpuSeconds() - begin
				begin = cpuSeconds()
				if _, err := h.Expunge(ctx, store.Origin{}, f.box(h, "INBOX"), everything()); err != nil {
					b.Fatal(err)
				}
				remove += cpuSeconds() - begin
			}
			b.ReportMetric(add*1e6/float64(n)/float64(b.N), "add-us/msg")
			b.ReportMetric(remove*1e6/float64(n)/float64(b.N), "remove-us/msg")
		})
	}
}
