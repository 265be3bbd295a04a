package acme_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/base/certs/acme"
	"restante/internal/base/certs/acme/acmetest"
	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
	"restante/internal/base/metrics"
)

func TestMain(m *testing.M) {
	// Pebble judges orders in goroutines that it does not wait for.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// memory is a Storage that outlives a Keeper.
type memory struct {
	mu   sync.Mutex
	rows map[string][]byte
}

func (m *memory) Rows(_ context.Context, prefix string, fn func(string, []byte) error) error {
	m.mu.Lock()
	rows := maps.Clone(m.rows)
	m.mu.Unlock()
	for name, value := range rows {
		if strings.HasPrefix(name, prefix) {
			if err := fn(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Put(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = make(map[string][]byte)
	}
	m.rows[name] = slices.Clone(value)
	return nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, name)
	return nil
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a Keeper, the authority that it asks, and the DNS that both look at.
type world struct {
	t     *testing.T
	dns   *dnstest.Server
	rows  *memory
	clock *clock
	opts  acme.Options
	keep  *acme.Keeper
	http  *httptest.Server // answers at "port 80"
	tls   net.Listener     // and at "port 443"
	ca    *acmetest.Authority

	mu    sync.Mutex
	names []acme.Name
}

const zone = `
mail.example.org A 127.0.0.1
imap.example.org A 127.0.0.1
example.org SOA ns.example.org
`

// newWorld starts a world in which names lead here. change may change the options of the Keeper.
func newWorld(t *testing.T, change func(*acme.Options), names ...string) *world {
	t.Helper()
	w := &world{t: t, dns: dnstest.Serve(t, zone), rows: new(memory), clock: &clock{now: time.Now()}}
	for _, n := range names {
		w.names = append(w.names, acme.Name{Name: n, Way: acme.Here})
	}
	w.http = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.URL.Path, "/.well-known/acme-challenge/")
		host, _, _ := net.SplitHostPort(r.Host)
		content, ok := w.keep.Token(host, token)
		if !ok {
			http.NotFound(out, r)
			return
		}
		io.WriteString(out, content)
	}))
	t.Cleanup(w.http.Close)
	w.listenTLS()
	w.ca = acmetest.Start(t, acmetest.Options{HTTP: port(w.http.Listener.Addr()), TLS: port(w.tls.Addr()), DNS: w.dns.Addr()})
	w.opts = acme.Options{
		Storage: w.rows, Account: acme.Account{Directory: w.ca.Directory(), Email: "postmaster@example.org"}, HTTP: true,
		Resolver: dns.New(dns.Options{Servers: []netip.AddrPort{w.dns.Addr()}}), Roots: acmetest.Roots(t, w.ca.WebRoot()), Clock: w.clock.Now, Metrics: metrics.New(),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Names: func(context.Context) ([]acme.Name, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.names), nil
		},
	}
	if change != nil {
		change(&w.opts)
	}
	w.open()
	return w
}

// open opens a Keeper on what is stored, as a start of the server does.
func (w *world) open() {
	w.t.Helper()
	w.opts.Metrics = metrics.New()
	var err error
	if w.keep, err = acme.Open(w.t.Context(), w.opts); err != nil {
		w.t.Fatal(err)
	}
}

func port(addr net.Addr) int { return int(netip.MustParseAddrPort(addr.String()).Port()) }

// listenTLS serves "port 443": every connection gets back what it writes.
func (w *world) listenTLS() {
	conf := &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { return w.keep.Challenge(h) },
		GetCertificate:     func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return w.keep.Find(h.ServerName), nil },
	}
	var err error
	if w.tls, err = tls.Listen("tcp", "127.0.0.1:0", conf); err != nil {
		w.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := w.tls.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	})
	w.t.Cleanup(func() {
		w.tls.Close()
		wg.Wait()
	})
}

// lead says where a name leads from now on.
func (w *world) lead(name string, way acme.Way, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names = slices.DeleteFunc(w.names, func(n acme.Name) bool { return n.Name == name })
	if way != "" {
		w.names = append(w.names, acme.Name{Name: name, Way: way, Why: why})
	}
}

// run runs the Keeper until the function that it returns is called, or the test ends.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.keep.Run(ctx) })
	stop = func() {
		cancel()
		wg.Wait()
	}
	w.t.Cleanup(stop)
	return stop
}

// renew has certificates issued now, and returns the errors by name.
func (w *world) renew(names ...string) map[string]error {
	w.t.Helper()
	out := make(map[string]error)
	for s, err := range w.keep.Renew(w.t.Context(), names) {
		out[s.Name] = err
	}
	return out
}

func (w *world) status(name string) acme.Status {
	for _, s := range w.keep.List() {
		if s.Name == name {
			return s
		}
	}
	return acme.Status{}
}

// shown is the serial number of the certificate that a client sees.
func (w *world) shown(name string) string {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.tls.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	leaf := c.ConnectionState().PeerCertificates[0]
	if err := leaf.VerifyHostname(name); err != nil {
		w.t.Error(err)
	}
	return leaf.SerialNumber.String()
}
