package guard

import (
	"errors"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"restante/internal/flow"
)

// clocked is a guard and its clock.
func clocked(l Limits) (*Guard, *time.Time) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	return New(Options{Limits: l, Greet: time.Second, Clock: func() time.Time { return now }}), &now
}

func from(ip string) *flow.Session {
	return &flow.Session{Peer: netip.MustParseAddr(ip), Hello: "a.example"}
}

// connects is how many connections in a row an address is allowed, up to a hundred.
func connects(t *testing.T, g *Guard, ip string) (n int) {
	t.Helper()
	for range 100 {
		greet, err := g.Connect(from(ip))
		if err != nil {
			if !errors.Is(err, ErrConnections) {
				t.Fatal(err)
			}
			return n
		}
		if n++; greet != time.Second {
			t.Fatalf("%s waits %v", ip, greet)
		}
	}
	return n
}

func TestConnections(t *testing.T) {
	g, now := clocked(Limits{Connections: 6})
	for _, c := range []struct {
		ip   string
		want int
	}{
		{"192.0.2.1", 6},
		{"::ffff:192.0.2.1", 0}, // the same
		{"192.0.2.2", 6}, {"192.0.2.3", 6},
		{"192.0.2.4", 6}, {"192.0.2.5", 0}, // the network has had its share
		{"192.0.3.1", 6},
		{"2001:db8::1", 6}, {"2001:db8::2", 0}, // one /64
		{"2001:db8:0:1::1", 6}, {"2001:db8:0:2::1", 6}, {"2001:db8:0:3::1", 6}, {"2001:db8:0:4::1", 0}, // one /48
		{"2001:db8:1::1", 6},
	} {
		if n := connects(t, g, c.ip); n != c.want {
			t.Errorf("%s: %d connections, want %d", c.ip, n, c.want)
		}
	}
	*now = now.Add(20 * time.Second)
	if n := connects(t, g, "192.0.2.1"); n != 2 {
		t.Errorf("%d connections after 20 s, want 2", n)
	}
	for _, s := range []*flow.Session{from("127.0.0.1"), {}, {Peer: netip.MustParseAddr("192.0.2.1"), LMTP: true}} {
		for range 100 {
			if greet, err := g.Connect(s); err != nil || greet != 0 {
				t.Fatalf("%v: %v %v", s.Peer, greet, err)
			}
		}
	}
}

// Whoever has used up one allowance is told so, and is welcome again later.
func TestLimits(t *testing.T) {
	g, now := clocked(Limits{Messages: 2, Recipients: 3, Unknown: 2, Faults: 2})
	e := &flow.Envelope{Session: *from("192.0.2.1")}
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	connect := func() error { _, err := g.Connect(&e.Session); return err }
	want("first", g.Sender(t.Context(), e), nil)
	want("second", g.Sender(t.Context(), e), nil)
	want("third", g.Sender(t.Context(), e), ErrMessages)
	*now = now.Add(30 * time.Second)
	want("later", g.Sender(t.Context(), e), nil)
	for range 3 {
		want("recipient", g.Recipient(e), nil)
	}
	want("recipient", g.Recipient(e), ErrRecipients)
	*now = now.Add(time.Minute)
	g.Unknown(e)
	want("one unknown", g.Recipient(e), nil)
	g.Unknown(e)
	want("two unknown", g.Recipient(e), ErrGuessing)
	want("the next message", g.Sender(t.Context(), e), ErrGuessing)
	want("a new connection", connect(), nil)
	g.Failed(&e.Session)
	g.Failed(&e.Session)
	want("after faults", connect(), ErrFaults)
	*now = now.Add(31 * time.Minute)
	want("half an hour later", connect(), nil)
	want("half an hour later", g.Sender(t.Context(), e), nil)
	want("half an hour later", g.Recipient(e), nil)

	var nobody *Guard
	want("no guard", nobody.Sender(t.Context(), e), nil)
	want("no guard", nobody.Recipient(e), nil)
	nobody.Unknown(e)
	nobody.Failed(&e.Session)
}

// TestSweep: whoever has many addresses fills no memory with them.
func TestSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long under the race detector, and nothing in it shares anything")
	}
	g, _ := clocked(Limits{Connections: 60, Messages: 60, Recipients: 60, Unknown: 60, Faults: 60})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ip := netip.MustParseAddr("2001:db8::").As16()
	for i := range 60_000 {
		ip[4], ip[5], ip[6] = byte(i>>16), byte(i>>8), byte(i) // another /64 and /48 each
		e := &flow.Envelope{Session: flow.Session{Peer: netip.AddrFrom16(ip)}}
		_, _ = g.Connect(&e.Session)
		_, _ = g.Sender(t.Context(), e), g.Recipient(e)
		g.Unknown(e)
		g.Failed(&e.Session)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 15<<20 {
		t.Errorf("it holds %d octets", held)
	} else {
		t.Logf("it holds %d octets", held)
	}
	runtime.KeepAlive(g)
}
