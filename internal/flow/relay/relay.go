package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"restante/internal/base/dns"
	"restante/internal/base/metrics"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/trust/tlspolicy"
)

// The names of this package's carriers, for queue.Options.Carriers.
const (
	MX    = "mx"   // Way.Next is a domain
	Smart = "host" // Way.Next is a key of Options.Hosts
)

// Dialer connects. *net.Dialer is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Options are what a Relay works with.
type Options struct {
	Name     string       // this host's, in EHLO and wherever the DNS speaks of it; default "localhost"
	Resolver dns.Resolver // required
	Hosts    map[string]Host
	// Sign begins signatures for a domain of ours, over what had to be converted; a nil Signing says that there are no keys. Nil: nothing is signed.
	Sign func(ctx context.Context, domain addr.Domain) (Signing, error)

	// STS finds MTA-STS policies; nil: there are none. TLSA records (DANE) are always asked for where the DNS can be believed.
	STS STS
	// Rule is the operator's word on TLS with a domain, nil where there is none. It may be nil itself.
	Rule func(domain string) *tlspolicy.Rule
	// Results is told what TLS reports count, during attempts; nil: nobody counts.
	Results func([]tlspolicy.Result)
	// Roots certify hosts; nil: the system's.
	Roots *x509.CertPool

	// Local4 and Local6 are the addresses that connections come from; invalid: whatever the machine chooses.
	Local4, Local6 netip.Addr
	// Dial, if set, makes the connections instead: in tests.
	Dial Dialer
	// Port of hosts that the DNS names; default 25.
	Port uint16
	// Own returns the addresses that mail comes in at here: the DNS must not lead to them.
	Own func() []netip.Addr
	// Allow has networks that the DNS may lead to though they are not public.
	Allow []netip.Prefix

	Times Timeouts
	// Addresses is how many are tried in one attempt, default 5; Stagger is after how long one of the other kind (IPv6, IPv4) is tried beside one that
	// has not answered yet, default 2 s.
	Addresses int
	Stagger   time.Duration
	// Recipients is how many a transaction has at most, default 100 (RFC 5321 4.5.3.1.8).
	Recipients int
	// Idle is how long a session waits for the next message, default 5 s; Messages and Age are what it lives at most, default 100 and 5 min.
	Idle, Age time.Duration
	Messages  int

	Clock   func() time.Time
	Log     *slog.Logger
	Metrics *metrics.Registry
}

func (o Options) withDefaults() Options {
	def := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	count := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.Stagger, 2*time.Second)
	def(&o.Idle, 5*time.Second)
	def(&o.Age, 5*time.Minute)
	count(&o.Addresses, 5)
	count(&o.Recipients, 100)
	count(&o.Messages, 100)
	o.Times = o.Times.withDefaults()
	if o.Name == "" {
		o.Name = "localhost"
	}
	if o.Port == 0 {
		o.Port = 25
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Relay brings messages to other hosts. Make it with New; it is safe for concurrent use. Close ends its idle sessions.
type Relay struct {
	opts    Options
	pool    pool
	resumed tls.ClientSessionCache
	count   counters
}

var _ queue.Carrier = (*Relay)(nil)

// New returns a Relay.
func New(o Options) *Relay {
	r := &Relay{opts: o.withDefaults(), resumed: tls.NewLRUClientSessionCache(1000)}
	r.pool.init(r.opts.Idle)
	r.count.register(r.opts.Metrics)
	return r
}

// Close says QUIT on idle sessions, and waits for the ends of all that are being closed. No attempt may be under way.
func (r *Relay) Close() error {
	r.pool.close()
	return nil
}

// Carry implements queue.Carrier.
func (r *Relay) Carry(ctx context.Context, a queue.Attempt) []queue.Outcome {
	d := &delivery{r: r, a: a, out: make([]queue.Outcome, len(a.To)), done: make([]bool, len(a.To))}
	d.carry(ctx)
	for i := range d.out {
		r.count.outcome(d.out[i].State)
	}
	return d.out
}

// counters are the numbers that the relay keeps.
type counters struct {
	relayed, failed, waiting *metrics.Counter
	opened, reused, refused  *metrics.Counter
	encrypted, plain         *metrics.Counter
}

func (c *counters) register(m *metrics.Registry) {
	result := func(v string) *metrics.Counter {
		return m.Counter("restante_relay_recipients_total", "Recipients of attempts to send to other hosts.", metrics.Label{Name: "result", Value: v})
	}
	c.relayed, c.failed, c.waiting = result("relayed"), result("failed"), result("again")
	session := func(v string) *metrics.Counter {
		return m.Counter("restante_relay_sessions_total", "Sessions with other hosts.", metrics.Label{Name: "kind", Value: v})
	}
	c.opened, c.reused, c.refused = session("opened"), session("reused"), session("failed")
	protection := func(v string) *metrics.Counter {
		return m.Counter("restante_relay_tls_total", "Sessions with other hosts that were opened.", metrics.Label{Name: "tls", Value: v})
	}
	c.encrypted, c.plain = protection("yes"), protection("no")
}

func (c *counters) outcome(s store.QueueState) {
	switch s {
	case store.QueueRelayed:
		c.relayed.Inc()
	case store.QueueFailed:
		c.failed.Inc()
	default:
		c.waiting.Inc()
	}
}
