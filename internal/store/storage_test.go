package store_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"restante/internal/store"
	"restante/internal/store/retention"
)

func (d *drops) storage(o store.StorageOptions) store.StorageReport {
	d.t.Helper()
	r, err := d.h.Storage(context.Background(), o)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// mailFrom makes a message of a size, which is at least 100 octets.
func mailFrom(sender string, size int) string {
	head := fmt.Sprintf("From: %s\r\nSubject: of %d octets\r\n\r\n", sender, size)
	return head + strings.Repeat("x", size-len(head)-2) + "\r\n"
}

func TestStorage(t *testing.T) {
	d := newDrops(t, asIs)
	d.add(d.h, "INBOX", mailFrom("Ann <Ann@Example.ORG>", 3000), store.AddOptions{})
	d.add(d.h, "INBOX", mailFrom("ann@example.org", 2000), store.AddOptions{Flags: store.Flagged})
	d.add(d.h, "INBOX", mailFrom("list: x@y.test, z@y.test;", 4000), store.AddOptions{})
	junk := d.add(d.h, "Junk", mailFrom("spam@bücher.example", 1000), store.AddOptions{})
	gone := d.add(d.h, "Junk", "Subject: nobody\r\n\r\n", store.AddOptions{})
	d.clock.add(8 * day)
	d.add(d.h, "Junk", mailFrom("spam@xn--bcher-kva.example", 500), store.AddOptions{})
	if _, err := d.h.Copy(t.Context(), store.Origin{}, d.box(d.h, "Junk"), []store.UIDRange{{Lo: junk.UID, Hi: junk.UID}}, d.box(d.h, "Archive").ID()); err != nil {
		t.Fatal(err)
	}
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Expunge(d.box(d.h, "Junk").ID(), []store.UIDRange{{Lo: gone.UID, Hi: gone.UID}})
		return err
	})
	r := d.storage(store.StorageOptions{Top: 3})
	var got strings.Builder
	fmt.Fprintf(&got, "%d octets in %d messages\n", r.Used.Octets, r.Used.Messages)
	for _, m := range r.Mailboxes {
		fmt.Fprintf(&got, "%s: %d %d, %v, %d in 7 days, %d in 30\n", m.Path, m.Messages, m.Octets, m.Retention.For, m.Leaving7.Octets, m.Leaving30.Octets)
	}
	for _, m := range r.Largest {
		fmt.Fprintf(&got, "%d in %s, UID %d, %q from %s\n", m.Size, m.Mailbox, m.UID, m.Subject, m.From)
	}
	for _, s := range r.Senders {
		fmt.Fprintf(&got, "%s: %d %d\n", s.Address, s.Messages, s.Octets)
	}
	fmt.Fprintf(&got, "%d senders, %d removed with %d octets until %v\n", r.SenderCount, r.Removed.Messages, r.Removed.Octets, r.Removed.Last.UTC().Format(time.DateOnly))
	for _, h := range r.Helps() {
		fmt.Fprintf(&got, "%d %s: %d\n", h.Kind, h.Name, h.Octets)
	}
	want := `10500 octets in 5 messages
INBOX: 3 9000, 0s, 0 in 7 days, 0 in 30
Drafts: 0 0, 0s, 0 in 7 days, 0 in 30
Sent: 0 0, 0s, 0 in 7 days, 0 in 30
Junk: 2 1500, 336h0m0s, 1000 in 7 days, 1500 in 30
Trash: 0 0, 720h0m0s, 0 in 7 days, 0 in 30
Archive: 1 1000, 0s, 0 in 7 days, 0 in 30
4000 in INBOX, UID 3, "of 4000 octets" from x@y.test
3000 in INBOX, UID 1, "of 3000 octets" from ann@example.org
2000 in INBOX, UID 2, "of 2000 octets" from ann@example.org
ann@example.org: 2 5000
x@y.test: 1 4000
spam@xn--bcher-kva.example: 2 1500
3 senders, 1 removed with 19 octets until 2026-12-30
2 ann@example.org: 5000
0 Junk: 1500
`
	if diff := gocmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// TestErasedSenderIsForgotten: what was erased now is in no row of the account.
