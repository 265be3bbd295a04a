// Package oauthtest is an issuer of tokens on loopback, for tests: discovery, keys, and introspection, all of which can be made to
// fail. It signs with Ed25519, by its own few lines, so that it is no mirror of what it tests.
package oauthtest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Issuer is a running issuer. It is safe for concurrent use.
type Issuer struct {
	URL    string
	server *httptest.Server
	mu     struct {
		sync.Mutex
		keys   map[string]ed25519.PrivateKey // by key id
		opaque map[string]map[string]any     // what introspection says, by token
		asked  map[string]int                // requests by path
		down   bool
	}
}

// ClientID and ClientSecret are what introspection wants to see.
const (
	ClientID     = "restante"
	ClientSecret = "a secret: with/signs"
	Audience     = "mail.demo.test"
)

// New starts an issuer that ends with the test. It has one key, "k1".
func New(t testing.TB) *Issuer {
	t.Helper()
	i := new(Issuer)
	i.mu.keys, i.mu.opaque, i.mu.asked = make(map[string]ed25519.PrivateKey), make(map[string]map[string]any), make(map[string]int)
	i.AddKey(t, "k1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.jwks)
	mux.HandleFunc("POST /introspect", i.introspect)
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.mu.asked[r.URL.Path]++
		down := i.mu.down
		i.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	return i
}

// Transport reaches the issuer. Its connections end with the issuer.
func (i *Issuer) Transport() http.RoundTripper { return i.server.Client().Transport }

// AddKey makes a key.
func (i *Issuer) AddKey(t testing.TB, id string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mu.keys[id] = key
}

// SetDown makes every request fail, or not.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mu.down = down
}

// Asked is how many requests there were for a path.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.mu.asked[path]
}

// Claims are those of a good token for a login at a moment; more replaces some, nil values take them out.
func (i *Issuer) Claims(login string, now time.Time, more map[string]any) map[string]any {
	c := map[string]any{
		"iss": i.URL, "aud": Audience, "sub": "17", "email": login, "scope": "openid mail",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(c, more)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// JWT signs claims by key k1, Sign by another.
func (i *Issuer) JWT(claims map[string]any) string { return i.Sign("k1", "EdDSA", claims) }

// Sign signs claims by a key, and says that it was by an algorithm.
func (i *Issuer) Sign(key, algorithm string, claims map[string]any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	signed := part(map[string]string{"alg": algorithm, "kid": key, "typ": "at+jwt"}) + "." + part(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(i.mu.keys[key], []byte(signed)))
}

// Opaque makes introspection know a token.
func (i *Issuer) Opaque(token string, claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mu.opaque[token] = claims
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"introspection_endpoint": i.URL + "/introspect", "id_token_signing_alg_values_supported": []string{"EdDSA"},
	})
}

func (i *Issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var keys []map[string]any
	for id, key := range i.mu.keys {
		keys = append(keys, map[string]any{
			"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "alg": "EdDSA",
			"x": base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey)),
		})
	}
	answer(w, map[string]any{"keys": keys})
}

func (i *Issuer) introspect(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != ClientID || secret != "a+secret%3A+with%2Fsigns" { // RFC 6749 2.3.1: encoded before it is joined
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	c, ok := i.mu.opaque[r.FormValue("token")]
	if !ok {
		c = map[string]any{"active": false}
	}
	answer(w, c)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client sees what is missing
}
