package directory_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/limit"
	"restante/internal/base/metrics"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
)

// metric is the value of a metric, as text: the line that begins with name.
func metric(t testing.TB, r *metrics.Registry, name string) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.SplitSeq(w.Body.String(), "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return v
		}
	}
	t.Fatalf("no metric %s", name)
	return ""
}

const hashed = "restante_password_hashes_total"

// wantLogin tries a login and tells whether it hashed, by the counter.
func (h *house) wantLogin(t testing.TB, login, password string, wantErr error, hashes string) {
	t.Helper()
	_, err := h.Authenticate(t.Context(), login, password, peer)
	if !errors.Is(err, wantErr) {
		t.Errorf("%s, %s: %v, want %v", login, password, err, wantErr)
	}
	if got := metric(t, h.opts.Metrics, hashed); got != hashes {
		t.Errorf("%s, %s: %s hashes so far, want %s", login, password, got, hashes)
	}
}

func TestOutcomeIsRememberedForAMinute(t *testing.T) {
	now := time.Unix(1e9, 0)
	h := newHouse(t, directory.Options{
		Metrics: metrics.New(), MinPassword: 1, Clock: func() time.Time { return now },
	})
	h.add(t, "u1", "pass") // hash 1
	h.wantLogin(t, "u1", "pass", nil, "2")
	h.wantLogin(t, "u1@demo.test", "pass", nil, "2")
	h.wantLogin(t, "u1", "wrong", directory.ErrCredentials, "3")
	h.wantLogin(t, "u1", "wrong", directory.ErrCredentials, "3")
	now = now.Add(61 * time.Second)
	h.wantLogin(t, "u1", "pass", nil, "4")

	// A new password and a closed account count at once.
	c, err := h.Derive(t.Context(), "new") // 5
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(t.Context(), address(t, "u1@demo.test"), c); err != nil {
		t.Fatal(err)
	}
	h.wantLogin(t, "u1", "pass", directory.ErrCredentials, "6")
	h.wantLogin(t, "u1", "new", nil, "7")
	if err := h.SetAccess(t.Context(), address(t, "u1@demo.test"), directory.NoLogin); err != nil {
		t.Fatal(err)
	}
	h.wantLogin(t, "u1", "new", directory.ErrDisabled, "7")
}

// A name that does not exist must cost what a wrong password costs, each name
// for itself: else one could be told from the other by the clock.
func TestUnknownNamesCostAHashEach(t *testing.T) {
	h := newHouse(t, directory.Options{Metrics: metrics.New(), MinPassword: 1})
	h.add(t, "u1", "pass") // hash 1
	h.wantLogin(t, "u1", "guess", directory.ErrCredentials, "2")
	h.wantLogin(t, "nobody", "guess", directory.ErrCredentials, "3")
	h.wantLogin(t, "noone", "guess", directory.ErrCredentials, "4")
	h.wantLogin(t, "noone", "guess", directory.ErrCredentials, "4")
	h.wantLogin(t, "u1@elsewhere.test", "guess", directory.ErrCredentials, "5")
	h.wantLogin(t, "u1", "\x00", directory.ErrCredentials, "6")
	h.wantLogin(t, "\x00", "guess", directory.ErrCredentials, "7")
	h.wantLogin(t, "", "guess", directory.ErrCredentials, "7")
}

func TestAccountsMayShareAHash(t *testing.T) {
	h := newHouse(t, directory.Options{Metrics: metrics.New(), MinPassword: 1})
	h.add(t, "u1", "pass") // hash 1
	c, err := h.Derive(t.Context(), "shared")
	if err != nil {
		t.Fatal(err)
	}
	for _, local := range []string{"a", "b"} {
		if _, err := h.CreateAccount(t.Context(), address(t, local+"@demo.test"), directory.NewAccount{Credential: c}); err != nil {
			t.Fatal(err)
		}
	}
	h.wantLogin(t, "a", "shared", nil, "3")
	h.wantLogin(t, "b", "shared", nil, "3")
}

