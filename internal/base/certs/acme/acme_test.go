package acme_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/base/certs/acme"
	"restante/internal/base/certs/acme/acmetest"
	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

const day = 24 * time.Hour

// wait runs a Keeper until all names have certificates.
func (w *world) wait(names ...string) {
	w.t.Helper()
	stop := w.run()
	defer stop()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return w.keep.Find(n) != nil })
		if len(missing) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("no certificates for %v: %+v", missing, w.keep.List())
		}
	}
}

func TestIssue(t *testing.T) {
	ways := map[string]func(*world) func(*acme.Options){
		"http-01":     func(*world) func(*acme.Options) { return nil },
		"tls-alpn-01": func(*world) func(*acme.Options) { return func(o *acme.Options) { o.HTTP, o.TLS = false, true } },
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, way(nil), "mail.example.org", "imap.example.org")
			w.wait("mail.example.org", "imap.example.org")
			if mail, imap := w.shown("mail.example.org"), w.shown("imap.example.org"); mail == imap {
				t.Error("two names have one certificate")
			}
			if s := w.status("mail.example.org"); s.Error != "" || s.Until.Sub(w.clock.Now()) < 89*day || s.Issuer == "" || s.Renew.After(s.Until) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The name is an alias into a zone that can be changed, as where the zone of customers cannot.
func TestIssueByZone(t *testing.T) {
	w := newWorld(t, func(o *acme.Options) { o.TLS = true }, "mail.example.org")
	if err := w.dns.Zone.Set(zone + "_acme-challenge.mail.example.org CNAME mail.challenges.example.net\nchallenges.example.net SOA ns.example.net\n"); err != nil {
		t.Fatal(err)
	}
	w.opts.Zones = &dns.Updater{Server: w.dns.Addr(), Key: dnstest.UpdateKey()}
	w.opts.Settle = time.Millisecond
	w.http.Close() // nobody answers there
	w.open()
	w.wait("mail.example.org")
	if texts, _, _ := dns.TXTs(t.Context(), w.dns.Zone, "mail.challenges.example.net"); len(texts) > 0 {
		t.Errorf("left in the zone: %q", texts)
	}
	if asked := w.dns.Zone.Asked(); !slices.Contains(asked, "UPDATE challenges.example.net") {
		t.Errorf("no update in %q", asked)
	}
}

// An authority that wants an account that it knows (RFC 8555 7.3.4) is told of it.
func TestBoundAccount(t *testing.T) {
	const id, key = "kid-1", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"
	w := newWorld(t, nil, "mail.example.org")
	w.ca = acmetest.Start(t, acmetest.Options{HTTP: port(w.http.Listener.Addr()), TLS: port(w.tls.Addr()), DNS: w.dns.Addr(), KeyID: id, MACKey: key})
	w.opts.Account.Directory, w.opts.Roots = w.ca.Directory(), acmetest.Roots(t, w.ca.WebRoot())
	w.open()
	if err := w.renew("mail.example.org")["mail.example.org"]; err == nil || !strings.Contains(w.status("mail.example.org").Advice, "acme.eab_key_id") {
		t.Errorf("without: %v, %+v", err, w.status("mail.example.org"))
	}
	w.opts.Account.KeyID, w.opts.Account.MACKey = id, key
	w.open()
	if err := w.renew("mail.example.org")["mail.example.org"]; err != nil {
		t.Error(err)
	}
}

// A name server that does not take the update is told of by its name, and not as the authority's fault.
func TestZoneRefuses(t *testing.T) {
	for _, zones := range []*dns.Updater{
		{Server: netip.MustParseAddrPort("127.0.0.1:1"), Key: dnstest.UpdateKey()},
		{Key: dns.UpdateKey{Name: "other.test", Algorithm: "hmac-sha256", Secret: "b3RoZXI="}},
	} {
		w := newWorld(t, nil, "mail.example.org")
		if !zones.Server.IsValid() {
			zones.Server = w.dns.Addr()
		}
		w.opts.Zones = zones
		w.open()
		err := w.renew("mail.example.org")["mail.example.org"]
		if s := w.status("mail.example.org"); err == nil || !strings.Contains(err.Error(), "cannot be proved in the DNS") || s.Failed != 1 || !strings.Contains(s.Advice, "acme.dns_key") {
			t.Errorf("%v, %+v", err, s)
		}
	}
}

// A renewal cuts no connection: who is connected stays so with the old certificate, and who comes sees the new one.
func TestRenewal(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	w.wait("mail.example.org")
	first := w.shown("mail.example.org")
	old, err := tls.Dial("tcp", w.tls.Addr().String(), &tls.Config{ServerName: "mail.example.org", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	w.ca.Orders()

	w.clock.advance(40 * day)
	w.renew() // what is due
	if n := w.ca.Orders(); n != 0 || w.shown("mail.example.org") != first {
		t.Errorf("renewed after 40 days of 90: %d orders", n)
	}
	w.clock.advance(21 * day)
	if errs := w.renew(); len(errs) != 1 || errs["mail.example.org"] != nil {
		t.Fatalf("not renewed after 61 days of 90: %v", errs)
	}
	if w.shown("mail.example.org") == first {
		t.Error("new connections see the old certificate")
	}
	if _, err := old.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(old, make([]byte, 10)); err != nil {
		t.Errorf("the old connection: %v", err)
	}
}

// KeepKeys keeps what DANE publishes.
func TestKeepKeys(t *testing.T) {
	for _, kept := range []bool{false, true} {
		w := newWorld(t, func(o *acme.Options) { o.KeepKeys = kept }, "mail.example.org")
		w.wait("mail.example.org")
		before := string(w.keep.Find("mail.example.org").Leaf.RawSubjectPublicKeyInfo)
		if errs := w.renew("mail.example.org"); errs["mail.example.org"] != nil {
			t.Fatal(errs)
		}
		if same := string(w.keep.Find("mail.example.org").Leaf.RawSubjectPublicKeyInfo) == before; same != kept {
			t.Errorf("KeepKeys %v: the same key %v", kept, same)
		}
	}
}

// A restart goes on with what there is, and asks for nothing.
func TestRestart(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	w.wait("mail.example.org")
	first := w.shown("mail.example.org")
	w.ca.Orders()
	w.open()
	if w.shown("mail.example.org") != first {
		t.Error("another certificate")
	}
	if errs := w.renew(); len(errs) != 0 || w.ca.Orders() != 0 {
		t.Errorf("asked for again: %v", errs)
	}

	t.Log("a row that is damaged is made anew, and harms no other")
	w.lead("imap.example.org", acme.Here, "")
	w.keep.Look()
	w.wait("imap.example.org")
	w.rows.Put(t.Context(), "name/mail.example.org", []byte("{"))
	w.open()
	if w.keep.Find("imap.example.org") == nil || w.keep.Find("mail.example.org") != nil {
		t.Error("the wrong one is lost")
	}
	w.wait("mail.example.org")

	t.Log("another authority: the certificates stay in use until it has issued others")
	w.ca.Orders()
	w.opts.Account.Directory = strings.Replace(w.opts.Account.Directory, "127.0.0.1", "localhost", 1)
	w.open()
	if w.keep.Find("mail.example.org") == nil {
		t.Error("not in use any more")
	}
	w.opts.Roots = nil
	if errs := w.renew(); len(errs) != 2 {
		t.Errorf("not asked: %v", errs)
	}
}

func TestNeverAsked(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	w.lead("imap.example.org", acme.Elsewhere, "it leads to 192.0.2.7")
	w.lead("pop.example.org", acme.Unknown, "the DNS does not answer")
	w.wait("mail.example.org")
	if n := w.ca.Orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
	for name, want := range map[string]error{"imap.example.org": acme.ErrElsewhere, "pop.example.org": acme.ErrElsewhere, "www.example.com": acme.ErrNotWanted} {
		if err := w.renew(name)[name]; !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if n := w.ca.Orders(); n != 0 {
		t.Errorf("%d orders for names that are not ours", n)
	}
	if s := w.status("imap.example.org"); s.Way != acme.Elsewhere || s.Why == "" {
		t.Errorf("%+v", s)
	}

	t.Log("for a moment nobody can tell: what was known counts")
	w.lead("mail.example.org", acme.Unknown, "the DNS does not answer")
	w.clock.advance(61 * day)
	if errs := w.renew(); len(errs) != 1 || errs["mail.example.org"] != nil {
		t.Errorf("not renewed: %v", errs)
	}

	t.Log("a name that leads elsewhere is served to the end, and not renewed; once nobody wants it, it goes")
	w.lead("mail.example.org", acme.Elsewhere, "it leads to 192.0.2.7")
	w.clock.advance(80 * day)
	if errs := w.renew(); len(errs) != 0 || w.keep.Find("mail.example.org") == nil || w.status("mail.example.org").Soon {
		t.Errorf("%v, %+v", errs, w.status("mail.example.org"))
	}
	w.lead("mail.example.org", "", "")
	w.clock.advance(80 * day)
	w.renew()
	if w.keep.Find("mail.example.org") != nil {
		t.Error("still there")
	}
	if rows := slices.Sorted(maps.Keys(w.rows.rows)); slices.Contains(rows, "name/mail.example.org") {
		t.Errorf("rows %v", rows)
	}
}

func TestForbiddenByCAA(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	if err := w.dns.Zone.Set(zone + `example.org CAA 0 issue "other.example"`); err != nil {
		t.Fatal(err)
	}
	if err := w.renew()["mail.example.org"]; err == nil || !strings.Contains(err.Error(), "at example.org") || w.ca.Orders() != 0 {
		t.Errorf("%v", err)
	}
}

// What fails is tried later and later, and a restart does not begin anew.
func TestBackOff(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	w.http.Close() // nobody answers
	stop := w.run()
	defer stop()
	await(t, func() bool { return w.status("mail.example.org").Failed == 1 })
	s := w.status("mail.example.org")
	if !strings.Contains(s.Error, "the authority says") || !strings.Contains(s.Advice, "port") {
		t.Errorf("%+v", s)
	}
	if wait := s.Next.Sub(w.clock.Now()); wait < 15*time.Minute || wait > 17*time.Minute {
		t.Errorf("tried again in %v", wait)
	}
	stop()
	w.ca.Orders()
	w.open()
	stop = w.run()
	await(t, func() bool { return w.status("mail.example.org").Way == acme.Here })
	stop()
	if n := w.ca.Orders(); n != 0 {
		t.Errorf("%d orders at once after a restart", n)
	}
	for _, want := range []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 12 * time.Hour} {
		w.renew("mail.example.org")
		if wait := w.status("mail.example.org").Next.Sub(w.clock.Now()); wait < want || wait > want*11/10 {
			t.Errorf("tried again in %v, want about %v", wait, want)
		}
	}
}

// A name that comes and goes does not begin anew either.
func TestBackOffOfComingAndGoing(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	w.http.Close()
	w.renew()
	w.lead("mail.example.org", "", "")
	w.renew()
	w.lead("mail.example.org", acme.Here, "")
	w.ca.Orders()
	w.keep.Look()
	stop := w.run()
	await(t, func() bool { return w.status("mail.example.org").Way == acme.Here })
	stop()
	if s := w.status("mail.example.org"); s.Failed != 1 || w.ca.Orders() != 0 {
		t.Errorf("%+v", s)
	}
}

// await waits until something is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it does not come")
		}
	}
}

