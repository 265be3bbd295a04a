package tlspolicy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/base/fetch"
)

var _ Getter = (*fetch.Client)(nil)

// web is a Getter and a Store of maps.
type web struct {
	sync.Mutex
	files map[string]string // by domain
	err   error
	got   int
	slow  time.Duration
	kept  map[string]string
	until map[string]time.Time
}

func (w *web) Get(ctx context.Context, url string, limit int) ([]byte, error) {
	w.Lock()
	defer w.Unlock()
	w.got++
	select {
	case <-time.After(w.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	domain := strings.TrimSuffix(strings.TrimPrefix(url, "https://mta-sts."), "/.well-known/mta-sts.txt")
	text, ok := w.files[domain]
	switch {
	case w.err != nil:
		return nil, w.err
	case !ok || len(text) > limit:
		return nil, errors.New("404")
	}
	return []byte(text), nil
}

func (w *web) Policy(_ context.Context, domain string) ([]byte, error) {
	w.Lock()
	defer w.Unlock()
	if text, ok := w.kept[domain]; ok {
		return []byte(text), nil
	}
	return nil, nil
}

func (w *web) PutPolicy(_ context.Context, domain string, data []byte, until time.Time) error {
	w.Lock()
	defer w.Unlock()
	w.kept[domain], w.until[domain] = string(data), until
	return nil
}

const enforced = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 864000\n"

// outside is a cache with all that it depends on.
type outside struct {
	*web
	zone  *dnstest.Zone
	cache *STSCache
}

func newOutside(t *testing.T) *outside {
	o := &outside{web: &web{files: map[string]string{"example.org": enforced}, kept: map[string]string{}, until: map[string]time.Time{}}}
	o.zone = dnstest.New(t, "_mta-sts.example.org TXT v=STSv1; id=1")
	o.restart()
	return o
}

func (o *outside) restart() {
	o.cache = NewSTSCache(STSOptions{Resolver: o.zone, Getter: o.web, Store: o.web, Clock: time.Now})
}

// is looks the domain up and compares what is found, and how often the web was asked since the last time.
func (o *outside) is(t *testing.T, what, want string) {
	t.Helper()
	got, err := o.cache.Lookup(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	s := fmt.Sprintf("%s %s", got.Policy.Mode, got.ID)
	if got.Failed != nil {
		s += " " + string(got.Failed.Failure)
	}
	o.Lock()
	s += fmt.Sprintf(" %d", o.got)
	o.got = 0
	o.Unlock()
	if s != want {
		t.Errorf("%s: %s, want %s", what, s, want)
	}
}

func TestSTSCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutside(t)
		o.is(t, "first", "enforce 1 1")
		o.is(t, "again", "enforce 1 0")
		time.Sleep(time.Hour)
		o.is(t, "an hour later", "enforce 1 0")
		time.Sleep(24 * time.Hour)
		o.is(t, "a day later it is fetched again, for its id is not all", "enforce 1 1")

		set(t, o.zone, "_mta-sts.example.org TXT v=STSv1; id=2")
		o.files["example.org"] = strings.Replace(enforced, "enforce", "testing", 1)
		o.is(t, "a new id is not seen at once", "enforce 1 0")
		time.Sleep(time.Hour)
		o.is(t, "a new id", "testing 2 1")

		o.files["example.org"] = enforced
		set(t, o.zone, "_mta-sts.example.org TXT v=STSv1; id=3")
		time.Sleep(time.Hour)
		o.is(t, "enforced again", "enforce 3 1")

		set(t, o.zone, "")
		time.Sleep(time.Hour)
		o.is(t, "no record does not end it", "enforce 3 0")
		set(t, o.zone, "_mta-sts.example.org TXT SERVFAIL")
		time.Sleep(time.Hour)
		o.is(t, "nor a broken one", "enforce 3 sts-policy-fetch-error 0")

		set(t, o.zone, "_mta-sts.example.org TXT v=STSv1; id=4")
		delete(o.files, "example.org")
		time.Sleep(time.Hour)
		o.is(t, "nor that it is gone", "enforce 3 sts-policy-fetch-error 1")
		o.is(t, "and the web is left in peace", "enforce 3 sts-policy-fetch-error 0")
		o.err = &tls.CertificateVerificationError{Err: errors.New("x")}
		time.Sleep(time.Hour)
		o.is(t, "nor a wrong certificate", "enforce 3 sts-webpki-invalid 1")
		o.err = nil
		o.files["example.org"] = "<html>"
		time.Sleep(time.Hour)
		o.is(t, "nor nonsense", "enforce 3 sts-policy-invalid 1")
		o.restart()
		o.is(t, "a restart forgets nothing", "enforce 3 sts-policy-invalid 1")
		o.files["example.org"], o.slow = enforced, time.Hour
		time.Sleep(time.Hour)
		o.is(t, "a slow web server", "enforce 3 sts-policy-fetch-error 1")

		time.Sleep(10 * 24 * time.Hour)
		o.is(t, "it ends by itself", "  sts-policy-fetch-error 1")
		o.slow = 0
		o.restart()
		o.is(t, "after a restart, too", "enforce 4 1")
	})
}

func TestSTSCacheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutside(t)
		o.is(t, "first", "enforce 1 1")
		for range 20 * 24 {
			time.Sleep(time.Hour)
			if err := o.cache.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if o.got < 19 || o.got > 21 {
			t.Errorf("fetched %d times in 20 days", o.got)
		}
		if until := o.until["example.org"]; time.Until(until) < 8*24*time.Hour {
			t.Errorf("kept until %s", until)
		}
		set(t, o.zone, "")
		for range 11 * 24 {
			time.Sleep(time.Hour)
			if err := o.cache.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(o.cache.mu.domains); n > 1 || o.cache.mu.domains["example.org"].Policy.Mode != "" {
			t.Errorf("still there: %v", o.cache.mu.domains)
		}
	})
}

func TestSTSCacheTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutside(t)
		o.slow = time.Second
		var wg sync.WaitGroup
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for i := range 50 {
			wg.Go(func() {
				ctx := t.Context()
				if i%2 == 0 {
					ctx = impatient
				}
				got, err := o.cache.Lookup(ctx, "example.org")
				if (err != nil) != (i%2 == 0) || err == nil && got.ID != "1" {
					t.Errorf("%v %v", got, err)
				}
			})
		}
		wg.Wait()
		if o.got > 2 {
			t.Errorf("fetched %d times", o.got)
		}
	})
}

func TestSTSCacheBounds(t *testing.T) {
	o := newOutside(t)
	o.cache.opts.Clock = noon
	for i := range maxDomains + 100 {
		if _, err := o.cache.Lookup(t.Context(), fmt.Sprintf("d%d.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	size := 0
	for k := range maps.Values(o.cache.mu.domains) {
		size += k.size()
	}
	if n := len(o.cache.mu.domains); n != maxDomains || o.cache.mu.octets != size {
		t.Errorf("%d domains, %d octets for %d", n, o.cache.mu.octets, size)
	}
	if sts, err := o.cache.Lookup(t.Context(), "[192.0.2.1]"); err != nil || sts.Policy.Active() {
		t.Error(sts, err)
	}
}

func set(t *testing.T, z *dnstest.Zone, text string) {
	t.Helper()
	if err := z.Set(text); err != nil {
		t.Fatal(err)
	}
}