func TestStormOfOneLoginHashesOnce(t *testing.T) {
	h := newHouse(t, directory.Options{Metrics: metrics.New(), MinPassword: 1})
	h.add(t, "u1", "pass")
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, err := h.Authenticate(t.Context(), "u1", "pass", peer); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := metric(t, h.opts.Metrics, hashed); got != "2" {
		t.Errorf("%s hashes, want 2", got)
	}
}

func TestTooManyWaiting(t *testing.T) {
	h := newHouse(t, directory.Options{
		Remember: -1, MinPassword: 1,
		Cost: directory.Cost{Memory: 8 << 10, Time: 1, Parallel: 1, Waiting: 1, Iterations: 4096},
	})
	h.add(t, "u1", "pass")
	var wg sync.WaitGroup
	var mu sync.Mutex
	busy := 0
	for i := range 50 {
		wg.Go(func() {
			_, err := h.Authenticate(t.Context(), "u1", strings.Repeat("x", i+1), peer)
			mu.Lock()
			defer mu.Unlock()
			var temporary interface{ Temporary() bool }
			if errors.Is(err, directory.ErrBusy) && errors.As(err, &temporary) && temporary.Temporary() {
				busy++
			} else if !errors.Is(err, directory.ErrCredentials) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if busy == 0 {
		t.Error("nobody was turned away")
	}
}

func TestPasswordIsHashedAnewAtTodaysCost(t *testing.T) {
	h := newHouse(t, directory.Options{Metrics: metrics.New(), MinPassword: 1})
	h.add(t, "u1", "pass")
	opts := h.opts
	opts.Cost.Time++
	opts.Cost.Iterations++
	opts.Offer.Mechanisms = []string{sasl.ScramSHA256, sasl.ScramSHA1, sasl.Plain}
	opts.Metrics = metrics.New()
	h.opts = opts
	h.reopen(t, opts)
	if !errors.Is(h.scram(t, sasl.SHA1, "u1", "pass", ""), sasl.ErrFailed) {
		t.Error("a key that was never made fits")
	}
	h.wantLogin(t, "u1", "pass", nil, "2") // checks the old, makes the new
	h.wantLogin(t, "u1", "pass", nil, "3") // the new one is another question
	h.wantLogin(t, "u1", "pass", nil, "3")
	for _, hash := range []sasl.Hash{sasl.SHA256, sasl.SHA1} {
		if err := h.scram(t, hash, "u1", "pass", ""); err != nil {
			t.Errorf("%v: %v", hash, err)
		}
	}
}

// scram logs in by SCRAM.
func (h *house) scram(t testing.TB, hash sasl.Hash, login, password, authzid string) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e := h.Exchange(ctx, peer)
	conf := sasl.Config{Backend: e, Offer: sasl.Offer{Mechanisms: []string{hash.Mechanism()}}}
	server, err := conf.Start("SCRAM-" + hash.String())
	if err != nil {
		t.Fatal(err)
	}
	client := &sasl.ScramClient{Hash: hash, User: login, Password: password, Authzid: authzid}
	var challenge []byte
	for {
		response, err := client.Next(challenge)
		if err != nil {
			return err
		}
		var done bool
		if challenge, done, err = server.Next(response); err != nil || done {
			if (err == nil) != (e.Identity() != directory.Identity{}) {
				t.Errorf("error %v, identity %v", err, e.Identity())
			}
			return err
		}
	}
}

func TestSCRAM(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	h.add(t, "u1", "Straße 1")
	h.add(t, "u2", "pass")
	for _, tt := range []struct {
		login, password, authzid string
		want                     error
	}{
		{"u1", "Straße 1", "", nil},
		{"U1@Demo.Test", "Straße 1", "", nil},
		{"u1", "Straße 1", "u1@demo.test", nil},
		{"u1", "Straße 1", "u1", nil},
		{"u1", "Straße 1", "u2", directory.ErrCredentials},
		{"u1", "Strasse 1", "", sasl.ErrFailed},
		{"u3", "pass", "", sasl.ErrFailed},
	} {
		if err := h.scram(t, sasl.SHA256, tt.login, tt.password, tt.authzid); !errors.Is(err, tt.want) {
			t.Errorf("%s, %s as %q: %v, want %v", tt.login, tt.password, tt.authzid, err, tt.want)
		}
	}
	if err := h.SetAccess(t.Context(), address(t, "u2@demo.test"), directory.Closed); err != nil {
		t.Fatal(err)
	}
	if err := h.scram(t, sasl.SHA256, "u2", "pass", ""); !errors.Is(err, directory.ErrDisabled) {
		t.Errorf("closed account: %v", err)
	}
}

func TestPLAINChecksWhoIsActedFor(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	h.add(t, "u1", "pass")
	for authzid, want := range map[string]error{
		"": nil, "u1": nil, "U1@demo.test": nil, "u2": directory.ErrCredentials, "root": directory.ErrCredentials,
	} {
		if err := h.Exchange(t.Context(), peer).Password(authzid, "u1", "pass"); !errors.Is(err, want) {
			t.Errorf("as %q: %v, want %v", authzid, err, want)
		}
	}
}

// What SCRAM says of nobody is what it would say of somebody, also after a
// restart.
func TestKeysOfNobody(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	h.add(t, "u1", "pass")
	ask := func(login string) sasl.Keys {
		k, err := h.Exchange(t.Context(), peer).Keys(login, sasl.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	real, fake := ask("u1"), ask("nobody")
	if len(real.Salt) != len(fake.Salt) || real.Iterations != fake.Iterations {
		t.Errorf("they differ: %d octets of salt and %d, %d iterations and %d", len(real.Salt), len(fake.Salt), real.Iterations, fake.Iterations)
	}
	if string(fake.Salt) == string(ask("noone").Salt) {
		t.Error("two names have one salt")
	}
	if string(fake.Salt) != string(ask("Nobody@demo.test").Salt) {
		t.Error("two spellings of a name have two salts")
	}
	h.reopen(t, h.opts)
	if string(fake.Salt) != string(ask("nobody").Salt) {
		t.Error("the salt did not survive a restart")
	}
}

func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, directory.Options{MinPassword: 1, Guard: limit.NewGuard(limit.GuardOptions{First: time.Second, Refuse: 3})})
		h.add(t, "u1", "pass")
		try := func(login, password string, from netip.Addr, want error, wait time.Duration) {
			t.Helper()
			start := time.Now()
			if _, err := h.Authenticate(t.Context(), login, password, from); !errors.Is(err, want) {
				t.Errorf("%s, %s: %v, want %v", login, password, err, want)
			}
			if got := time.Since(start); got != wait {
				t.Errorf("%s, %s: took %v, want %v", login, password, got, wait)
			}
		}
		try("u1", "a", peer, directory.ErrCredentials, 0)
		try("u1", "a", peer, directory.ErrCredentials, time.Second)
		try("u1", "a", peer, directory.ErrCredentials, time.Second) // the same again is not counted
		try("u1@demo.test", "b", peer, directory.ErrCredentials, time.Second)
		try("u1", "pass", peer, nil, 2*time.Second)
		try("u1", "pass", peer, nil, 0)
		for i, wait := range []time.Duration{0, 1, 2} {
			try("u1", strings.Repeat("c", i+1), peer, directory.ErrCredentials, wait*time.Second)
		}
		try("u1", "pass", peer, directory.ErrThrottled, 0)
		try("u1", "pass", netip.MustParseAddr("198.51.100.1"), nil, 0)
	})
}

// A SCRAM exchange that is not proved is a failure, whatever the client does.
func TestGuardSeesSCRAM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := limit.NewGuard(limit.GuardOptions{})
		h := newHouse(t, directory.Options{MinPassword: 1, Guard: guard})
		h.add(t, "u1", "pass")
		want := func(want time.Duration) {
			t.Helper()
			synctest.Wait()
			if got, err := guard.Check("demo.test/u1", peer); got != want || err != nil {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		}
		if err := h.scram(t, sasl.SHA256, "u1", "pass", ""); err != nil {
			t.Error(err)
		}
		want(0)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := h.Exchange(ctx, peer).Keys("u1", sasl.SHA256); err != nil {
			t.Error(err)
		}
		want(0)
		cancel() // it hung up
		want(500 * time.Millisecond)
		if err := h.scram(t, sasl.SHA256, "u1", "wrong", ""); err == nil {
			t.Error("a wrong password fits")
		}
		want(time.Second)
	})
}