// An authority that is away is asked for nothing else for a while; it is nobody's fault.
func TestAuthorityAway(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org", "imap.example.org")
	away := w.opts
	away.Account.Directory = "https://127.0.0.1:1/dir" // nobody listens
	var err error
	if w.keep, err = acme.Open(t.Context(), away); err != nil {
		t.Fatal(err)
	}
	stop := w.run()
	await(t, func() bool { return failing(w) > 0 })
	stop()
	if n := failing(w); n != 1 {
		t.Errorf("%d names were tried", n)
	}
	for _, s := range w.keep.List() {
		if wait := s.Next.Sub(w.clock.Now()); s.Failed != 0 || wait < time.Minute || wait > 2*time.Minute {
			t.Errorf("%s: failed %d times, again in %v", s.Name, s.Failed, wait)
		}
	}
	if w.keep, err = acme.Open(t.Context(), away); err != nil { // the pause is kept
		t.Fatal(err)
	}
	w.lead("pop.example.org", acme.Here, "")
	stop = w.run()
	await(t, func() bool { return w.status("pop.example.org").Way == acme.Here })
	stop()
	if s := w.status("pop.example.org"); s.Error != "" || s.Next.Before(w.clock.Now().Add(time.Minute)) {
		t.Errorf("%+v", s)
	}
}

