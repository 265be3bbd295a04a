package queue

import (
	"context"
	"errors"
	"time"

	"restante/internal/store"
)

// scan is how far the queue has looked. Messages come and come back in the order of time, so what is new lies behind what has been seen,
// but for the moments between a message's own time and its commit: what lies close before that is looked at again, and what has been
// taken up there is remembered by its place.
type scan struct {
	seen  map[store.QueueClass]store.QueueItem
	taken map[place]bool // those within overlap before seen
	wide  time.Time      // when all of the overlap was last looked at
	full  time.Time      // when everything was last looked at from the beginning
}

// place is a message that was due at a time, in ms.
type place struct {
	class store.QueueClass
	id    store.QueueID
	due   int64
}

func placeOf(i store.QueueItem) place { return place{i.Class, i.ID, i.Due.UnixMilli()} }

const (
	// overlap is how much later than its own time a message may come into the queue and still be seen within wideEvery; nearly all are within narrow, and seen at once.
	overlap   = 5 * time.Second
	narrow    = 200 * time.Millisecond
	wideEvery = time.Second
	// fromTheBeginning is how often everything that is due is looked at: what a clock that jumped has hidden, for example.
	fromTheBeginning = 10 * time.Minute
	// lookBatch is how many places are read at once.
	lookBatch = 200
)

// back is how far before what has been seen a look at now begins.
func (s *scan) back(now time.Time) time.Duration {
	if now.Sub(s.wide) < wideEvery {
		return narrow
	}
	s.wide = now
	for p := range s.taken {
		if p.due < s.seen[p.class].Due.Add(-overlap).UnixMilli() {
			delete(s.taken, p)
		}
	}
	return overlap
}

func classes() []store.QueueClass {
	return []store.QueueClass{store.QueueUrgent, store.QueueNormal, store.QueueBulk}
}

// look takes what is due, urgent classes first, and says when to look again.
func (q *Queue) look(ctx context.Context) (next time.Duration, err error) {
	now := q.opts.Clock()
	if now.Sub(q.scan.full) >= fromTheBeginning {
		q.scan = scan{seen: make(map[store.QueueClass]store.QueueItem), taken: make(map[place]bool), full: now}
		q.forget(now)
	}
	if err := errors.Join(q.takeAgain(ctx, now), q.refill(ctx, now)); err != nil {
		return lookSoon, err
	}
	next = lookEvery
	back := q.scan.back(now)
	for _, class := range classes() {
		room, err := q.lookAt(ctx, class, now, back)
		if err != nil {
			return lookSoon, err
		}
		if !room {
			return lookEvery, nil // an attempt that ends wakes us
		}
		first, err := q.opts.Store.QueueDue(ctx, class, store.QueueItem{Due: now, ID: ^store.QueueID(0)}, now.Add(lookEvery), 1)
		if err != nil {
			return lookSoon, err
		}
		if len(first) > 0 {
			next = min(next, max(first[0].Due.Sub(now), time.Millisecond))
		}
	}
	return next, nil
}

// takeAgain takes messages whose next recipient became due while attempts for others were under way.
func (q *Queue) takeAgain(ctx context.Context, now time.Time) error {
	q.mu.Lock()
	list := q.mu.again
	q.mu.again = nil
	q.mu.Unlock()
	for _, item := range list {
		if err := q.takeLogged(ctx, item, now); err != nil {
			return err
		}
	}
	return nil
}

