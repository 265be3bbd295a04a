package feedback

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/trust/tlspolicy"
)

// TestPlaces: reports go where the domain wants them, and nowhere else.
func TestPlaces(t *testing.T) {
	w, a, b := newWorld(t)
	set := func(text string) {
		t.Helper()
		if err := w.zone.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	// b's sessions with a: to the web first, since a names it first.
	b.CountTLS([]tlspolicy.Result{{NextHop: "a.example", Domain: "a.example", Policy: tlspolicy.PolicyNone}})
	w.now = w.now.Add(24 * time.Hour)
	b.Send(t.Context())
	if len(b.sent()) != 0 || len(w.posts) != 1 || !strings.HasPrefix(w.posts[0], "https://a.example/tls application/tlsrpt+gzip ") {
		t.Errorf("%q, %d messages", w.posts, len(b.sent()))
	}
	// Where the web is away, mail is the other way.
	w.away = true
	b.CountTLS([]tlspolicy.Result{{NextHop: "a.example", Domain: "a.example", Policy: tlspolicy.PolicyNone}})
	w.now = w.now.Add(24 * time.Hour)
	b.Send(t.Context())
	if list := b.sent(); len(list) != 1 || list[0].Recipients[0].To.String() != "tls-reports@a.example" {
		t.Errorf("%d messages", len(list))
	}
	// Where there is no other way, it is tried again, less and less often, for a day.
	set("_smtp._tls.a.example TXT v=TLSRPTv1; rua=https://a.example/tls")
	b.CountTLS([]tlspolicy.Result{{NextHop: "a.example", Domain: "a.example", Policy: tlspolicy.PolicyNone}})
	first := b.due("tls", page{dayOf(w.now), "a.example"})
	w.now = first
	for w.now.Before(first.Add(20 * time.Hour)) {
		b.Send(t.Context())
		w.now = w.now.Add(5 * time.Minute)
	}
	if len(b.tls.mu.pages) != 1 || b.later["tls/2026-11-22/a.example"].after < 4*time.Hour {
		t.Errorf("%v %v", b.tls.mu.pages, b.later)
	}
	w.now = first.Add(40 * time.Hour)
	b.Send(t.Context())
	if len(b.tls.mu.pages) != 0 || len(b.later) != 0 {
		t.Errorf("it is not given up: %v %v", b.tls.mu.pages, b.later)
	}
	// A report that is larger than wanted, a domain that wants none, and one whose DNS hangs.
	n := len(a.sent())
	day(a)
	set("_dmarc.b.example TXT v=DMARC1; p=none; rua=mailto:dmarc-reports@b.example!1k\n_smtp._tls.b.example TXT TIMEOUT")
	w.now = w.now.Add(48 * time.Hour)
	a.Send(t.Context())
	if len(a.sent()) != n || len(a.dmarc.mu.pages) != 0 || len(a.tls.mu.pages) != 0 {
		t.Errorf("%d messages, %v, %v", len(a.sent())-n, a.dmarc.mu.pages, a.tls.mu.pages)
	}
}

// TestUnsigned: without a key no report on TLS goes by mail, for nobody would read it; one of DMARC does, by the word of SPF.
func TestUnsigned(t *testing.T) {
	w, a, _ := newWorld(t)
	day(a)
	a.key = nil
	w.now = w.now.Add(24 * time.Hour)
	a.Send(t.Context())
	list := a.sent()
	if len(list) != 1 || !strings.Contains(a.text(list[0]), "application/gzip") || strings.Contains(a.text(list[0]), "DKIM-Signature") {
		t.Errorf("%d messages", len(list))
	}
}

// TestOwn: what others do in our own name goes straight into our archive.
func TestOwn(t *testing.T) {
	w, a, _ := newWorld(t)
	for range 3 {
		_ = a.takes("203.0.113.5", "x@evil.example", "anna@a.example", fmt.Sprintf(mail, "a.example"))
	}
	w.now = w.now.Add(24 * time.Hour)
	a.Send(t.Context())
	if got := shown(a); !strings.Contains(got, "{IP:203.0.113.5 From:a.example Count:3 SPF:false DKIM:false Disposition:reject") || len(a.sent()) != 0 {
		t.Errorf("%s, %d messages", got, len(a.sent()))
	}
}

// TestStale: a server that was off for a week, or comes back from a backup, does not send what is long past.
func TestStale(t *testing.T) {
	w, a, _ := newWorld(t)
	day(a)
	w.now = w.now.Add(7 * 24 * time.Hour)
	a.Send(t.Context())
	if len(a.sent()) != 0 || a.tls.mu.entries+a.dmarc.mu.entries != 0 {
		t.Error("it is sent, or still there")
	}
}

// TestOff: nothing is counted that is not sent.
func TestOff(t *testing.T) {
	w, a, _ := newWorld(t)
	a.Courier.opts.TLS, a.Courier.opts.DMARC = false, false
	day(a)
	if a.tls.mu.entries+a.dmarc.mu.entries != 0 {
		t.Error("it is counted")
	}
	a.Courier.opts.TLS, a.Courier.opts.DMARC = true, true
	day(a)
	a.Courier.opts.TLS, a.Courier.opts.DMARC = false, false // and now it is switched off
	w.now = w.now.Add(24 * time.Hour)
	a.Send(t.Context())
	if len(a.sent()) != 0 || a.tls.mu.entries+a.dmarc.mu.entries != 0 {
		t.Error("it is sent")
	}
}

// TestLedgerBounds: what is too much is not counted, and names from outside do not become rows.
func TestLedgerBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long under the race detector, and nothing in it shares anything")
	}
	w, a, _ := newWorld(t)
	for i := range maxOfOne + 10 {
		a.CountTLS([]tlspolicy.Result{{NextHop: "b.example", Domain: fmt.Sprintf("d%d.example", i), Policy: tlspolicy.PolicyNone}})
	}
	for i := range maxEntries {
		a.CountTLS([]tlspolicy.Result{{NextHop: fmt.Sprintf("d%d.example", i), Domain: "x", Policy: tlspolicy.PolicyNone}})
	}
	if a.tls.mu.entries != maxEntries || a.tls.overlooked() != maxOfOne+10 {
		t.Errorf("%d entries", a.tls.mu.entries)
	}
	for _, name := range []string{"", "a/b", "..", "A.example", "a b", strings.Repeat("a", 254), "[192.0.2.1]", "ü.example"} {
		a.dmarc.add("2026-11-20", name, dmarcSeen{})
	}
	if n := len(a.dmarc.mu.pages); n != 1 { // ".." is a name that nobody has, and harmless
		t.Errorf("%d pages", n)
	}
	if err := a.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.open()
	if a.tls.mu.entries != maxEntries {
		t.Errorf("%d entries after a restart", a.tls.mu.entries)
	}
	if long := lines([]string{strings.Repeat("x", 1000), strings.Repeat("y", 1000), strings.Repeat("z", 1000)}); len(long) > maxPolicyText+4 || !strings.HasSuffix(long, "...") {
		t.Errorf("%d octets", len(long))
	}
	_ = w
}
