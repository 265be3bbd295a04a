package trace

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"restante/internal/base/limit"
	"restante/internal/base/metrics"
	"restante/internal/store"
)

// Options are what a Recorder works with.
type Options struct {
	Store *store.Store  // required
	Keep  time.Duration // default 30 days
	Max   uint64        // octets of all rows, before the engine compresses them; default 1 GiB
	Clock func() time.Time
	Log   *slog.Logger
	// Metrics counts what was written and what was left out; nil counts nothing.
	Metrics *metrics.Registry
}

func (o Options) withDefaults() Options {
	if o.Keep <= 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	if o.Max == 0 {
		o.Max = 1 << 30
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

const (
	// maxBuffer is how many events wait in memory; more are left out.
	maxBuffer = 4096
	// flushAt is how many are written without waiting, and flushAfter how long others wait for company.
	flushAt    = 256
	flushAfter = time.Second

	// maxLife is how many events a message has; the last quarter is for those that end something.
	maxLife = 256
	// maxCounted is of how many messages the number of events is remembered.
	maxCounted = 4096

	// Refusals of clients that bring no message: so many of one network at once and then one each minute, and so many an hour of them all.
	crowdBurst, crowdEvery = 60, time.Minute
	maxRefused             = 10_000
)

// Recorder writes down what happens to messages. Make it with New; it is safe for concurrent use, and a nil Recorder records nothing.
type Recorder struct {
	opts  Options
	wake  chan struct{} // there is something to write
	full  chan struct{} // much
	crowd *limit.Rate   // of refusals, by network

	written, lost, crowded *metrics.Counter

	mu struct {
		sync.Mutex
		events  []Event
		refused int  // in this hour
		hour    hour // which one
	}
	rows struct { // of who writes
		sync.Mutex
		keeper
	}
}

// New returns a Recorder, which writes when it runs.
func New(ctx context.Context, o Options) (*Recorder, error) {
	r := &Recorder{opts: o.withDefaults(), wake: make(chan struct{}, 1), full: make(chan struct{}, 1)}
	r.crowd = limit.NewRate(limit.RateOptions{Every: crowdEvery, Burst: crowdBurst, Size: 1 << 12, Now: r.opts.Clock})
	count := func(result string) *metrics.Counter {
		return o.Metrics.Counter("restante_trace_events_total", "Events of messages' lives, by what became of them.", metrics.Label{Name: "result", Value: result})
	}
	r.written, r.lost, r.crowded = count("written"), count("lost"), count("crowded")
	r.rows.keeper = keeper{store: r.opts.Store, max: r.opts.Max, counts: newCounts(maxCounted)}
	return r, r.rows.open(ctx)
}

// Add records an event. It does not block.
func (r *Recorder) Add(e Event) {
	if r == nil || e.Queue == 0 {
		return
	}
	if e.Time.IsZero() {
		e.Time = r.opts.Clock()
	}
	e.bound()
	ok := r.welcome(&e)
	r.mu.Lock()
	n := len(r.mu.events)
	switch {
	case !ok:
		r.crowded.Inc()
	case e.Stage == Refused && !r.refusedLocked():
		r.crowded.Inc()
	case n > 0 && r.mu.events[n-1].join(&e):
	case n >= maxBuffer:
		r.lost.Inc()
	default:
		r.mu.events = append(r.mu.events, e)
	}
	r.mu.Unlock()
	signal := r.wake
	if n >= flushAt {
		signal = r.full
	}
	select {
	case signal <- struct{}{}:
	default:
	}
}

// welcome says whether an event is no one too many of a network whose clients are refused.
func (r *Recorder) welcome(e *Event) bool {
	if e.Stage != Refused || e.Client == nil {
		return true
	}
	from, err := netip.ParseAddr(e.Client.Address)
	return err != nil || r.crowd.Allow(from)
}

// refusedLocked counts a refusal, and says whether there is room for it in this hour.
func (r *Recorder) refusedLocked() bool {
	if now := hourAt(r.opts.Clock()); r.mu.hour != now {
		r.mu.hour, r.mu.refused = now, 0
	}
	r.mu.refused++
	return r.mu.refused <= maxRefused
}

// join takes another recipient's part of the same attempt.
func (e *Event) join(o *Event) bool {
	a, b := e.Attempt, o.Attempt
	if e.Queue != o.Queue || a == nil || b == nil || !e.Time.Equal(o.Time) || e.Other != o.Other ||
		a.State != b.State || a.Number != b.Number || a.Host != b.Host || a.Reply != b.Reply || !a.Next.Truncate(time.Minute).Equal(b.Next.Truncate(time.Minute)) {
		return false
	}
	e.To, e.More = append(e.To, o.To...), e.More+o.More
	e.bound()
	return true
}

// Run writes until ctx ends. What comes after that is for Flush.
func (r *Recorder) Run(ctx context.Context) {
	if r == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.full:
		case <-r.wake:
			t := time.NewTimer(flushAfter)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-r.full:
			case <-t.C:
			}
			t.Stop()
		}
		r.Flush(ctx)
	}
}

// Flush writes what has come so far. What cannot be written is lost, and counted.
func (r *Recorder) Flush(ctx context.Context) {
	if r == nil {
		return
	}
	r.rows.Lock()
	defer r.rows.Unlock()
	r.mu.Lock()
	events := r.mu.events
	r.mu.events = nil
	r.mu.Unlock()
	for part := range slices.Chunk(events, flushAt) {
		n, err := r.rows.write(ctx, part)
		r.written.Add(int64(n))
		r.lost.Add(int64(len(part) - n))
		if err != nil {
			r.opts.Log.Error("trace: not written", "events", len(part), "error", err)
		}
	}
}

// Sweep drops what is too old. Call it now and then.
func (r *Recorder) Sweep(ctx context.Context) error {
	if r == nil {
		return nil
	}
	r.rows.Lock()
	defer r.rows.Unlock()
	return r.rows.dropBefore(ctx, hourAt(r.opts.Clock().Add(-r.opts.Keep)))
}

// row is the row of an event.
func row(e *Event, n int) (store.Row, error) {
	at := e.Time
	e.Time = time.Time{} // it is in the name
	defer func() { e.Time = at }()
	b, err := json.Marshal(e)
	if err == nil && len(b) > maxEvent {
		e.shrink()
		b, err = json.Marshal(e)
	}
	if err != nil {
		return store.Row{}, fmt.Errorf("trace: %w", err)
	}
	named := Event{Queue: e.Queue, Time: at}
	return store.Row{Name: eventName(&named, n), Value: b}, nil
}
