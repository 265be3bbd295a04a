package dns_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is what the test server knows.
func served() string {
	text := `
a.example      A     192.0.2.1
a.example      A     192.0.2.2
a.example      AAAA  2001:db8::1
a.example      MX    10 MX.Example
a.example      MX    +AD
a.example      SRV   1 2 3 host.example
a.example      TLSA  3 1 1 00ff
a.example      NS    ns.example
a.example      PTR   p.example
a.example      TXT   "quote \" back\\slash \x00\xff" " joined"
null.example   MX    .
alias.example  CNAME a.example
alias.example  CNAME +AD
loop.example   CNAME pool.example
pool.example   CNAME loop.example
lost.example   CNAME gone.example
bare.example   NONE
bad.example    *     SERVFAIL
far.example    *     TIMEOUT
big.example    A     TRUNCATE
big.example    A     192.0.2.3
shut.example   *     CLOSE
stall.example  *     STALL
spoof.example  *     STRANGER
spoof.example  A     192.0.2.4
other.example  *     OTHER
noise.example  *     GARBAGE
old.example    *     FORMERR
old.example    A     192.0.2.5
long.example   TXT   ` + strings.Repeat("x", 3000) + `
giant.example  TXT   ` + strings.Repeat("y", dns.MaxText+1) + "\n"
	for i := range 9 {
		text += fmt.Sprintf("c%d.example CNAME c%d.example\n", i, i+1)
	}
	text += "c9.example A 192.0.2.9\n"
	for i := range dns.MaxRecords + 1 {
		text += fmt.Sprintf("crowd.example A 10.0.%d.%d\n", i>>8, i&255)
	}
	return text
}

func newClient(s *dnstest.Server, o dns.Options) *dns.Client {
	o.Servers = []netip.AddrPort{s.Addr()}
	return dns.New(o)
}

func TestQuery(t *testing.T) {
	s := dnstest.Serve(t, served())
	c := newClient(s, dns.Options{Attempt: 300 * time.Millisecond, Total: time.Second})
	for _, q := range []struct {
		name string
		t    dns.Type
		want string
	}{
		{"a.example", dns.A, "a.example [192.0.2.1 192.0.2.2]"},
		{"A.Example.", dns.AAAA, "a.example [2001:db8::1]"},
		{"a.example", dns.MX, "a.example [10 mx.example] AD"},
		{"a.example", dns.SRV, "a.example [1 2 3 host.example]"},
		{"a.example", dns.TLSA, "a.example [3 1 1 00ff]"},
		{"a.example", dns.NS, "a.example [ns.example]"},
		{"a.example", dns.PTR, "a.example [p.example]"},
		{"a.example", dns.TXT, `a.example ["quote \" back\\slash \x00\xff joined"]`},
		{"null.example", dns.MX, "null.example [0 ]"},
		{"alias.example", dns.MX, "a.example [10 mx.example] AD"},
		{"alias.example", dns.A, "a.example [192.0.2.1 192.0.2.2]"},
		{"alias.example", dns.CNAME, "alias.example [a.example] AD"},
		{"loop.example", dns.A, "dns: no answer"},
		{"lost.example", dns.A, "gone.example: dns: no such name"},
		{"bare.example", dns.A, "bare.example: dns: no such record"},
		{"gone.example", dns.A, "gone.example: dns: no such name"},
		{"c1.example", dns.A, "c9.example [192.0.2.9]"},
		{"c0.example", dns.A, "dns: no answer"},
		{"bad.example", dns.A, "dns: no answer"},
		{"far.example", dns.A, "dns: no answer"},
		{"big.example", dns.A, "big.example [192.0.2.3]"},
		{"shut.example", dns.A, "dns: no answer"},
		{"stall.example", dns.A, "dns: no answer"},
		{"spoof.example", dns.A, "spoof.example [192.0.2.4]"},
		{"other.example", dns.A, "dns: no answer"},
		{"noise.example", dns.A, "dns: no answer"},
		{"old.example", dns.A, "old.example [192.0.2.5]"},
		{"long.example", dns.TXT, fmt.Sprintf("long.example [%q]", strings.Repeat("x", 3000))},
		{"giant.example", dns.TXT, "dns: no answer"},
		{"crowd.example", dns.A, "dns: no answer"},
		{"localhost", dns.A, "localhost [127.0.0.1]"},
		{"x.localhost", dns.AAAA, "x.localhost [::1]"},
		{"localhost", dns.MX, "localhost: dns: no such record"},
		{"a.invalid", dns.A, ": dns: no such name"},
		{`a\.example`, dns.A, ": dns: no such name"},
		{strings.Repeat("a", 64) + ".example", dns.A, ": dns: no such name"},
		{strings.Repeat("a.", 127) + "example", dns.A, ": dns: no such name"},
	} {
		a, err := c.Query(t.Context(), q.name, q.t)
		if got := written(a, err, q.t); got != q.want {
			t.Errorf("%s %s: %s (%v), want %s", q.t, q.name, got, err, q.want)
		}
		if err != nil && !strings.Contains(err.Error(), q.t.String()) {
			t.Errorf("%s %s: %v does not name the question", q.t, q.name, err)
		}
	}
}

