package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"restante/internal/store"
)

// Reporter writes to the senders of messages.
type Reporter interface {
	// Report makes the letters that say what has been settled, ready to be enqueued; none where there is nobody to tell. q is as it is after the step.
	Report(ctx context.Context, q *store.Queued, s Settled) ([]store.Enqueued, error)
}

// Event is something that has happened to a recipient of a message in the queue.
type Event struct {
	Message *store.Queued // to read, only during the call
	Time    time.Time
	To      int // place in Message.Recipients
	// Outcome is what came of an attempt. It is zero where there was none: when the time was up, or the sender was told that it is late.
	Outcome *Outcome
	Letter  store.QueueID // what the sender was told about the recipient in; 0: nothing
}

// Options are what a Queue works with.
type Options struct {
	Store    *store.Store       // required
	Router   Router             // required
	Carriers map[string]Carrier // by Way.Carrier; required
	Reporter Reporter           // nil: nobody is told anything
	Schedule Schedule

	// Attempts is how many are made at a time in all, default 100; PerWay is how many of them one way, default 10.
	Attempts, PerWay int
	// Window is how many messages are held in memory, default 2000.
	Window int

	// Observe is called after an outcome has been written. Nil: nobody looks.
	Observe func(context.Context, Event)
	Clock   func() time.Time
	Log     *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Attempts <= 0 {
		o.Attempts = 100
	}
	if o.PerWay <= 0 {
		o.PerWay = 10
	}
	if o.Window <= 0 {
		o.Window = 2000
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Queue brings what is in the store's queue on its way. Make it with New; it is safe for concurrent use.
type Queue struct {
	opts Options
	wake chan struct{}
	done sync.WaitGroup // attempts under way
	scan scan           // of Run alone

	mu struct {
		sync.Mutex
		active  map[store.QueueID]*active
		lanes   map[Way]*lane
		ready   []*lane           // those with something to do, in their turn
		running int               // attempts under way
		full    bool              // something due waits for room in memory
		again   []store.QueueItem // messages to take up again: see endAttempt
	}
}

// New returns a Queue that does nothing until it runs.
func New(o Options) *Queue {
	q := &Queue{opts: o.withDefaults(), wake: make(chan struct{}, 1)}
	q.mu.active = make(map[store.QueueID]*active)
	q.mu.lanes = make(map[Way]*lane)
	return q
}

// Wake has the queue look at once for what is due.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

const (
	// lookEvery bounds how long something that is due waits if every hint is lost.
	lookEvery = 30 * time.Second
	// lookPause is how long hints are gathered before a look.
	lookPause = 5 * time.Millisecond
	// lookSoon is how soon the queue looks again after an error.
	lookSoon = time.Second
)

// Run works until ctx ends; then it waits for the attempts that are under way, whose own end ctx is as well.
func (q *Queue) Run(ctx context.Context) {
	defer q.done.Wait()
	sub := q.opts.Store.Bus().SubscribeFunc(store.QueueHint, q.Wake)
	defer sub.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
			// Every write to the queue is a hint: many together are one look.
			if !pause(ctx, lookPause) {
				return
			}
		case <-timer.C:
		}
		next, err := q.look(ctx)
		if err != nil && ctx.Err() == nil {
			q.opts.Log.Error("queue: looking for what is due", "error", err)
		}
		timer.Reset(next)
	}
}

// pause waits; it says whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