// failing is how many names have an error.
func failing(w *world) (n int) {
	for _, s := range w.keep.List() {
		if s.Error != "" {
			n++
		}
	}
	return n
}

// Answers that make no sense are errors, bounded ones, and leave what is in use.
func TestWrongAuthority(t *testing.T) {
	w := newWorld(t, nil, "mail.example.org")
	w.wait("mail.example.org")
	first := w.shown("mail.example.org")
	for name, h := range map[string]http.HandlerFunc{
		"no JSON": func(out http.ResponseWriter, r *http.Request) { io.WriteString(out, "<html>hello</html>") },
		"endless": func(out http.ResponseWriter, r *http.Request) {
			out.Header().Set("Content-Type", "application/json")
			for range 1 << 6 {
				if _, err := io.WriteString(out, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		},
		"500": func(out http.ResponseWriter, r *http.Request) {
			http.Error(out, "broken", http.StatusInternalServerError)
		},
		"429": func(out http.ResponseWriter, r *http.Request) {
			out.Header().Set("Content-Type", "application/problem+json")
			out.Header().Set("Retry-After", "86400")
			out.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(out, `{"type":"urn:ietf:params:acme:error:rateLimited","status":429,"detail":"too many\u0007 certificates"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.ca.Behave(h)
			defer w.ca.Behave(nil)
			err := w.renew("mail.example.org")["mail.example.org"]
			if err == nil || len(err.Error()) > 600 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("error %v", err)
			}
			if w.shown("mail.example.org") != first {
				t.Error("what was in use is lost")
			}
			if wait := w.status("mail.example.org").Next.Sub(w.clock.Now()); name == "429" && (wait < 23*time.Hour || wait > 25*time.Hour) {
				t.Errorf("tried again in %v, it said a day", wait)
			}
		})
	}
}

// Nonces that are refused now and then are nothing to speak of (RFC 8555 6.5).
func TestBadNonces(t *testing.T) {
	t.Setenv(acmetest.Nonces, "40")
	w := newWorld(t, nil, "mail.example.org")
	w.wait("mail.example.org")
	if s := w.status("mail.example.org"); s.Error != "" {
		t.Errorf("%+v", s)
	}
}

// A certificate that is not renewed is warned of 20 days before its end, once a week.
func TestWarning(t *testing.T) {
	var warned []acme.Status
	w := newWorld(t, func(o *acme.Options) {
		o.Warn = func(_ context.Context, s acme.Status) { warned = append(warned, s) }
	}, "mail.example.org")
	w.wait("mail.example.org")
	w.ca.Behave(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		http.Error(out, "broken", http.StatusInternalServerError)
	}))
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{61 * day, 0}, {8 * day, 0}, {2 * day, 1}, {2 * day, 1}, {6 * day, 2}} {
		w.clock.advance(step.advance)
		w.renew()
		if len(warned) != step.want {
			t.Errorf("after %v more: %d warnings, want %d", step.advance, len(warned), step.want)
		}
	}
	if s := warned[0]; s.Error == "" || s.Advice == "" || !s.Soon {
		t.Errorf("%+v", s)
	}
	w.ca.Behave(nil)
	w.renew()
	if s := w.status("mail.example.org"); s.Error != "" || failing(w) != 0 {
		t.Errorf("after it was renewed: %+v", s)
	}
}
