package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// Queue implements admind.Backend.
func (c *Core) Queue(ctx context.Context, s admind.QueueSelection) iter.Seq2[admind.QueuedMessage, error] {
	return told(func(tell func(admind.QueuedMessage) error) error {
		names := make(map[store.AccountID]string)
		now := c.opts.Clock()
		return c.queued(ctx, s, func(q *store.Queued) error { return tell(c.queuedMessage(ctx, q, now, names)) })
	})
}

// queued calls fn for the messages of the queue that are chosen.
func (c *Core) queued(ctx context.Context, s admind.QueueSelection, fn func(*store.Queued) error) error {
	fits, err := c.queueFilter(ctx, s)
	if err != nil {
		return err
	}
	if s.ID == "" {
		return c.store.Queue(ctx, 0, func(q *store.Queued) error {
			if !fits(q) {
				return nil
			}
			return fn(q)
		})
	}
	id, ok := store.ParseQueueID(s.ID)
	if !ok {
		return fmt.Errorf("%w: %q", admind.ErrNotQueued, s.ID)
	}
	q, err := c.store.Queued(ctx, id)
	if errors.Is(err, store.ErrNotQueued) || err == nil && !fits(q) {
		return fmt.Errorf("%w: %s", admind.ErrNotQueued, s.ID)
	}
	if err == nil {
		err = fn(q)
	}
	if errors.Is(err, store.ErrStop) {
		return nil
	}
	return err
}

