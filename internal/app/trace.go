package app

import (
	"context"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/flow/trace"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// openTrace opens what remembers the lives of messages; it stays nil, and remembers nothing, where trace.keep says so.
func (c *Core) openTrace(ctx context.Context) (err error) {
	if c.config.Trace.Keep == 0 {
		return nil
	}
	c.trace, err = trace.New(ctx, trace.Options{
		Store: c.store, Keep: time.Duration(c.config.Trace.Keep), Max: uint64(c.config.Trace.Size), Clock: c.opts.Clock, Log: c.opts.Log, Metrics: c.metrics,
	})
	return err
}

// submitted is told of what our users send: submission.Options.Observe.
func (c *Core) submitted(_ context.Context, s *flow.Submitted) { c.trace.Add(trace.OfSubmitted(s)) }

// refused is told of clients that have brought nothing: smtpd.Options.Refused.
func (c *Core) refused(e *flow.Envelope, id string) {
	queued, ok := store.ParseQueueID(id)
	if !ok {
		queued = c.store.NewQueueID() // so that it can be found
	}
	c.trace.Add(trace.OfRefused(e, queued, c.opts.Clock()))
}

// handled is told of what an operator has done with a message that waits.
func (c *Core) handled(q *store.Queued, r *admind.QueueChange, now time.Time, letters []store.Enqueued) {
	done := map[string]string{"retry": "tried at once, by hand", "hold": "held, by hand", "release": "released, by hand", "drop": "taken back, by hand"}[r.Do]
	c.trace.Add(trace.OfHandled(q, done, r.Note, now))
	e := queue.Event{Message: q, Time: now, Outcome: new(queue.Outcome)}
	if len(letters) > 0 {
		e.Letter = letters[0].Message.ID
	}
	for i := range q.Recipients {
		if e.To = i; q.Recipients[i].Reply == takenBack {
			for _, event := range trace.OfAttempt(e) {
				c.trace.Add(event)
			}
		}
	}
}
