package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/base/oauth"
	"restante/internal/base/oauth/oauthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a verifier, its issuer, and their clock.
type scene struct {
	*oauthtest.Issuer
	v   *oauth.Verifier
	now time.Time
	log bytes.Buffer
}

func newScene(t *testing.T, change func(*oauth.Issuer)) *scene {
	t.Helper()
	s := &scene{Issuer: oauthtest.New(t), now: time.Unix(1.8e9, 0)}
	i := oauth.Issuer{URL: s.URL, Audiences: []string{"other", oauthtest.Audience}, Scopes: []string{"mail"}}
	if change != nil {
		change(&i)
	}
	var err error
	s.v, err = oauth.New(oauth.Options{
		Issuers: []oauth.Issuer{i}, Transport: s.Transport(), Clock: func() time.Time { return s.now },
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.v.Close)
	return s
}

func (s *scene) want(t *testing.T, what, token, login string, err error) {
	t.Helper()
	got, gotErr := s.v.Verify(t.Context(), token)
	if got != login || !errors.Is(gotErr, err) {
		t.Errorf("%s: %q, %v; want %q, %v", what, got, gotErr, login, err)
	}
	if gotErr != nil && len(token) > 10 && strings.Contains(gotErr.Error(), token[len(token)-10:]) {
		t.Errorf("%s: the error quotes the token: %v", what, gotErr)
	}
	if len(token) > 10 && strings.Contains(s.log.String(), token[len(token)-10:]) {
		t.Errorf("%s: the log has the token: %s", what, &s.log)
	}
}

func TestClaims(t *testing.T) {
	s := newScene(t, nil)
	for _, tt := range []struct {
		what string
		more map[string]any
		err  error
	}{
		{"good", nil, nil},
		{"one of several audiences", map[string]any{"aud": []string{"x", "other"}}, nil},
		{"another audience", map[string]any{"aud": "x"}, oauth.ErrInvalid},
		{"no audience", map[string]any{"aud": nil}, oauth.ErrInvalid},
		{"client instead of audience", map[string]any{"aud": nil, "client_id": oauthtest.Audience}, oauth.ErrInvalid},
		{"no scope", map[string]any{"scope": nil}, oauth.ErrScope},
		{"another scope", map[string]any{"scope": "email"}, oauth.ErrScope},
		{"scopes as a list", map[string]any{"scope": nil, "scp": []string{"mail"}}, nil},
		{"expired, but for the clocks", map[string]any{"exp": s.now.Unix() - 50}, nil},
		{"expired", map[string]any{"exp": s.now.Unix() - 70}, oauth.ErrInvalid},
		{"no end", map[string]any{"exp": nil}, oauth.ErrInvalid},
		{"not yet, but for the clocks", map[string]any{"nbf": s.now.Unix() + 50}, nil},
		{"not yet", map[string]any{"nbf": s.now.Unix() + 70}, oauth.ErrInvalid},
		{"verified", map[string]any{"email_verified": true}, nil},
		{"not verified", map[string]any{"email_verified": false}, oauth.ErrInvalid},
		{"no address", map[string]any{"email": nil}, oauth.ErrInvalid},
		{"address of another kind", map[string]any{"email": 7}, oauth.ErrInvalid},
		{"another issuer", map[string]any{"iss": "https://other.test"}, oauth.ErrInvalid},
	} {
		login := ""
		if tt.err == nil {
			login = "u1@demo.test"
		}
		s.want(t, tt.what, s.JWT(s.Claims("u1@demo.test", s.now, tt.more)), login, tt.err)
	}
}

func TestSignatures(t *testing.T) {
	s := newScene(t, func(i *oauth.Issuer) { i.Claim = "sub" })
	good := s.JWT(s.Claims("", s.now, nil))
	s.want(t, "good", good, "17", nil)
	parts := strings.Split(good, ".")
	forged := strings.Split(s.JWT(s.Claims("", s.now, map[string]any{"sub": "18"})), ".")
	s.want(t, "other claims", parts[0]+"."+forged[1]+"."+parts[2], "", oauth.ErrInvalid)
	s.want(t, "no signature", parts[0]+"."+parts[1]+".", "", oauth.ErrInvalid)
	s.want(t, "none", s.Sign("k1", "none", s.Claims("", s.now, nil)), "", oauth.ErrInvalid)
	s.want(t, "HS256", s.Sign("k1", "HS256", s.Claims("", s.now, nil)), "", oauth.ErrInvalid)
	s.want(t, "no token", "x", "", oauth.ErrInvalid)
	s.want(t, "long", strings.Repeat("x", 20_000), "", oauth.ErrInvalid)
}

// A flood of tokens with unknown keys makes few requests; a new key is found when some seconds have passed.
func TestKeysAreFetchedSparingly(t *testing.T) {
	s := newScene(t, nil)
	claims := s.Claims("u1@demo.test", s.now, nil)
	s.want(t, "the first", s.JWT(claims), "u1@demo.test", nil)
	s.AddKey(t, "k2")
	for range 20 {
		s.want(t, "too early", s.Sign("k2", "EdDSA", claims), "", oauth.ErrInvalid)
	}
	if n := s.Asked("/keys"); n != 1 {
		t.Errorf("%d requests", n)
	}
	s.now = s.now.Add(6 * time.Second)
	for range 1000 { // the library may still be telling of the request before
		if _, err := s.v.Verify(t.Context(), s.Sign("k2", "EdDSA", claims)); err == nil {
			break
		}
		runtime.Gosched()
	}
	s.want(t, "a new key", s.Sign("k2", "EdDSA", claims), "u1@demo.test", nil)
	s.want(t, "the old key", s.JWT(claims), "u1@demo.test", nil)
	if a, b := s.Asked("/keys"), s.Asked("/.well-known/openid-configuration"); a != 2 || b != 1 {
		t.Errorf("%d and %d requests", a, b)
	}
}

func TestIssuerThatIsDown(t *testing.T) {
	s := newScene(t, nil)
	s.SetDown(true)
	token := s.JWT(s.Claims("u1@demo.test", s.now, nil))
	var temporary interface{ Temporary() bool }
	if _, err := s.v.Verify(t.Context(), token); !errors.As(err, &temporary) || !temporary.Temporary() {
		t.Errorf("%v is not temporary", err)
	}
	s.want(t, "down", token, "", oauth.ErrUnavailable)
	if n := s.Asked("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("%d requests", n)
	}
	s.SetDown(false)
	s.want(t, "too early", token, "", oauth.ErrUnavailable)
	s.now = s.now.Add(11 * time.Second)
	s.want(t, "up again", token, "u1@demo.test", nil)

	// What is known goes on without it, and keys that cannot be fetched are no verdict on a token.
	s.SetDown(true)
	s.AddKey(t, "k2")
	s.now = s.now.Add(25 * time.Hour)
	claims := s.Claims("u1@demo.test", s.now, nil)
	s.want(t, "down, known key", s.JWT(claims), "u1@demo.test", nil)
	s.want(t, "down, unknown key", s.Sign("k2", "EdDSA", claims), "", oauth.ErrUnavailable)
	s.want(t, "the same again", s.Sign("k2", "EdDSA", claims), "", oauth.ErrUnavailable)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.v.Verify(ctx, s.Sign("k2", "EdDSA", claims)); !errors.Is(err, oauth.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestIntrospection(t *testing.T) {
	s := newScene(t, func(i *oauth.Issuer) {
		i.ClientID, i.ClientSecret = oauthtest.ClientID, oauthtest.ClientSecret
	})
	active := func(more map[string]any) map[string]any {
		c := s.Claims("u1@demo.test", s.now, more)
		c["active"] = true
		return c
	}
	s.Opaque("good", active(nil))
	s.Opaque("eternal", active(map[string]any{"exp": nil, "iss": nil}))
	s.Opaque("brief", active(map[string]any{"exp": s.now.Unix() + 10}))
	s.Opaque("client", active(map[string]any{"aud": nil, "client_id": "other"}))
	s.Opaque("audience", active(map[string]any{"aud": "x"}))
	s.Opaque("nobody's", active(map[string]any{"aud": nil}))
	s.Opaque("scope", active(map[string]any{"scope": "profile"}))
	s.Opaque("issuer", active(map[string]any{"iss": "https://other.test"}))
	for token, want := range map[string]error{
		"good": nil, "eternal": nil, "brief": nil, "client": nil, "audience": oauth.ErrInvalid, "nobody's": oauth.ErrInvalid,
		"scope": oauth.ErrScope, "issuer": oauth.ErrInvalid, "unknown": oauth.ErrInvalid,
	} {
		login := ""
		if want == nil {
			login = "u1@demo.test"
		}
		s.want(t, token, token, login, want)
		n := s.Asked("/introspect")
		s.want(t, token+" again", token, login, want)
		if s.Asked("/introspect") != n {
			t.Errorf("%s: asked twice", token)
		}
	}
	s.Opaque("good", map[string]any{"active": false})
	s.now = s.now.Add(30 * time.Second)
	s.want(t, "still remembered", "good", "u1@demo.test", nil)
	s.now = s.now.Add(31 * time.Second)
	s.want(t, "revoked", "good", "", oauth.ErrInvalid)
	s.SetDown(true)
	s.want(t, "down", "something", "", oauth.ErrUnavailable)
	s.SetDown(false)
	s.want(t, "up", "something", "", oauth.ErrInvalid)
}

func TestIntrospectionWithoutCredentials(t *testing.T) {
	s := newScene(t, nil)
	s.Opaque("good", s.Claims("u1@demo.test", s.now, map[string]any{"active": true}))
	s.want(t, "not asked", "good", "", oauth.ErrInvalid)
	if s.Asked("/introspect") != 0 {
		t.Error("it was asked")
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newScene(t, nil)
	token := s.JWT(s.Claims("u1@demo.test", s.now, nil))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { s.want(t, "one of many", token, "u1@demo.test", nil) })
	}
	wg.Wait()
	if a, b := s.Asked("/keys"), s.Asked("/.well-known/openid-configuration"); a > 1 || b > 1 {
		t.Errorf("%d and %d requests", a, b)
	}
}

func TestOptions(t *testing.T) {
	for _, i := range []oauth.Issuer{
		{URL: "", Audiences: []string{"a"}},
		{URL: "http://issuer.test", Audiences: []string{"a"}},
		{URL: "https://issuer.test?x=1", Audiences: []string{"a"}},
		{URL: "https://user@issuer.test", Audiences: []string{"a"}},
		{URL: "issuer.test", Audiences: []string{"a"}},
		{URL: "https://issuer.test"},
		{URL: "https://issuer.test", Audiences: []string{"a"}, Introspection: "http://issuer.test/i"},
	} {
		if _, err := oauth.New(oauth.Options{Issuers: []oauth.Issuer{i}}); err == nil {
			t.Errorf("%+v was taken", i)
		}
	}
	v, err := oauth.New(oauth.Options{Issuers: []oauth.Issuer{{URL: "https://issuer.test", Audiences: []string{"a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
}
