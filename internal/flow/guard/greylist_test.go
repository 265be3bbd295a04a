package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
	"restante/internal/trust/dkim"
	"restante/internal/trust/spf"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), memkv.New(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestGreylist runs testdata/greylist (go test -args -rewrite writes the answers anew): "mail" is an attempt (peer=, from=, to= account numbers), "accepted" is
// mail that was taken (spf, dkim=DOMAIN), "wait" lets time pass, "restart" opens the same rows again.
func TestGreylist(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	z := dnstest.New(t, "known.example TXT v=spf1 ip4:192.0.2.0/24 ip4:203.0.113.0/24 -all")
	o := Options{Host: "mx.example.org", Resolver: z, Clock: func() time.Time { return now }, Allow: []netip.Prefix{netip.MustParsePrefix("198.51.100.64/26")}}
	o.Greylist = &Greylist{Delay: time.Minute, Keep: 36 * 24 * time.Hour, Store: openStore(t), Wrote: func(_ context.Context, id store.AccountID, a addr.Address) (bool, error) {
		return id == 7 && a.String() == "friend@far.example", nil
	}}
	g := New(o)
	datadriven.RunTest(t, "testdata/greylist", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "wait":
			span, err := time.ParseDuration(d.CmdArgs[0].Key)
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(span)
			return "ok"
		case "restart":
			g = New(o)
			return "ok"
		}
		e := envelope(t, d)
		if err := g.Sender(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if d.Cmd == "accepted" {
			r := &flow.Received{Envelope: *e, Evidence: flow.Evidence{Door: e.Client, SPF: &spf.Result{Status: spf.Fail}}}
			for _, a := range d.CmdArgs {
				switch a.Key {
				case "spf":
					r.SPF.Status = spf.Pass
				case "dkim":
					r.DKIM = append(r.DKIM, dkim.Result{Status: dkim.Pass, Domain: addr.Domain(a.Vals[0])})
				}
			}
			g.Accepted(t.Context(), r)
			return "ok"
		}
		var out strings.Builder
		accounts := "1"
		d.MaybeScanArgs(t, "to", &accounts)
		for n := range strings.SplitSeq(accounts, "+") {
			var id store.AccountID
			fmt.Sscan(n, &id)
			err := g.Meet(t.Context(), e, &flow.Recipient{Accounts: []flow.Account{{ID: id}}})
			var said *flow.Refusal
			switch {
			case err == nil:
				fmt.Fprintf(&out, "%s: welcome\n", n)
			case errors.As(err, &said) && errors.Is(err, ErrGreylisted):
				fmt.Fprintf(&out, "%s: %s\n", n, said.Text)
			default:
				t.Fatal(err)
			}
		}
		return out.String()
	})
}

// TestMemory holds a memory to what it promises: what was put down within life is there unless half of max others came since, and there are never more than
// max rows.
func TestMemory(t *testing.T) {
	const most, life = 20, time.Hour
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		s, err := store.Open(ctx, memkv.New(), store.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		now := time.Unix(1_700_000_000, 0)
		m := &memory{store: s, name: "test", max: most, life: life}
		type noted struct {
			key string
			at  time.Time
		}
		var log []noted // the last of each, oldest first
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 900).Draw(rt, "seconds")) * time.Second)
			key := fmt.Sprint("k", rapid.IntRange(0, 30).Draw(rt, "key"))
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				m = &memory{store: s, name: "test", max: most, life: life}
			}
			if rapid.Bool().Draw(rt, "put") {
				if err := m.put(ctx, key, now, now); err != nil {
					rt.Fatal(err)
				}
				log = append(slices.DeleteFunc(log, func(n noted) bool { return n.key == key }), noted{key, now})
			}
			rows := 0
			if err := s.Rows(ctx, store.SendingRows, "grey/", func(string, []byte) error { rows++; return nil }); err != nil || rows > most+2 {
				rt.Fatalf("%d rows, %v", rows, err)
			}
			for i, n := range log {
				if len(log)-i > most/2 || now.Sub(n.at) >= life {
					continue
				}
				if got, err := m.get(ctx, n.key, now); err != nil || !got.Equal(n.at) {
					rt.Fatalf("%s: %v %v, want %v", n.key, got, err, n.at)
				}
			}
		}
	})
}

// TestTogether has many clients come at once: the counts are right, and what one of them is remembered for is not lost.
func TestTogether(t *testing.T) {
	const clients = 32
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	g := New(Options{Clock: func() time.Time { return now }, Limits: Limits{Messages: 10}, Greylist: &Greylist{Delay: time.Minute, Keep: time.Hour, Max: 1000, Store: openStore(t)}})
	attempt := func() (greylisted, busy, welcome int) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range clients {
			wg.Go(func() {
				e := &flow.Envelope{Session: flow.Session{Peer: netip.AddrFrom4([4]byte{192, 0, byte(i % 4), 1}), Hello: "a.example"}}
				err := g.Sender(t.Context(), e)
				if err == nil {
					err = g.Meet(t.Context(), e, &flow.Recipient{Accounts: []flow.Account{{ID: 1}}})
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					welcome++
				case errors.Is(err, ErrGreylisted):
					greylisted++
				case errors.Is(err, ErrMessages):
					busy++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return greylisted, busy, welcome
	}
	if a, b, c := attempt(); a != clients || b != 0 || c != 0 {
		t.Errorf("first: %d greylisted, %d too many, %d welcome", a, b, c)
	}
	if a, b, c := attempt(); a != 8 || b != 24 || c != 0 { // two more of each address
		t.Errorf("at once: %d greylisted, %d too many, %d welcome", a, b, c)
	}
	now = now.Add(time.Minute)
	if a, b, c := attempt(); a != 0 || b != 0 || c != clients {
		t.Errorf("later: %d greylisted, %d too many, %d welcome", a, b, c)
	}
}
