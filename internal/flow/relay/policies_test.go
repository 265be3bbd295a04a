package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
	"restante/internal/store/kv/pebblekv/crashtest"
	"restante/internal/trust/tlspolicy"
)

// policyWeb has policies, as long as it is there.
type policyWeb struct {
	away bool
	got  int
}

func (w *policyWeb) Get(context.Context, string, int) ([]byte, error) {
	w.got++
	if w.away {
		return nil, errors.New("the web server is away")
	}
	return []byte("version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 864000\n"), nil
}

// TestPoliciesSurvive: a process that is killed, and a machine whose power is cut, still hold other domains to what they have promised.
func TestPoliciesSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone := dnstest.New(t, "_mta-sts.example.net TXT v=STSv1; id=1")
		web := new(policyWeb)
		disk := crashtest.New()
		life := func() (sts tlspolicy.STS) {
			engine, err := disk.Open(crashtest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close()
			s, err := store.Open(t.Context(), engine, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			cache := tlspolicy.NewSTSCache(tlspolicy.STSOptions{Resolver: zone, Getter: web, Clock: time.Now, Store: NewPolicies(s, time.Now)})
			if sts, err = cache.Lookup(t.Context(), "example.net"); err != nil {
				t.Fatal(err)
			}
			disk = disk.Crash(nil) // before anything is closed
			return sts
		}
		if sts := life(); sts.Policy.Mode != tlspolicy.ModeEnforce {
			t.Fatal(sts)
		}
		// Somebody on the way now hides both the record and the web server (RFC 8461 10.2).
		web.away = true
		if err := zone.Set(""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * 24 * time.Hour)
		if sts := life(); sts.Policy.Mode != tlspolicy.ModeEnforce || sts.ID != "1" || web.got != 1 {
			t.Errorf("after the crash: %+v, %d fetches", sts, web.got)
		}
		time.Sleep(24 * time.Hour)
		if sts := life(); sts.Policy.Active() {
			t.Errorf("after its end: %+v", sts)
		}
	})
}

func TestPoliciesBounds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s, err := store.Open(t.Context(), memkv.New(), store.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := NewPolicies(s, clock)
	p.mu.rowsMax, p.mu.size = 100, 10_000
	put := func(i, size int) {
		t.Helper()
		if err := p.PutPolicy(t.Context(), fmt.Sprintf("d%d.example", i), []byte(strings.Repeat("x", size)), now.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (rows, octets int) {
		_ = s.Rows(t.Context(), store.SendingRows, policyRows, func(_ string, v []byte) error {
			rows, octets = rows+1, octets+len(v)
			return nil
		})
		return rows, octets
	}
	for i := range 1000 {
		put(i+1, 10)
	}
	if rows, _ := count(); rows > 100 || rows < 80 {
		t.Errorf("%d rows", rows)
	}
	if b, err := p.Policy(t.Context(), "d1000.example"); len(b) != 10 || err != nil {
		t.Error("the newest is gone")
	}
	put(2000, 9000) // as large as nobody's
	if rows, octets := count(); octets > 10_000 || rows == 0 {
		t.Errorf("%d rows, %d octets", rows, octets)
	}
	for range 5000 { // written again and again, it is one row
		put(2000, 100)
	}
	if rows, _ := count(); rows > 100 || rows < 1 {
		t.Errorf("%d rows", rows)
	}
	now = now.Add(1999 * time.Minute)
	if list, err := p.Domains(t.Context()); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, _ := count(); rows != 1 {
		t.Errorf("%d rows", rows)
	}
	now = now.Add(time.Hour)
	if b, err := p.Policy(t.Context(), "d2000.example"); b != nil || err != nil {
		t.Error("it has ended")
	}
}