// refill takes what was passed over because its lane was full, for lanes that have room again.
func (q *Queue) refill(ctx context.Context, now time.Time) error {
	for _, class := range classes() {
		for _, l := range q.hungry(class) {
			if err := q.refillLane(ctx, l, class, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// hungry are the lanes that have room for messages of a class that they were too full for.
func (q *Queue) hungry(class store.QueueClass) (out []*lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.mu.lanes {
		if _, ok := l.passed[class]; ok && l.hungry() {
			out = append(out, l)
		}
	}
	return out
}

// refillLane looks again from where the lane was full for the first time, until it is so again.
func (q *Queue) refillLane(ctx context.Context, l *lane, class store.QueueClass, now time.Time) error {
	q.mu.Lock()
	after := l.passed[class]
	delete(l.passed, class) // take notes it again
	q.mu.Unlock()
	after.ID-- // that one, too
	for {
		list, err := q.opts.Store.QueueDue(ctx, class, after, now, lookBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, item := range list {
			q.mu.Lock()
			_, full := l.passed[class]
			q.mu.Unlock()
			if full {
				return nil
			}
			if !q.room() {
				q.mu.Lock()
				l.pass(item)
				q.mu.Unlock()
				return nil
			}
			if err := q.takeLogged(ctx, item, now); err != nil {
				return err
			}
		}
		after = list[len(list)-1]
	}
}

// lookAt takes what is due of one class, as far as there is room, from some time before what has been seen.
func (q *Queue) lookAt(ctx context.Context, class store.QueueClass, now time.Time, back time.Duration) (room bool, err error) {
	after := q.scan.seen[class]
	if after.ID != 0 {
		after.Due, after.ID = after.Due.Add(-back), 1
	}
	for {
		list, err := q.opts.Store.QueueDue(ctx, class, after, now, lookBatch)
		if err != nil || len(list) == 0 {
			return true, err
		}
		for _, item := range list {
			if q.scan.taken[placeOf(item)] {
				continue
			}
			if !q.room() {
				return false, nil
			}
			if err := q.takeLogged(ctx, item, now); err != nil {
				return false, err
			}
			q.scan.taken[placeOf(item)] = true
		}
		after = list[len(list)-1]
		if seen := q.scan.seen[class]; after.Due.After(seen.Due) || seen.ID == 0 {
			q.scan.seen[class] = after
		}
	}
}

// room says whether another message can be held; if not, who makes some wakes the queue.
func (q *Queue) room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.full = len(q.mu.active) >= q.opts.Window
	return !q.mu.full
}

// takeLogged is take, whose errors concern one message; its own is that of ctx.
func (q *Queue) takeLogged(ctx context.Context, item store.QueueItem, now time.Time) error {
	if err := q.take(ctx, item, now); err != nil && ctx.Err() == nil {
		q.opts.Log.Error("queue: a message cannot be taken up", "queue_id", store.FormatQueueID(item.ID), "error", err)
	}
	return ctx.Err()
}

// active is a message in memory, while attempts for it wait or are under way.
type active struct {
	id   store.QueueID
	jobs int // guarded by Queue.mu
	row  chan *store.Queued
}

// take reads a message and sends its recipients on their ways.
func (q *Queue) take(ctx context.Context, item store.QueueItem, now time.Time) error {
	id := item.ID
	q.mu.Lock()
	_, here := q.mu.active[id]
	q.mu.Unlock()
	if here {
		return nil
	}
	m, err := q.opts.Store.Queued(ctx, id)
	if errors.Is(err, store.ErrNotQueued) {
		return nil // gone since
	}
	if err != nil {
		return err
	}
	if due, waits := m.Due(); m.Held || !waits || due.After(now) {
		return nil // changed since
	}
	groups, refused, err := q.routes(ctx, m, now)
	if err != nil {
		return err
	}
	a := &active{id: id, row: make(chan *store.Queued, 1)}
	a.row <- m
	q.begin(a, item, groups)
	if len(refused.to) > 0 || len(groups) == 0 {
		q.settle(ctx, a, refused.to, refused.out)
	}
	q.start(ctx)
	q.end(a)
	return nil
}

// group is recipients of one message that go one way.
type group struct {
	way Way
	to  []int
}

// refused are recipients who go no way, and why.
type refusedRecipients struct {
	to  []int
	out []Outcome
}

// routes groups the recipients that are due.
func (q *Queue) routes(ctx context.Context, m *store.Queued, now time.Time) (groups []group, refused refusedRecipients, err error) {
	place := make(map[Way]int)
	for n := range m.Recipients {
		r := &m.Recipients[n]
		if r.State != store.QueueWaiting || r.Next.After(now) || !now.Before(m.Expires) {
			continue // settle fails what has expired
		}
		way, err := q.opts.Router.Route(ctx, r.To)
		if ctx.Err() != nil {
			return nil, refused, ctx.Err()
		}
		if err != nil {
			refused.to = append(refused.to, n)
			refused.out = append(refused.out, outcomeOf(err))
			continue
		}
		i, ok := place[way]
		if !ok {
			i = len(groups)
			place[way] = i
			groups = append(groups, group{way: way})
		}
		groups[i].to = append(groups[i].to, n)
	}
	return groups, refused, nil
}

// outcomeOf is what an error means for a recipient.
func outcomeOf(err error) Outcome {
	var p *PermanentError
	if errors.As(err, &p) {
		return Outcome{State: store.QueueFailed, Err: err, Status: p.Status}
	}
	return Outcome{State: store.QueueWaiting, Err: err}
}
