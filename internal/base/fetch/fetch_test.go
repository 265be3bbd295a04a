package fetch_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
	"restante/internal/base/fetch"
)

// newWeb is a web server for example.com, and a client that finds it.
func newWeb(t *testing.T, change func(*fetch.Options)) *fetch.Client {
	release := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		switch r.URL.Path {
		case "/good":
			_, _ = io.WriteString(w, "good")
		case "/post":
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Method != http.MethodPost || string(body) != "report" || r.Header.Get("Content-Type") != "application/tlsrpt+gzip" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.WriteHeader(http.StatusCreated)
		case "/moved":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/html":
			w.Header().Set("Content-Type", "text/html")
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 101))
		case "/slow":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-release
		default:
			http.NotFound(w, r)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(func() { close(release); srv.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	o := fetch.Options{
		Resolver: dnstest.New(t, "example.com A 192.0.2.1\nother.example A 192.0.2.1\ninside.example A 127.0.0.1\ninside.example AAAA ::1\nmapped.example AAAA ::ffff:10.0.0.1"),
		Roots:    roots,
		Timeout:  time.Second,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
		},
	}
	if change != nil {
		change(&o)
	}
	return fetch.New(o)
}

func TestGet(t *testing.T) {
	c := newWeb(t, nil)
	text, err := c.Get(t.Context(), "https://example.com/good", 100)
	if err != nil || string(text) != "good" {
		t.Errorf("%q, %v", text, err)
	}
	for _, url := range []string{"https://example.com/moved", "https://example.com/html", "https://example.com/long", "https://example.com/none", "http://example.com/good"} {
		if _, err := c.Get(t.Context(), url, 100); !errors.Is(err, fetch.ErrRefused) {
			t.Errorf("%s: %v", url, err)
		}
	}
	var certificate *tls.CertificateVerificationError
	if _, err := c.Get(t.Context(), "https://other.example/good", 100); !errors.As(err, &certificate) {
		t.Errorf("another name: %v", err)
	}
	if _, err := c.Get(t.Context(), "https://gone.example/good", 100); !errors.Is(err, dns.ErrNoName) {
		t.Errorf("no name: %v", err)
	}
	for _, host := range []string{"inside.example", "mapped.example", "localhost"} {
		if _, err := c.Get(t.Context(), "https://"+host+"/good", 100); err == nil || !strings.Contains(err.Error(), "no public address") && host != "localhost" {
			t.Errorf("%s: %v", host, err)
		}
	}
	start := time.Now()
	if _, err := c.Get(t.Context(), "https://example.com/slow", 100); err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("slow: %v after %s", err, time.Since(start))
	}
}

func TestGetAllowed(t *testing.T) {
	c := newWeb(t, func(o *fetch.Options) {
		o.Resolver = dnstest.New(t, "example.com A 10.1.2.3\nsub.example.com A 10.2.0.1")
		o.Allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	})
	if text, err := c.Get(t.Context(), "https://example.com/good", 100); err != nil || string(text) != "good" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.Get(t.Context(), "https://sub.example.com/good", 100); err == nil || !strings.Contains(err.Error(), "no public address") {
		t.Error(err)
	}
}

func TestGetUntrusted(t *testing.T) {
	c := newWeb(t, func(o *fetch.Options) { o.Roots = x509.NewCertPool() })
	var certificate *tls.CertificateVerificationError
	if _, err := c.Get(t.Context(), "https://example.com/good", 100); !errors.As(err, &certificate) {
		t.Error(err)
	}
}

// A body goes to a web server whose certificate holds, and to public addresses alone; redirects are not followed with it.
func TestPost(t *testing.T) {
	c := newWeb(t, nil)
	for url, want := range map[string]error{
		"https://example.com/post":    nil,
		"https://example.com/moved":   fetch.ErrRefused,
		"https://example.com/nowhere": fetch.ErrRefused,
		"http://example.com/post":     fetch.ErrRefused,
	} {
		if err := c.Post(t.Context(), url, "application/tlsrpt+gzip", []byte("report")); !errors.Is(err, want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"https://inside.example/post", "https://other.example/post", "https://mapped.example/post"} {
		if err := c.Post(t.Context(), url, "application/tlsrpt+gzip", []byte("report")); err == nil {
			t.Errorf("%s was posted to", url)
		}
	}
}