func TestErasedSenderIsForgotten(t *testing.T) {
	d := newDrops(t)
	a := d.add(d.h, "INBOX", mailFrom("secret@example.org", 200), store.AddOptions{})
	d.update(d.h, func(tx *store.Tx) error {
		_, err := tx.Expunge(d.box(d.h, "INBOX").ID(), []store.UIDRange{{Lo: a.UID, Hi: a.UID}})
		return err
	})
	if _, err := d.h.EraseRemoved(t.Context(), idsOf(d.removed(store.RemovedFilter{}))); err != nil {
		t.Fatal(err)
	}
	if r := d.storage(store.StorageOptions{}); r.SenderCount != 0 || len(r.Largest) != 0 || r.Removed != (store.RemovedUse{}) {
		t.Errorf("%+v", r)
	}
}

// TestStorageOfRandomAccounts holds the report against what the messages themselves say, one by one.
func TestStorageOfRandomAccounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDrops(t)
		for i := range rapid.IntRange(0, 4).Draw(rt, "devices") {
			p := store.POPDevice{ID: store.DeviceID(i + 1), Policy: retention.Default(), Created: d.clock.now(), ForPOP: rapid.Bool().Draw(rt, "forpop")}
			p.Policy.Keep = rapid.SampledFrom([]retention.Keep{0, retention.Keep(3 * day), retention.Keep(30 * day), retention.KeepForever}).Draw(rt, "keep")
			p.Policy.Then = retention.Then(rapid.IntRange(0, 2).Draw(rt, "then"))
			p.Policy.WaitFor = retention.WaitFor(rapid.IntRange(0, 1).Draw(rt, "wait"))
			p.Policy.Shared = rapid.Bool().Draw(rt, "shared")
			p.Policy.Scope = rapid.SampledFrom([]retention.Scope{retention.ScopeInbox, retention.ScopeAllMail}).Draw(rt, "scope")
			if rapid.Bool().Draw(rt, "floor") {
				p.Floor = d.clock.now().Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "days")) * day)
			}
			d.devices = append(d.devices, p)
		}
		var ids []store.MessageID
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			d.randomStep(rt, &ids)
		}
		d.compareStorage(rt, ids)
	})
}

func (d *drops) randomStep(rt *rapid.T, ids *[]store.MessageID) {
	d.clock.add(time.Duration(rapid.IntRange(0, 60).Draw(rt, "hours")) * time.Hour)
	box := rapid.SampledFrom([]string{"INBOX", "INBOX", "Archive", "Junk", "Trash"}).Draw(rt, "box")
	uids := []store.UIDRange{{Lo: store.UID(rapid.Uint32Range(1, 9).Draw(rt, "lo")), Hi: store.UID(rapid.Uint32Range(1, 9).Draw(rt, "hi"))}}
	ctx, m := context.Background(), d.box(d.h, box)
	var err error
	switch rapid.IntRange(0, 5).Draw(rt, "op") {
	case 0, 1:
		sender := rapid.SampledFrom(someSenders).Draw(rt, "from")
		for range rapid.SampledFrom([]int{1, 5, 70}).Draw(rt, "n") {
			*ids = append(*ids, d.add(d.h, box, mailFrom(sender, rapid.IntRange(100, 3000).Draw(rt, "size")), store.AddOptions{Internal: d.clock.now()}).Message)
		}
	case 2:
		flag := rapid.SampledFrom([]store.Flags{store.Flagged, store.Answered, store.Seen}).Draw(rt, "flag")
		_, _, err = d.h.SetFlags(ctx, store.Origin{}, m, uids, store.FlagChange{Mode: store.FlagsAdd, Flags: flag})
	case 3:
		_, err = d.h.Copy(ctx, store.Origin{}, m, uids, d.box(d.h, "Archive").ID())
	case 4:
		_, err = d.h.Expunge(ctx, store.Origin{}, m, uids)
	case 5:
		if len(d.devices) > 0 && len(*ids) > 0 {
			at := rapid.IntRange(0, len(*ids)-1).Draw(rt, "first")
			d.take(store.DeviceID(rapid.IntRange(1, len(d.devices)).Draw(rt, "device")), (*ids)[at:min(len(*ids), at+20)])
		}
	}
	if err != nil {
		rt.Fatal(err)
	}
}