// written is an answer for people.
func written(a dns.Answer, err error, t dns.Type) string {
	if dns.Absent(err) {
		return a.Name + ": " + kind(err)
	} else if err != nil {
		return kind(err)
	}
	var list []string
	for _, r := range a.Records {
		switch t {
		case dns.A, dns.AAAA:
			list = append(list, r.Addr.String())
		case dns.MX:
			list = append(list, fmt.Sprint(r.Preference, " ", r.Host))
		case dns.SRV:
			list = append(list, fmt.Sprint(r.Preference, r.Weight, r.Port, " ", r.Host))
		case dns.TLSA:
			list = append(list, fmt.Sprint(r.Usage, r.Selector, r.Matching, " ", hex.EncodeToString(r.Data)))
		case dns.TXT:
			list = append(list, fmt.Sprintf("%q", r.Text))
		default:
			list = append(list, r.Host)
		}
	}
	slices.Sort(list)
	s := fmt.Sprint(a.Name, " ", list)
	if a.Authentic {
		s += " AD"
	}
	return s
}

// TestRemembered: what was asked is not asked again, absences too, and questions that come together are asked once.
func TestRemembered(t *testing.T) {
	s := dnstest.Serve(t, served())
	c := newClient(s, dns.Options{})
	for _, name := range []string{"a.example", "gone.example", "bare.example", "bad.example"} {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _ = c.Query(t.Context(), name, dns.A) })
		}
		wg.Wait()
		_, _ = c.Query(t.Context(), name, dns.A)
		if asked := s.Zone.Asked(); len(asked) != 1 {
			t.Errorf("%s: asked %d times", name, len(asked))
		}
	}
	forgetful := newClient(s, dns.Options{CacheBytes: -1})
	for range 2 {
		_, _ = forgetful.Query(t.Context(), "a.example", dns.A)
	}
	if asked := s.Zone.Asked(); len(asked) != 2 {
		t.Errorf("without a cache: asked %d times", len(asked))
	}
}

