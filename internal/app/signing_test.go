package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow/signing"
	"restante/internal/serve/admind"
)

// stranger passes connections on to a server that believes him in whose name: 192.0.2.1. It returns his port.
func stranger(t *testing.T, to string) uint16 {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			fmt.Fprint(out, "PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\r\n")
			for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
				wg.Go(func() {
					_, _ = io.Copy(c[1], c[0])
					c[0].Close()
					c[1].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	return netip.MustParseAddrPort(ln.Addr().String()).Port()
}

func (h *house) keys(t *testing.T) (list []admind.SigningKey, states string) {
	t.Helper()
	for k, err := range h.SigningKeys(t.Context(), "example.org") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, k)
		states += k.Algorithm + " " + k.State + "; "
	}
	return list, states
}

// zoneWith is the zone of both servers, with keys published.
func zoneWith(keys ...admind.SigningKey) string {
	text := "other.test MX 10 mail.other.test\nmail.other.test A 127.0.0.1\nexample.org TXT v=spf1 ip4:192.0.2.1 -all\n"
	for _, k := range keys {
		text += k.Name + " TXT " + k.Text + "\n"
	}
	return text
}

// What anna sends is signed as soon as her domain's keys are published, and not before; another server finds both signatures good.
func TestSigned(t *testing.T) {
	dns := dnstest.Serve(t, zoneWith())
	resolver := fmt.Sprintf("[dns]\nservers = [%q]\n", dns.Addr())
	file := edited(t, "mail.other.test", resolver)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "[listen]\n", "[listen]\nproxies = [\"127.0.0.0/8\"]\n", 1))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b := startWith(t, file)
	if err := b.AddDomain(t.Context(), "other.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAccount(t.Context(), admind.NewAccount{Address: "bert@other.test", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	port := stranger(t, b.address("smtp"))
	more := fmt.Sprintf("[send]\nport = %d\nnetworks = [\"127.0.0.0/8\"]\n[dkim]\nautomatic = false\n", port) + resolver
	a := startWith(t, edited(t, "mail.example.org", more)).furnished(t)

	send := func(n int) string {
		t.Helper()
		c := a.submitter(t, "submissions")
		if err := submit(c, "anna@example.org", "From: anna@example.org\r\nTo: bert@other.test\r\nSubject: signed\r\n\r\nHello.\r\n", "bert@other.test"); err != nil {
			t.Fatal(err)
		}
		return b.received(t, "bert@other.test", n)[n-1]
	}
	if got := send(1); strings.Contains(got, "DKIM-Signature") || !strings.Contains(got, "dkim=none") {
		t.Errorf("not published, and yet: %s", got)
	}
	keys, states := a.keys(t)
	if states != "ed25519 next; rsa next; " {
		t.Fatal(states)
	}
	if s, err := a.Status(t.Context()); err != nil || s.Signing.Domains != 1 || s.Signing.Signed != 0 || len(s.Signing.Unsigned) != 1 {
		t.Errorf("%+v, %v", s.Signing, err)
	}
	if err := dns.Zone.Set(zoneWith(keys...)); err != nil {
		t.Fatal(err)
	}
	if list, err := a.LookForSigningKeys(t.Context(), "example.org"); err != nil || len(list) != 0 {
		t.Fatalf("it begins by itself: %+v, %v", list, err) // and is not asked to
	}
	if list, err := a.UseSigningKeys(t.Context(), admind.SigningUse{Domain: "example.org"}); err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	got := send(2)
	if n := strings.Count(got, "DKIM-Signature: "); n != 2 || strings.Count(got, "dkim=pass") != 2 || !strings.Contains(got, "dmarc=") || strings.Contains(got, "dkim=fail") {
		t.Errorf("%d signatures: %s", n, got)
	}
}

// rotating is a server whose clock and DNS a test has in its hands.
func rotating(t *testing.T) (c *Core, zone *dnstest.Zone, now *time.Time) {
	t.Helper()
	zone, now = dnstest.New(t, ""), new(time.Time)
	*now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	conf := demoConfig(&DemoOptions{Dir: t.TempDir()})
	c, err := OpenCore(t.Context(), conf, Options{Resolver: zone, Clock: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.AddDomain(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	return c, zone, now
}

// A pair takes the place of another: each key by itself, once its record has been there for a while; and what has been used stays until no mail with it is under way.
func TestRotation(t *testing.T) {
	c, zone, now := rotating(t)
	h := &house{Server: &Server{Core: c}}
	want := func(what, want string) {
		t.Helper()
		if _, got := h.keys(t); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	look := func() {
		t.Helper()
		if err := c.lookForKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	publish := func(keys ...admind.SigningKey) {
		t.Helper()
		if err := zone.Set(zoneWith(keys...)); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := h.keys(t)
	look()
	want("not published", "ed25519 next; rsa next; ")
	if _, err := c.UseSigningKeys(t.Context(), admind.SigningUse{Domain: "example.org"}); !errors.Is(err, admind.ErrNotPublished) {
		t.Error(err)
	}
	publish(first[1])
	look()
	want("one is there", "ed25519 next; rsa active; ")
	publish(first...)
	look()
	want("both are", "ed25519 active; rsa active; ")

	*now = now.Add(200 * 24 * time.Hour)
	if s, err := c.signingStatus(t.Context()); err != nil || len(s.Old) != 1 || s.Signed != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	second, err := c.NewSigningKeys(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	publish(append(second, first...)...)
	look()
	want("seen, but not for long", "ed25519 active; ed25519 next; rsa active; rsa next; ")
	*now = now.Add(keysEvery)
	publish(append(second[:1], first...)...)
	look()
	want("one has been there", "ed25519 active; ed25519 next; rsa retired; rsa active; ")
	publish(append(second, first...)...)
	look()
	*now = now.Add(keysEvery)
	look()
	want("the other, too", "ed25519 retired; ed25519 active; rsa retired; rsa active; ")

	err = c.RemoveSigningKey(t.Context(), "example.org", first[1].Selector, false)
	if !errors.Is(err, admind.ErrUnderWay) {
		t.Error(err)
	}
	if err := c.RemoveSigningKey(t.Context(), "example.org", second[0].Selector, true); !errors.Is(err, signing.ErrInUse) {
		t.Error(err)
	}
	*now = now.Add(15 * 24 * time.Hour)
	if err := c.RemoveSigningKey(t.Context(), "example.org", first[1].Selector, false); err != nil {
		t.Error(err)
	}
	want("gone", "ed25519 retired; ed25519 active; rsa active; ")
	if err := c.RemoveDomain(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	if list, err := c.signing.Domains(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// Where nobody answers, the rest of the domains is not asked about.
func TestKeysUnknown(t *testing.T) {
	c, zone, _ := rotating(t)
	for i := range 8 {
		if err := c.AddDomain(t.Context(), fmt.Sprintf("d%d.test", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zone.Set("* * SERVFAIL"); err != nil {
		t.Fatal(err)
	}
	before := len(zone.Asked())
	if err := c.lookForKeys(t.Context()); !errors.Is(err, errNoLook) {
		t.Error(err)
	}
	if n := len(zone.Asked()) - before; n > maxSilent+1 {
		t.Errorf("%d questions", n)
	}
}