func (d *drops) compareStorage(rt *rapid.T, ids []store.MessageID) {
	r := d.storage(store.StorageOptions{Top: 5})
	sizes := make(map[store.MessageID]uint64)
	for _, m := range d.h.View().Mailboxes() {
		var in7, in30 store.Sum
		rule, _ := m.Retention()
		for e := range d.box(d.h, m.Path()).All() {
			sizes[e.Message] = e.Size
			left := e.Saved + rule.For.Milliseconds() - d.clock.now().UnixMilli()
			if rule.For > 0 && e.Flags&store.Flagged == 0 && left <= (30*day).Milliseconds() {
				in30.Messages, in30.Octets = in30.Messages+1, in30.Octets+e.Size
				if left <= (7 * day).Milliseconds() {
					in7.Messages, in7.Octets = in7.Messages+1, in7.Octets+e.Size
				}
			}
		}
		i := slices.IndexFunc(r.Mailboxes, func(u store.MailboxUse) bool { return u.ID == m.ID() })
		if u := r.Mailboxes[i]; u.Leaving7 != in7 || u.Leaving30 != in30 || u.Messages != m.Len() || u.Octets != m.Bytes() {
			rt.Fatalf("%+v, want %v and %v to leave", u, in7, in30)
		}
	}
	d.compareLargest(rt, &r, sizes)
	releases, err := d.h.Releases(context.Background(), nil, ids)
	if err != nil {
		rt.Fatal(err)
	}
	want := make(map[store.ReleaseDay]store.Sum)
	for _, rel := range releases {
		if rel.Reason == retention.Released {
			at := rel.At
			if at.Before(d.clock.now()) {
				at = d.clock.now()
			}
			key := store.ReleaseDay{Day: at.UTC().Truncate(day), Then: rel.Then}
			sum := want[key]
			want[key] = store.Sum{Messages: sum.Messages + 1, Octets: sum.Octets + sizes[rel.Message]}
		}
	}
	got := make(map[store.ReleaseDay]store.Sum)
	for _, day := range r.Releases {
		got[store.ReleaseDay{Day: day.Day, Then: day.Then}] = day.Sum
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		rt.Fatal("releases: ", diff)
	}
}

func (d *drops) compareLargest(rt *rapid.T, r *store.StorageReport, sizes map[store.MessageID]uint64) {
	var order []store.MessageID
	total := uint64(0)
	for id, size := range sizes {
		order = append(order, id)
		total += size
	}
	if r.Used.Octets != total || r.Used.Messages != uint64(len(sizes)) {
		rt.Fatalf("%+v, want %d octets", r.Used, total)
	}
	slices.SortFunc(order, func(a, b store.MessageID) int { return cmp.Compare(sizes[b], sizes[a]) })
	if len(r.Largest) != min(5, len(order)) {
		rt.Fatalf("%d of the largest", len(r.Largest))
	}
	for i, m := range r.Largest {
		if m.Size != sizes[order[i]] || m.Size != sizes[m.ID] {
			rt.Fatalf("number %d of the largest is %+v", i, m)
		}
	}
	sum := uint64(0)
	for _, s := range r.Senders {
		sum += s.Octets
	}
	if r.SenderCount <= 5 && sum != total {
		rt.Fatalf("senders have %d octets, want %d", sum, total)
	}
}
