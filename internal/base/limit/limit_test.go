package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/limit"
)

var (
	office = netip.MustParseAddr("192.0.2.1")
	home   = netip.MustParseAddr("198.51.100.7")
)

// clock is a settable time.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newGuard() (*limit.Guard, *clock) {
	c := &clock{time.Unix(1e9, 0)}
	return limit.NewGuard(limit.GuardOptions{Now: c.now}), c
}

// check is "refused" or the delay.
func check(g *limit.Guard, account string, from netip.Addr) string {
	wait, err := g.Check(account, from)
	if errors.Is(err, limit.ErrRefused) {
		return "refused"
	}
	return wait.String()
}

func wants(t *testing.T, g *limit.Guard, account string, from netip.Addr, want string) {
	t.Helper()
	if got := check(g, account, from); got != want {
		t.Errorf("%s from %s: %s, want %s", account, from, got, want)
	}
}

func TestGuardDelayGrowsThenRefuses(t *testing.T) {
	g, c := newGuard()
	for i, want := range []string{"0s", "500ms", "1s", "2s", "4s", "8s", "15s", "15s", "15s", "15s", "15s", "15s", "refused"} {
		wants(t, g, "tim", office, want)
		if i < 12 {
			g.Failed("tim", office)
		}
	}
	wants(t, g, "tim", home, "0s") // elsewhere the owner gets in
	wants(t, g, "ann", office, "0s")
	c.t = c.t.Add(15 * time.Minute)
	wants(t, g, "tim", office, "15s")
	c.t = c.t.Add(time.Hour)
	wants(t, g, "tim", office, "0s")
}

func TestGuardSuccessClearsThePair(t *testing.T) {
	g, _ := newGuard()
	for range 3 {
		g.Failed("tim", office)
	}
	g.Succeeded("tim", office)
	wants(t, g, "tim", office, "0s")
}

func TestGuardAddressOverManyAccounts(t *testing.T) {
	g, _ := newGuard()
	for i := range 20 {
		g.Failed(fmt.Sprint("user", i), office)
	}
	wants(t, g, "other", office, "0s") // all free
	g.Failed("user", office)
	wants(t, g, "other", office, "500ms")
	g.Succeeded("own", office) // an account of the guesser's own does not help him
	wants(t, g, "other", office, "500ms")
	for i := range 11 {
		g.Failed(fmt.Sprint("more", i), office)
	}
	wants(t, g, "other", office, "refused")
	wants(t, g, "other", home, "0s")
}

func TestGuardAccountFromManyAddresses(t *testing.T) {
	g, _ := newGuard()
	g.Succeeded("tim", home)
	for i := range 1000 {
		g.Failed("tim", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	wants(t, g, "tim", office, "15s") // slow, never refused
	wants(t, g, "tim", home, "0s")    // known there
}

func TestGuardIPv6BySlash64(t *testing.T) {
	g, _ := newGuard()
	g.Failed("tim", netip.MustParseAddr("2001:db8::1"))
	wants(t, g, "tim", netip.MustParseAddr("2001:db8::ffff:2"), "500ms")
	wants(t, g, "tim", netip.MustParseAddr("2001:db8:0:1::1"), "0s")
	g.Failed("ann", netip.MustParseAddr("::ffff:192.0.2.1"))
	wants(t, g, "ann", office, "500ms")
}

func TestGuardWithoutAddress(t *testing.T) {
	g, _ := newGuard()
	for range 21 {
		g.Failed("tim", netip.Addr{})
	}
	wants(t, g, "tim", netip.Addr{}, "500ms")
	wants(t, g, "ann", netip.Addr{}, "0s")
}

func TestGuardForgetsUnderAFlood(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g := limit.NewGuard(limit.GuardOptions{Now: c.now, Size: 100})
	for i := range 10000 {
		g.Failed(fmt.Sprint(i), office)
		if i == 5000 {
			g.Failed("old", home)
		}
	}
	wants(t, g, "old", home, "0s")         // forgotten
	wants(t, g, "9999", office, "refused") // the flooder is not
}

func TestNilLimitsNothing(t *testing.T) {
	var g *limit.Guard
	g.Failed("tim", office)
	g.Succeeded("tim", office)
	wants(t, g, "tim", office, "0s")
	var r *limit.Rate
	if !r.Allow(office) {
		t.Error("a nil Rate refuses")
	}
	var m *limit.Memory
	release, err := m.Acquire(context.Background(), 1<<40)
	if err != nil {
		t.Error(err)
	}
	release()
}

func TestRate(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	r := limit.NewRate(limit.RateOptions{Every: time.Second, Burst: 3, Now: c.now})
	allowed := func() (n int) {
		for r.Allow(office) {
			n++
		}
		return n
	}
	if n := allowed(); n != 3 {
		t.Errorf("%d at once, want 3", n)
	}
	if !r.Allow(home) || !r.Allow(netip.Addr{}) {
		t.Error("one network's rate is another's")
	}
	c.t = c.t.Add(2 * time.Second)
	if n := allowed(); n != 2 {
		t.Errorf("%d after 2 s, want 2", n)
	}
	c.t = c.t.Add(time.Hour)
	if n := allowed(); n != 3 {
		t.Errorf("%d after an hour, want 3", n)
	}
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := limit.NewMemory(100)
		first, err := m.Acquire(t.Context(), 60)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Acquire(short, 60); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("120 of 100 octets: %v", err)
		}
		first()
		all, err := m.Acquire(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		all()
	})
}

func TestConcurrent(t *testing.T) {
	g := limit.NewGuard(limit.GuardOptions{Size: 50})
	r := limit.NewRate(limit.RateOptions{Every: time.Second, Size: 50})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				name, from := fmt.Sprint(j%70), netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j)})
				g.Check(name, from)
				g.Failed(name, from)
				g.Succeeded(name, from)
				r.Allow(from)
			}
		})
	}
	wg.Wait()
}
