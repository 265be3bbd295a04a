package feedback

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/internal/base/dns"
	"restante/internal/flow/queue"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/store"
)

const (
	// flushEvery is how often what has been counted is written down.
	flushEvery = time.Minute
	// spread is the time after midnight within which reports leave, each at a moment of its own (RFC 8460 4.1).
	spread = 4 * time.Hour
	// giveUp is how long after its first attempt a report is dropped (RFC 8460 5.5); the queue does the same with its mail.
	giveUp = 24 * time.Hour
	// stale is how long after that a report is not even tried: the server was off, or has been restored from a backup and has sent it before.
	stale = 2 * 24 * time.Hour
	// together is how many reports are on their way to somebody at a time, and attempt how long one of them may take.
	together = 8
	attempt  = time.Minute
)

// Poster brings a report to a web server. *fetch.Client is one.
type Poster interface {
	Post(ctx context.Context, url, contentType string, body []byte) error
}

// Options are what a Courier works with. All but Post are required.
type Options struct {
	Store    *store.Store
	Front    *queue.Front
	Signer   submission.Signer
	Resolver dns.Resolver
	Post     Poster // nil: no reports by HTTPS
	Archive  *Archive

	// TLS and DMARC say which reports are sent.
	TLS, DMARC bool
	// From is who writes the reports; its domain signs them. Contact is for people who have questions.
	From, Contact addr.Address
	Organization  string
	Host          string // this host's name
	// Here says whether an address is one of this server's own desks: reports for it go straight into the Archive.
	Here func(ctx context.Context, a addr.Address) bool

	Clock func() time.Time
	Log   *slog.Logger
}

// Courier counts, and sends reports. It is safe for concurrent use.
type Courier struct {
	opts  Options
	tls   *ledger[tlsSeen]
	dmarc *ledger[dmarcSeen]

	mu    sync.Mutex
	later map[string]retry // by kind and page
}

// retry is when a report is tried again that could not be sent.
type retry struct {
	at    time.Time
	after time.Duration
}

// NewCourier returns a Courier that goes on with what another process has counted.
func NewCourier(ctx context.Context, o Options) (*Courier, error) {
	c := &Courier{opts: o, tls: newLedger[tlsSeen](o.Store, "tlsrpt/"), dmarc: newLedger[dmarcSeen](o.Store, "dmarc/"), later: make(map[string]retry)}
	return c, errors.Join(c.tls.load(ctx), c.dmarc.load(ctx))
}

// Run writes down what is counted, and sends what is due, until ctx ends.
func (c *Courier) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return c.flush(context.WithoutCancel(ctx))
		case <-tick.C:
		}
		if err := c.flush(ctx); err != nil && ctx.Err() == nil {
			c.opts.Log.Warn("what reports count is not written", "error", err)
		}
		if n%5 == 0 {
			c.Send(ctx)
		}
	}
}

func (c *Courier) flush(ctx context.Context) error {
	if n := c.tls.overlooked() + c.dmarc.overlooked(); n > 0 {
		c.opts.Log.Warn("reports will not have everything: there is too much to count", "left_out", n)
	}
	return errors.Join(c.tls.flush(ctx), c.dmarc.flush(ctx))
}

// Send sends the reports that are due.
func (c *Courier) Send(ctx context.Context) {
	today := dayOf(c.opts.Clock())
	var g errgroup.Group
	g.SetLimit(together)
	for _, p := range c.tls.before(today) {
		c.begin(ctx, &g, "tls", p, c.sendTLS, c.tls.drop)
	}
	for _, p := range c.dmarc.before(today) {
		c.begin(ctx, &g, "dmarc", p, c.sendDMARC, c.dmarc.drop)
	}
	_ = g.Wait() // each of them speaks for itself
}

// Why a report is not sent.
var (
	errNobody = errors.New("nobody wants it")
	errStale  = errors.New("it is too old")
)

// begin sends a report, if its time has come, and then forgets what was counted for it.
func (c *Courier) begin(ctx context.Context, g *errgroup.Group, kind string, p page, send func(context.Context, page) error, drop func(context.Context, page) error) {
	now := c.opts.Clock()
	first := c.due(kind, p)
	key := kind + "/" + p.day + "/" + p.domain
	c.mu.Lock()
	again := c.later[key]
	c.mu.Unlock()
	if now.Before(first) || now.Before(again.at) || ctx.Err() != nil {
		return
	}
	g.Go(func() error {
		one, cancel := context.WithTimeout(ctx, attempt)
		defer cancel()
		err := errStale
		if now.Before(first.Add(giveUp + stale)) {
			err = send(one, p)
		}
		if ctx.Err() != nil {
			return nil // the server stops
		}
		log := c.opts.Log.With("kind", kind, "domain", p.domain, "day", p.day)
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case err != nil && !errors.Is(err, errNobody) && now.Before(first.Add(giveUp)):
			after := max(2*again.after, 30*time.Minute)
			c.later[key] = retry{now.Add(after), after}
			log.Info("report not sent yet", "error", err, "again_in", after)
			return nil
		case err != nil && !errors.Is(err, errNobody):
			log.Warn("report given up", "error", err)
		}
		delete(c.later, key)
		if err := drop(ctx, p); err != nil {
			log.Warn("report stays", "error", err)
		}
		return nil
	})
}

// due is when a report leaves: at a moment of its own after midnight, the same after a restart.
func (c *Courier) due(kind string, p page) time.Time {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s/%s/%s", c.opts.Host, kind, p.day, p.domain)
	start, _ := span(p.day)
	return start.Add(24*time.Hour + time.Duration(h.Sum64()%uint64(spread/time.Second))*time.Second)
}

// id is a report's: it says what it is about, so that it is the same if the report is written again.
func (c *Courier) id(p page) string {
	return p.day + "." + p.domain + "@" + string(c.opts.From.Domain)
}
