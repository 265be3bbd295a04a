package directory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/oauth"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
)

// tokens are logins by token; no login is a token for other things.
type tokens map[string]string

func (t tokens) Verify(_ context.Context, token string) (string, error) {
	switch login, ok := t[token]; {
	case token == "later":
		return "", oauth.ErrUnavailable
	case !ok:
		return "", oauth.ErrInvalid
	case login == "":
		return "", oauth.ErrScope
	default:
		return login, nil
	}
}

func TestOfferIsWhatCanBeDone(t *testing.T) {
	for _, tt := range []struct {
		opts directory.Options
		want string
	}{
		{directory.Options{}, "[SCRAM-SHA-256 PLAIN LOGIN EXTERNAL]"},
		{directory.Options{Tokens: tokens{}}, "[SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2 EXTERNAL]"},
		{directory.Options{Offer: sasl.Offer{Mechanisms: []string{"CRAM-MD5", "SCRAM-SHA-1"}}}, "[SCRAM-SHA-1]"},
		{directory.Options{CramKey: make([]byte, 32), Offer: sasl.Offer{Mechanisms: []string{"CRAM-MD5"}}}, "[CRAM-MD5]"},
	} {
		h := newHouse(t, tt.opts)
		if got := fmt.Sprint(h.Offer().Mechanisms); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestTokenLogin(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1, Tokens: tokens{
		"t1": "u1@demo.test", "short": "u1", "t2": "u2@demo.test", "stranger": "x@demo.test", "narrow": "",
	}})
	h.add(t, "u1", "pass")
	h.add(t, "u2", "pass")
	if err := h.SetAccess(t.Context(), address(t, "u2@demo.test"), directory.NoLogin); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		user, token string
		want        error
	}{
		{"", "t1", nil}, {"u1", "t1", nil}, {"U1@demo.test", "short", nil}, {"u2", "t1", directory.ErrCredentials},
		{"", "t2", directory.ErrDisabled}, {"", "stranger", directory.ErrCredentials}, {"", "narrow", sasl.ErrScope},
		{"", "wrong", directory.ErrCredentials}, {"", "later", oauth.ErrUnavailable},
	} {
		e := h.Exchange(t.Context(), peer)
		err := e.Token(tt.user, tt.token)
		if !errors.Is(err, tt.want) || (err == nil) != (e.Identity().Login == "u1@demo.test") {
			t.Errorf("%q, %s: %v, %+v; want %v", tt.user, tt.token, err, e.Identity(), tt.want)
		}
	}
}

func TestCertificateLogin(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1, Certificates: map[string]string{"sha256:aa": "u2", "old@demo.test": "u1"}})
	h.add(t, "u1", "pass")
	h.add(t, "u2", "pass")
	h.add(t, "u3", "pass")
	if err := h.SetAccess(t.Context(), address(t, "u3@demo.test"), directory.NoLogin); err != nil {
		t.Fatal(err)
	}
	names := func(s ...string) []string { return s }
	for _, tt := range []struct {
		authzid string
		names   []string
		want    string // "" means refused
	}{
		{"", names("u1@demo.test", "sha256:bb"), "u1@demo.test"},
		{"", names("U1@Demo.test", "sha256:bb"), "u1@demo.test"},
		{"u1", names("u1@demo.test"), "u1@demo.test"},
		{"u2", names("u1@demo.test"), ""},
		{"", names("sha256:aa", "u1@demo.test"), "u2@demo.test"}, // what the operator says wins
		{"u1", names("sha256:aa", "u1@demo.test"), ""},
		{"", names("old@demo.test"), "u1@demo.test"},
		{"", names("u1@demo.test", "u2@demo.test"), ""}, // which?
		{"u2", names("u1@demo.test", "u2@demo.test"), "u2@demo.test"},
		{"", names("u1@demo.test", "x@elsewhere.test"), "u1@demo.test"},
		{"", names("x@elsewhere.test", "sha256:bb"), ""},
		{"", names("u3@demo.test"), ""},
		{"", nil, ""},
	} {
		e := h.Exchange(t.Context(), peer)
		err := e.External(tt.authzid, tt.names)
		if e.Identity().Login != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, sasl.ErrFailed) {
			t.Errorf("%q, %q: %v, %+v; want %q", tt.authzid, tt.names, err, e.Identity(), tt.want)
		}
	}
}

// cram logs in by CRAM-MD5.
func (h *house) cram(t testing.TB, login, password string) error {
	t.Helper()
	conf := sasl.Config{Backend: h.Exchange(t.Context(), peer), Offer: h.Offer()}
	server, err := conf.Start(sasl.CramMD5)
	if err != nil {
		return err
	}
	challenge, _, err := server.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := sasl.NewCramClient(login, password).Next(challenge)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = server.Next(response)
	return err
}

