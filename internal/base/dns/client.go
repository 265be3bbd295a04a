package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/base/metrics"
)

// Options are what a Client is made with. The zero value asks the machine's resolvers.
type Options struct {
	// Servers are recursive resolvers, asked in this order; none are those of /etc/resolv.conf. At most eight count.
	Servers []netip.AddrPort
	// Trusted says that all of the servers validate DNSSEC, and that nobody can change what they say on its way here. Otherwise only those on this
	// machine's loopback addresses are believed.
	Trusted bool
	// Attempt bounds one try with one server, and Total a question with all its tries; 0 is 5 s and 15 s.
	Attempt, Total time.Duration
	// CacheBytes bounds what is remembered; 0 is 16 MiB, less than 0 remembers nothing.
	CacheBytes int
	// Concurrent bounds how many questions are under way; 0 is 256. More of them wait.
	Concurrent int
	// Metrics, if set, counts questions.
	Metrics *metrics.Registry
}

// Bounds of the time that answers are remembered for.
const (
	minTTL = 5 * time.Second
	maxTTL = time.Hour
	// failureTTL is short: what cannot be found now may come back at any moment, and the queue has its own patience.
	failureTTL = 10 * time.Second
)

// Client asks recursive resolvers. It is safe for concurrent use, needs no closing, and keeps no connections.
type Client struct {
	servers []server
	attempt time.Duration
	total   time.Duration
	slots   chan struct{} // one for each question under way

	first atomic.Int32 // the server that answered last

	mu struct {
		sync.Mutex
		cache   cache
		flights map[question]*flight
	}

	asked, cached, failed *metrics.Counter
}

var _ Resolver = (*Client)(nil)

// server is a resolver, and whether its word on DNSSEC counts.
type server struct {
	addr     netip.AddrPort
	believed bool
}

// flight is a question under way. Its fields may be read when done is closed.
type flight struct {
	done chan struct{}
	reply
	left bool // who asked has lost interest; somebody else must ask
}

// New returns a Client.
func New(o Options) *Client {
	if len(o.Servers) == 0 {
		o.Servers = systemServers()
	}
	c := &Client{
		servers: choose(o.Servers, o.Trusted),
		attempt: orDefault(o.Attempt, 5*time.Second),
		total:   orDefault(o.Total, 15*time.Second),
		slots:   make(chan struct{}, orDefault(o.Concurrent, 256)),
		asked:   o.Metrics.Counter("restante_dns_questions_total", "Questions to the DNS, remembered answers included."),
		cached:  o.Metrics.Counter("restante_dns_remembered_total", "Questions to the DNS that were answered from memory."),
		failed:  o.Metrics.Counter("restante_dns_failures_total", "Questions to the DNS that no server could answer."),
	}
	c.mu.cache.max = orDefault(o.CacheBytes, 16<<20)
	c.mu.flights = make(map[question]*flight)
	return c
}

func orDefault[T int | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// choose leaves those servers that are asked. Where one of them is believed, the others are not asked at all: whoever silences
// it could otherwise take DNSSEC away from everybody who waits (RFC 7672 2.1.2).
func choose(addrs []netip.AddrPort, trusted bool) []server {
	var believed, others []server
	for _, a := range addrs[:min(len(addrs), maxServers)] {
		if s := (server{a, trusted || a.Addr().Unmap().IsLoopback()}); s.believed {
			believed = append(believed, s)
		} else {
			others = append(others, s)
		}
	}
	if len(believed) > 0 {
		return believed
	}
	return others
}

// Query asks, or remembers.
func (c *Client) Query(ctx context.Context, name string, t Type) (Answer, error) {
	c.asked.Inc()
	name, err := Canonical(name)
	if err != nil {
		return Answer{}, fmt.Errorf("dns: %s: %w", t, err)
	}
	q := question{name, t}
	if r, ok := q.local(); ok {
		return r.answer, q.explain(r.err)
	}
	for {
		r, f, ours := c.board(q)
		switch {
		case f == nil:
			c.cached.Inc()
			return r.answer, q.explain(r.err)
		case ours:
			r, err := c.lead(ctx, q, f)
			return r.answer, q.explain(errors.Join(err, r.err))
		}
		select {
		case <-ctx.Done():
			return Answer{}, q.explain(ctx.Err())
		case <-f.done:
			if !f.left {
				return f.answer, q.explain(f.err)
			}
		}
	}
}

// explain names the question in an error.
func (q question) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", q, err)
}

// board finds a remembered reply (no flight), the flight that somebody else leads, or makes one for the caller to lead.
func (c *Client) board(q question) (r reply, f *flight, ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.mu.cache.get(q, time.Now()); ok {
		return r, nil, false
	}
	if f := c.mu.flights[q]; f != nil {
		return reply{}, f, false
	}
	f = &flight{done: make(chan struct{}), left: true}
	c.mu.flights[q] = f
	return reply{}, f, true
}

// lead asks the servers and tells those who wait. Who leads asks on its own time: should it lose interest, one of the others begins anew, so
// that no goroutine outlives its caller. The error is the context's.
func (c *Client) lead(ctx context.Context, q question, f *flight) (reply, error) {
	defer func() {
		c.mu.Lock()
		delete(c.mu.flights, q)
		c.mu.Unlock()
		close(f.done)
	}()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	r := c.ask(ctx, q)
	if err := ctx.Err(); err != nil && r.err != nil && !Absent(r.err) {
		return reply{}, err
	}
	ttl := min(max(r.answer.TTL, minTTL), maxTTL)
	if r.err != nil && !Absent(r.err) {
		c.failed.Inc()
		ttl = failureTTL
	}
	r.answer.TTL = ttl
	f.reply, f.left = r, false
	c.mu.Lock()
	c.mu.cache.put(q, r, time.Now(), ttl)
	c.mu.Unlock()
	return r, nil
}

// local answers what never leaves this machine (RFC 6761 6.3, 6.4).
func (q question) local() (reply, bool) {
	switch top := q.name[lastDot(q.name)+1:]; {
	case top == "invalid":
		return reply{err: ErrNoName}, true
	case top != "localhost":
		return reply{}, false
	}
	a := Answer{Name: q.name, TTL: maxTTL}
	switch q.t {
	case A:
		a.Records = []Record{{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
	case AAAA:
		a.Records = []Record{{Addr: netip.IPv6Loopback()}}
	default:
		return reply{answer: a, err: ErrNoRecord}, true
	}
	return reply{answer: a}, true
}

func lastDot(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			return i
		}
	}
	return -1
}
