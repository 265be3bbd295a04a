// Package acmetest runs an authority that speaks ACME for tests: Pebble, of those who run Let's Encrypt. It looks whether names are whose they should be at
// ports that the test says, and can be told to misbehave.
package acmetest

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Options say where the authority looks.
type Options struct {
	HTTP, TLS int            // the ports in the place of 80 and 443
	DNS       netip.AddrPort // its resolver
	// KeyID and MACKey (base64url) are those of the one account that may be bound to; empty: anybody may have one.
	KeyID, MACKey string
}

// Identity is what CAA records name it by.
const Identity = "ca.example"

// Authority is a running one. It is safe for concurrent use.
type Authority struct {
	web    *httptest.Server
	issuer *ca.CAImpl

	mu     sync.Mutex
	front  http.Handler
	orders int
}

// Nonces is the variable of how many nonces in a hundred an authority refuses.
const Nonces = "PEBBLE_WFE_NONCEREJECT"

// Start runs an authority, which ends with the test. Its certificates are good for 90 days.
func Start(tb testing.TB, o Options) *Authority {
	tb.Helper()
	tb.Setenv("PEBBLE_VA_NOSLEEP", "1")
	if os.Getenv(Nonces) == "" {
		tb.Setenv(Nonces, "0") // or one in twenty, and its request would be counted twice
	}
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	a := &Authority{issuer: ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: 90 * 24 * 3600}})}
	look := va.New(quiet, o.HTTP, o.TLS, false, o.DNS.String(), store)
	front := wfe.New(quiet, store, look, a.issuer, []string{Identity}, false, o.KeyID != "", 0, 0)
	if o.KeyID != "" {
		if err := store.AddExternalAccountKeyByID(o.KeyID, o.MACKey); err != nil {
			tb.Fatal(err)
		}
	}
	handler := front.Handler()
	a.web = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		if r.URL.Path == "/order-plz" {
			a.orders++
		}
		h := a.front
		a.mu.Unlock()
		if h == nil {
			h = handler
		}
		h.ServeHTTP(out, r)
	}))
	a.web.Config.ErrorLog = quiet
	a.web.StartTLS()
	tb.Cleanup(a.web.Close)
	return a
}

// Directory is the URL of its directory.
func (a *Authority) Directory() string { return a.web.URL + wfe.DirectoryPath }

// WebRoot is who vouches for its web server, in PEM.
func (a *Authority) WebRoot() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.web.Certificate().Raw})
}

// Root is who vouches for what it issues, in PEM.
func (a *Authority) Root() []byte { return a.issuer.GetRootCert(0).PEM() }

// Roots is one of them as a pool.
func Roots(tb testing.TB, text []byte) *x509.CertPool {
	tb.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		tb.Fatal("no certificate")
	}
	return pool
}

// Behave puts something in the place of the authority; nil gives it back.
func (a *Authority) Behave(h http.Handler) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.front = h
}

// Orders is how many were begun since the last call.
func (a *Authority) Orders() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.orders
	a.orders = 0
	return n
}
