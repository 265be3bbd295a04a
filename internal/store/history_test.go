package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/store"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

func (d *drops) history(id store.MessageID) string {
	d.t.Helper()
	h, err := d.h.History(context.Background(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	var b strings.Builder
	names := []string{"", "arrived", "back", "copied", "moved", "flags", "taken", "removed", "left"}
	for _, e := range h.Events {
		fmt.Fprintf(&b, "%s %s %s<%s by %d/%d queue %d +%d -%d %v %v\n", e.At.UTC().Format("01-02"), names[e.Kind], e.Mailbox, e.From, e.Device, e.Protocol, e.Queue, e.Added, e.Cleared, e.Set, e.Unset)
	}
	for _, p := range h.Places {
		fmt.Fprintf(&b, "in %s, leaves %v, exempt %v\n", p.Mailbox, p.Leaves.UTC().Format("01-02"), p.Exempt)
	}
	if h.Release != nil {
		fmt.Fprintf(&b, "reason %d at %s\n", h.Release.Reason, h.Release.At.UTC().Format("01-02"))
	}
	for _, r := range h.Removed {
		fmt.Fprintf(&b, "until %s\n", r.Until.UTC().Format("01-02"))
	}
	if !h.Since.IsZero() {
		fmt.Fprintf(&b, "since %s\n", h.Since.UTC().Format("01-02"))
	}
	return b.String()
}

func TestHistory(t *testing.T) {
	d := newDrops(t, asIs)
	imap := store.Origin{Device: 7, Protocol: store.ProtocolIMAP}
	body := d.body(message(1))
	out := d.DeliverAll(t.Context(), store.Origin{Protocol: store.ProtocolLMTP}, body, []store.Delivery{{Account: d.h.ID(), Options: store.AddOptions{Queue: 99, Recipient: "r"}}})
	msg := out[0].Message
	other := d.deliver(1)[0]
	step := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
		d.clock.add(day)
	}
	d.clock.add(day)
	d.take(1, []store.MessageID{msg})
	d.clock.add(day)
	all := []store.UIDRange{{Lo: 1, Hi: 1}}
	_, _, err := d.h.SetFlags(t.Context(), imap, d.box(d.h, "INBOX"), all, store.FlagChange{Mode: store.FlagsAdd, Flags: store.Flagged, Keywords: []string{store.KeepKeyword}})
	step(err)
	_, err = d.h.Copy(t.Context(), imap, d.box(d.h, "INBOX"), all, d.box(d.h, "Archive").ID())
	step(err)
	_, err = d.h.Expunge(t.Context(), imap, d.box(d.h, "Archive"), everything())
	step(err)
	want := `11-22 arrived INBOX< by 0/2 queue 99 +0 -0 [] []
11-23 taken < by 1/4 queue 0 +0 -0 [] []
11-23 flags INBOX< by 1/4 queue 0 +1 -0 [] []
11-24 flags INBOX< by 7/3 queue 0 +4 -0 [$Keep] []
11-25 copied Archive<INBOX by 7/3 queue 0 +0 -0 [] []
11-26 removed Archive< by 7/3 queue 0 +0 -0 [] []
`
	if diff := cmp.Diff(want+"in INBOX, leaves 01-01, exempt false\nreason 3 at 01-01\n", d.history(msg)); diff != "" {
		t.Error(diff)
	}
	_, err = d.h.Move(t.Context(), imap, d.box(d.h, "INBOX"), all, d.box(d.h, "Trash").ID())
	step(err)
	_, err = d.h.Expunge(t.Context(), imap, d.box(d.h, "Trash"), everything())
	step(err)
	want += `11-27 moved Trash<INBOX by 7/3 queue 0 +0 -0 [] []
11-28 left Trash< by 7/3 queue 0 +0 -0 [] []
`
	if diff := cmp.Diff(want+"until 12-28\n", d.history(msg)); diff != "" {
		t.Error(diff)
	}
	_, err = d.h.Restore(t.Context(), imap, idsOf(d.removed(store.RemovedFilter{})), "")
	step(err)
	want = strings.ReplaceAll(want, "left Trash", "removed Trash") + "11-29 back Trash< by 7/3 queue 0 +0 -0 [] []\n"
	if diff := cmp.Diff(want+"in Trash, leaves 01-01, exempt true\n", d.history(msg)); diff != "" {
		t.Error(diff)
	}
	if err := d.h.TrimLog(t.Context(), d.h.View().ModSeq()-1); err != nil {
		t.Fatal(err)
	}
	want = "11-23 taken < by 1/4 queue 0 +0 -0 [] []\n11-29 back Trash< by 7/3 queue 0 +0 -0 [] []\nin Trash, leaves 01-01, exempt true\nsince 11-29\n"
	if diff := cmp.Diff(want, d.history(msg)); diff != "" {
		t.Error(diff)
	}
	for _, id := range []store.MessageID{0, other + 1, 1 << 60} {
		if _, err := d.h.History(t.Context(), id); !errors.Is(err, store.ErrNoMessage) {
			t.Errorf("message %d: %v", id, err)
		}
	}
	if found, err := d.h.ByMessageID(t.Context(), "none@x", 5); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// BenchmarkHistory reads a log of a million operations, all but one about other messages.
func BenchmarkHistory(b *testing.B) {
	f, h := crowd(b, 1000)
	batch := new(kv.Batch)
	first := h.View().ModSeq()
	for i := range 1_000_000 {
		c := keys.Change{Time: 1, Device: 3, Protocol: 3, Items: []keys.Item{{
			Class: keys.ClassMessage, Kind: keys.Updated, Mailbox: 1, UIDs: []keys.Range{{Lo: 9, Hi: 9}}, Messages: []keys.MessageID{keys.MessageID(i%900 + 9)}, Added: keys.Seen,
		}}}
		batch.Put(keys.ChangeKey(h.ID(), first+1+keys.ModSeq(i)), c.Encode())
		if len(batch.Set) == 20_000 {
			if err := f.engine.Commit(context.Background(), batch, kv.Lazy); err != nil {
				b.Fatal(err)
			}
			batch = new(kv.Batch)
		}
	}
	row, err := f.engine.Get(context.Background(), keys.OfAccount(keys.TableAccount, h.ID()))
	if err != nil {
		b.Fatal(err)
	}
	account, _ := keys.DecodeAccount(row)
	account.ModSeq += 1_000_000
	end := new(kv.Batch)
	end.RequireValue(keys.OfAccount(keys.TableAccount, h.ID()), row)
	end.Put(keys.OfAccount(keys.TableAccount, h.ID()), account.Encode())
	if err := f.engine.Commit(context.Background(), end, kv.Durable); err != nil {
		b.Fatal(err)
	}
	id := h.ID()
	h.Close()
	f.Close()
	f = open(b, f.engine, store.Options{})
	h = f.handle(id)
	cpu := cpuSeconds()
	for b.Loop() {
		if got, err := h.History(context.Background(), 1); err != nil || len(got.Events) != 3 {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric((cpuSeconds()-cpu)*1e3/float64(b.N), "cpu-ms/op")
}