// What CRAM-MD5 needs is made when an operator asks for it, is of no use under another key, and goes when it is not asked for any more.
func TestCramMD5(t *testing.T) {
	plain := directory.Options{MinPassword: 1}
	h := newHouse(t, plain)
	plain = h.opts
	h.add(t, "u1", "Straße 1")
	asked := plain
	asked.CramKey = []byte("0123456789abcdef0123456789abcdef")
	asked.Offer.Mechanisms = []string{sasl.CramMD5, sasl.Plain}
	login := func() {
		t.Helper()
		if _, err := h.Authenticate(t.Context(), "u1", "Straße 1", peer); err != nil {
			t.Error(err)
		}
	}
	h.reopen(t, asked)
	if err := h.cram(t, "u1", "Straße 1"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("before a login: %v", err)
	}
	login()
	for who, want := range map[[2]string]error{
		{"u1", "Straße 1"}: nil, {"u1@demo.test", "Straße 1"}: nil, {"u1", "wrong"}: directory.ErrCredentials, {"x", "Straße 1"}: directory.ErrCredentials,
	} {
		if err := h.cram(t, who[0], who[1]); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", who, err, want)
		}
	}
	other := asked
	other.CramKey = []byte("another key of just 32 octets...")
	h.reopen(t, other)
	if err := h.cram(t, "u1", "Straße 1"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("under another key: %v", err)
	}
	h.reopen(t, plain)
	login()
	h.reopen(t, asked)
	if err := h.cram(t, "u1", "Straße 1"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("it was kept: %v", err)
	}
	asked.CramKey = []byte("short")
	if _, err := directory.Open(t.Context(), h.store, asked); err == nil {
		t.Error("a short key was taken")
	}
}

func TestSessionsOutliveNoPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, directory.Options{MinPassword: 1, Tokens: tokens{"t": "u1"}, Offer: sasl.Offer{Mechanisms: []string{sasl.Plain, sasl.OAuthBearer}}})
		h.add(t, "u1", "pass")
		u1 := address(t, "u1@demo.test")
		login := func(password string) directory.Identity {
			t.Helper()
			id, err := h.Authenticate(t.Context(), "u1", password, peer)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		first := login("pass")
		e := h.Exchange(t.Context(), peer)
		if err := e.Token("", "t"); err != nil {
			t.Fatal(err)
		}
		var woken, cut, tokenCut int
		begun := time.Now()
		w := h.Watch(first, func() { woken++ }, func() { cut++ })
		defer w.Close()
		wt := h.Watch(e.Identity(), func() {}, func() { tokenCut++ })
		defer wt.Close()
		valid := func(what string, id directory.Identity, want error) {
			t.Helper()
			if err := h.Valid(t.Context(), id); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		valid("untouched", first, nil)

		// The same password hashed anew is the same password.
		opts := h.opts
		opts.Cost = cheap
		opts.Cost.Time++
		h.reopen(t, opts)
		login("pass")
		valid("hashed anew", first, nil)

		// The new one is set within the same second, by another directory of the same store, as after a reload.
		c, err := h.Derive(t.Context(), "new")
		if err != nil {
			t.Fatal(err)
		}
		h.reopen(t, h.opts)
		if err := h.SetPassword(t.Context(), u1, c); err != nil {
			t.Fatal(err)
		}
		valid("changed", first, directory.ErrRevoked)
		valid("of a token", e.Identity(), nil)
		second := login("new")
		valid("of the new one", second, nil)
		if woken != 0 {
			t.Error("hints of another bus came")
		}

		for _, access := range []directory.Access{directory.NoLogin, directory.Active} {
			if err := h.SetAccess(t.Context(), u1, access); err != nil {
				t.Fatal(err)
			}
		}
		valid("open again", second, nil)
		w2 := h.Watch(second, func() { woken++ }, func() { cut++ })
		if err := h.SetAccess(t.Context(), u1, directory.NoLogin); err != nil {
			t.Fatal(err)
		}
		if woken != 1 {
			t.Errorf("woken %d times", woken)
		}
		valid("disabled", second, directory.ErrDisabled)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if cut != 1 || tokenCut != 0 {
			t.Errorf("cut %d, %d times after %v", cut, tokenCut, time.Since(begun))
		}
		w2.Close()
		w2.Close()
		if err := h.RemoveAccount(t.Context(), u1); err != nil {
			t.Fatal(err)
		}
		valid("gone", second, directory.ErrUnknownUser)
		h.add(t, "u1", "new")
		valid("another's", second, directory.ErrUnknownUser)
	})
}