// TestBounded: the cache does not grow beyond its size.
func TestBounded(t *testing.T) {
	s := dnstest.Serve(t, "*.example TXT "+strings.Repeat("x", 1000))
	c := newClient(s, dns.Options{CacheBytes: 20_000})
	for range 2 {
		for i := range 30 {
			if _, err := c.Query(t.Context(), fmt.Sprintf("n%d.example", i), dns.TXT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(s.Zone.Asked()); n < 60 {
		t.Errorf("30 names of 1500 octets in 20000: asked %d times only", n)
	}
}

// TestImpatient: who leads a question and loses interest takes it from nobody.
func TestImpatient(t *testing.T) {
	s := dnstest.Serve(t, "a.example A TIMEOUT\na.example A 192.0.2.1")
	c := newClient(s, dns.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.Query(ctx, "a.example", dns.A); first <- err }()
	for tick := time.NewTicker(time.Millisecond); len(s.Zone.Asked()) == 0; <-tick.C {
	}
	go func() { _, err := c.Query(t.Context(), "a.example", dns.A); second <- err }()
	if err := s.Zone.Set("a.example A 192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) || errors.Is(err, dns.ErrTemporary) {
		t.Errorf("first: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("second: %v", err)
	}
}

// TestServers: the next server is asked where one is silent or has no answer, and the one that answers is asked first from then on.
func TestServers(t *testing.T) {
	bad := dnstest.Serve(t, "* * SERVFAIL")
	silent := dnstest.Serve(t, "* * TIMEOUT")
	good := dnstest.Serve(t, "a.example A 192.0.2.1\nb.example A 192.0.2.2")
	closed := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), closedPort(t))
	c := dns.New(dns.Options{Servers: []netip.AddrPort{closed, silent.Addr(), bad.Addr(), good.Addr()}, Attempt: 200 * time.Millisecond})
	for _, name := range []string{"a.example", "b.example"} {
		if _, err := c.Query(t.Context(), name, dns.A); err != nil {
			t.Error(err)
		}
	}
	if n := len(silent.Zone.Asked()); n != 1 {
		t.Errorf("the silent server was asked %d times", n)
	}
	start := time.Now()
	c = dns.New(dns.Options{Servers: []netip.AddrPort{silent.Addr(), silent.Addr()}, Attempt: 300 * time.Millisecond, Total: 500 * time.Millisecond})
	if _, err := c.Query(t.Context(), "a.example", dns.A); !errors.Is(err, dns.ErrTemporary) || errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %s", d)
	}
}

func closedPort(t *testing.T) uint16 {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Port()
}

const signedZone = `
a.signed.test        A     192.0.2.1
mx.signed.test       A     192.0.2.2
signed.test          MX    10 mx.signed.test
_25._tcp.mx.signed.test TLSA 3 1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
alias.signed.test    CNAME a.signed.test
out.signed.test      CNAME a.plain.test
deep.er.signed.test  TXT   x
forged.signed.test   A     192.0.2.3
forged.signed.test   *     BOGUS
a.plain.test         A     192.0.2.4
in.plain.test        CNAME a.signed.test
`

// TestValidated asks a real validating resolver before signed zones.
func TestValidated(t *testing.T) {
	s := dnstest.Serve(t, signedZone, "signed.test")
	c := dns.New(dns.Options{Servers: []netip.AddrPort{dnstest.Unbound(t, s, "plain.test")}})
	for _, q := range []struct {
		name string
		t    dns.Type
		want string
		ad   bool
	}{
		{"a.signed.test", dns.A, "a.signed.test [192.0.2.1] AD", true},
		{"signed.test", dns.MX, "signed.test [10 mx.signed.test] AD", true},
		{"_25._tcp.mx.signed.test", dns.TLSA, "_25._tcp.mx.signed.test [3 1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f] AD", true},
		{"alias.signed.test", dns.A, "a.signed.test [192.0.2.1] AD", true},
		{"a.signed.test", dns.AAAA, "a.signed.test: dns: no such record", true},
		{"er.signed.test", dns.A, "er.signed.test: dns: no such record", true},
		{"gone.signed.test", dns.A, "gone.signed.test: dns: no such name", true},
		{"_25._tcp.a.signed.test", dns.TLSA, "_25._tcp.a.signed.test: dns: no such name", true},
		{"out.signed.test", dns.A, "a.plain.test [192.0.2.4]", false},
		{"out.signed.test", dns.CNAME, "out.signed.test [a.plain.test] AD", true},
		{"in.plain.test", dns.A, "a.signed.test [192.0.2.1]", false},
		{"gone.plain.test", dns.A, "gone.plain.test: dns: no such name", false},
		{"forged.signed.test", dns.A, "dns: no answer: DNSSEC validation failed", false},
		{"forged.signed.test", dns.TXT, "dns: no answer: DNSSEC validation failed", false},
	} {
		a, err := c.Query(t.Context(), q.name, q.t)
		if got := written(a, err, q.t); got != q.want || a.Authentic != q.ad {
			t.Errorf("%s %s: %s %v (%v), want %s %v", q.t, q.name, got, a.Authentic, err, q.want, q.ad)
		}
		if q.t == dns.TXT && !errors.Is(err, dns.ErrTemporary) {
			t.Errorf("%v is not temporary", err)
		}
	}
}

func BenchmarkRemembered(b *testing.B) {
	s := dnstest.Serve(b, served())
	c := newClient(s, dns.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Query(b.Context(), "a.example", dns.A); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAsked(b *testing.B) {
	s := dnstest.Serve(b, served())
	c := newClient(s, dns.Options{CacheBytes: -1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Query(b.Context(), "a.example", dns.A); err != nil {
			b.Fatal(err)
		}
	}
}