// queueFilter says which messages are chosen.
func (c *Core) queueFilter(ctx context.Context, s admind.QueueSelection) (func(*store.Queued) bool, error) {
	var account store.AccountID
	if s.Account != "" {
		err := c.withAddress(s.Account, func(d *directory.Directory, a addr.Address) error {
			found, err := d.Account(ctx, a)
			account = found.ID
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var domain addr.Domain
	if s.Domain != "" {
		var err error
		if domain, err = parseDomain(s.Domain); err != nil {
			return nil, err
		}
	}
	return func(q *store.Queued) bool {
		return (account == 0 || q.Account == account) && (!s.Held || q.Held) && (domain == "" || slices.ContainsFunc(q.Recipients, func(r store.QueuedRecipient) bool {
			return r.State == store.QueueWaiting && r.To.Domain == domain
		}))
	}, nil
}

// ChangeQueue implements admind.Backend.
func (c *Core) ChangeQueue(ctx context.Context, r admind.QueueChange) (n int, err error) {
	change, ok := map[string]func(*store.Queued, admind.QueueChange, time.Time) (queue.Settled, bool){
		"retry": retryQueued, "hold": holdQueued, "release": releaseQueued, "drop": dropQueued,
	}[r.Do]
	if !ok {
		return 0, fmt.Errorf("queue: there is nothing called %q to do", r.Do)
	}
	err = c.queued(ctx, r.QueueSelection, func(q *store.Queued) error {
		done, err := c.changeQueued(ctx, q, r, change)
		if done {
			n++
		}
		return err
	})
	if err == nil && n == 0 && r.ID != "" {
		err = fmt.Errorf("%s: %w", r.ID, admind.ErrNothingToDo)
	}
	return n, err
}

// queueTries is how often a change is tried that the queue itself comes before.
const queueTries = 20

// changeQueued changes one message; done is false where there was nothing to change.
func (c *Core) changeQueued(ctx context.Context, q *store.Queued, r admind.QueueChange,
	change func(*store.Queued, admind.QueueChange, time.Time) (queue.Settled, bool)) (done bool, err error) {
	for range queueTries {
		now := c.opts.Clock()
		settled, changes := change(q, r, now)
		if !changes {
			return false, nil
		}
		var letters []store.Enqueued
		if r.Report && !settled.Silent() {
			if letters, err = c.reporter().Report(ctx, q, settled); err != nil {
				return false, err
			}
		}
		if err = c.store.Requeue(ctx, q, letters...); err == nil {
			c.handled(q, &r, now, letters)
			return true, nil
		}
		if !errors.Is(err, store.ErrQueueChanged) {
			return false, err
		}
		if q, err = c.store.Queued(ctx, q.ID); errors.Is(err, store.ErrNotQueued) {
			return false, nil // it has gone meanwhile
		} else if err != nil {
			return false, err
		}
	}
	return false, store.ErrQueueChanged
}

// retryQueued has recipients tried at once who wait for their time, also for one that the sender has set.
func retryQueued(q *store.Queued, r admind.QueueChange, now time.Time) (_ queue.Settled, done bool) {
	domain, _ := addr.ParseDomain(r.Domain) // queueFilter has checked it
	for i := range q.Recipients {
		to := &q.Recipients[i]
		if !q.Held && to.State == store.QueueWaiting && to.Next.After(now) && (domain == "" || to.To.Domain == domain) {
			to.Next, done = now, true
		}
	}
	return queue.Settled{}, done
}

func holdQueued(q *store.Queued, r admind.QueueChange, _ time.Time) (_ queue.Settled, done bool) {
	if q.Held {
		return queue.Settled{}, false
	}
	q.Held, q.Note = true, r.Note
	return queue.Settled{}, true
}

// releaseQueued lets a message go. The time for which it was held does not count against it.
func releaseQueued(q *store.Queued, _ admind.QueueChange, now time.Time) (_ queue.Settled, done bool) {
	if !q.Held {
		return queue.Settled{}, false
	}
	q.Held, q.Note = false, ""
	if later := now.Add(q.Expires.Sub(q.Accepted)); q.Mail.By.Mode != smtpwire.ByReturn && later.After(q.Expires) {
		q.Expires = later
	}
	for i := range q.Recipients {
		if to := &q.Recipients[i]; to.Next.Before(now) {
			to.Next = now // where the queue looks for what is new
		}
	}
	return queue.Settled{}, true
}

const takenBack = "5.7.1 Whoever runs the server has taken it back; it was not sent."

// dropQueued fails all who wait. Whose message is scheduled or held has it unsent.
func dropQueued(q *store.Queued, _ admind.QueueChange, _ time.Time) (settled queue.Settled, done bool) {
	for i := range q.Recipients {
		to := &q.Recipients[i]
		if to.State != store.QueueWaiting {
			continue
		}
		to.State, done = store.QueueFailed, true
		to.Reply = takenBack
		if !q.Mail.From.IsZero() && to.Notify&smtpwire.NotifyNever == 0 {
			settled.Failed = append(settled.Failed, i)
		}
	}
	return settled, done
}

// queuedMessage is a message of the queue for people. names remembers logins.
func (c *Core) queuedMessage(ctx context.Context, q *store.Queued, now time.Time, names map[store.AccountID]string) admind.QueuedMessage {
	out := admind.QueuedMessage{
		ID: store.FormatQueueID(q.ID), From: q.Mail.From.String(), MessageID: printable(q.MessageID), Size: q.Size(),
		Kind:     map[store.QueueKind]string{store.QueueSubmitted: "submitted", store.QueueForwarded: "forwarded", store.QueueReport: "report"}[q.Kind],
		Class:    map[store.QueueClass]string{store.QueueUrgent: "urgent", store.QueueNormal: "normal", store.QueueBulk: "bulk"}[q.Class],
		Accepted: q.Accepted, Expires: q.Expires, Held: q.Held, Note: q.Note,
	}
	if q.Account != 0 {
		if _, ok := names[q.Account]; !ok {
			names[q.Account], _ = c.directory.LoginOf(ctx, q.Account) // who has gone has no name any more
		}
		out.Account = names[q.Account]
	}
	if due, ok := q.Due(); ok && !q.Held {
		out.Next = due
	}
	for i := range q.Recipients {
		r := &q.Recipients[i]
		to := admind.QueuedRecipient{
			To: r.To.String(), Source: r.Source, Attempts: r.Attempts, Last: r.Last, Host: printable(r.Host), Reply: printable(r.Reply), Why: whyWaits(q, r, now),
			State: map[store.QueueState]string{
				store.QueueWaiting: "waiting", store.QueueDelivered: "delivered", store.QueueRelayed: "relayed", store.QueueFailed: "failed",
			}[r.State],
		}
		if r.State == store.QueueWaiting {
			to.Next = r.Next
			if out.Why == "" {
				out.Why = to.Why
			}
		}
		out.Recipients = append(out.Recipients, to)
	}
	return out
}

// whyWaits says in words why a recipient waits, or what has become of him.
func whyWaits(q *store.Queued, r *store.QueuedRecipient, now time.Time) string {
	said := printable(r.Reply)
	if r.Host != "" && said != "" {
		said = printable(r.Host) + " said: " + said
	}
	switch {
	case r.State == store.QueueDelivered:
		return "it is in the mailbox"
	case r.State == store.QueueRelayed:
		return "handed over; " + said
	case r.State == store.QueueFailed:
		return "given up; " + said
	case q.Held && q.Note != "":
		return "held: " + printable(q.Note)
	case q.Held:
		return "held, until it is released"
	case r.Attempts == 0 && r.Next.After(now):
		return "scheduled by its sender"
	case r.Attempts == 0:
		return "not tried yet"
	case said == "":
		return "tried in vain"
	}
	return strings.TrimSuffix(said, ".")
}

// queueStatus counts what waits.
func (c *Core) queueStatus(ctx context.Context) (s admind.QueueStatus) {
	_ = c.store.Queue(ctx, 0, func(q *store.Queued) error { // what cannot be read, verify tells
		if s.Messages == 0 {
			s.Oldest = q.Accepted // ids grow with time
		}
		s.Messages++
		if q.Held {
			s.Held++
		}
		return nil
	})
	return s
}

// SendAs implements admind.Backend.
func (c *Core) SendAs(ctx context.Context, address string) (as []string, err error) {
	err = c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		as, err = d.SendAs(ctx, a)
		return err
	})
	return as, err
}

// SetSendAs implements admind.Backend.
func (c *Core) SetSendAs(ctx context.Context, address string, as []string) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		var list []addr.Address
		for _, text := range as {
			one, err := parseAddress(text)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return d.SetSendAs(ctx, a, list)
	})
}

// SetSentCopy implements admind.Backend.
func (c *Core) SetSentCopy(ctx context.Context, address, device string, saved bool) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		return d.SetSent(ctx, a, device, saved)
	})
}
