package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/base/fetch"
)

// TestSTSFetched finds policies on a real web server, which shows the wrong certificate for some.
func TestSTSFetched(t *testing.T) {
	now := time.Now // the web server's certificate is checked by the real time
	dates := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now().Add(-time.Hour), now().Add(time.Hour) }
	root := issue(t, nil, "root", dates)
	host := issue(t, root, "x", dates, "mta-sts.good.example", "mta-sts.moved.example", "mta-sts.giant.example", "mta-sts.html.example")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		switch {
		case r.URL.Path != "/.well-known/mta-sts.txt":
			http.NotFound(w, r)
		case r.Host == "mta-sts.good.example":
			_, _ = io.WriteString(w, enforced)
		case r.Host == "mta-sts.moved.example":
			http.Redirect(w, r, "https://mta-sts.good.example/.well-known/mta-sts.txt", http.StatusMovedPermanently)
		case r.Host == "mta-sts.giant.example":
			_, _ = io.WriteString(w, enforced+strings.Repeat("x: y\n", MaxPolicy/5))
		case r.Host == "mta-sts.html.example":
			_, _ = io.WriteString(w, "<html>")
		}
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{host.cert.Raw}, PrivateKey: host.key}}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	z := dnstest.New(t, "*.example A 192.0.2.1\n*.example TXT v=STSv1; id=1")
	c := NewSTSCache(STSOptions{Resolver: z, Clock: now, Getter: fetch.New(fetch.Options{
		Resolver: z, Roots: roots,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
		},
	})})
	for domain, want := range map[string]FailureType{
		"good.example":    "",
		"moved.example":   FailureSTSFetch,
		"giant.example":   FailureSTSFetch,
		"html.example":    FailureSTSInvalid,
		"foreign.example": FailureSTSWebPKI,
	} {
		sts, err := c.Lookup(t.Context(), domain)
		if err != nil {
			t.Fatal(err)
		}
		var got FailureType
		if sts.Failed != nil {
			got = sts.Failed.Failure
		}
		if got != want || sts.Policy.Active() != (want == "") {
			t.Errorf("%s: %q %+v, want %q", domain, got, sts, want)
		}
	}
}
