package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"restante/internal/store"
)

// lane is a way with the attempts that wait for it.
type lane struct {
	way     Way
	waiting []*job
	running int
	ready   bool      // it stands in Queue.mu.ready
	silent  int       // attempts in a row in which nobody answered
	rest    time.Time // before that, nobody is bothered
	pace    pace

	passed map[store.QueueClass]store.QueueItem // the first that was passed over because the lane was full; see refill
}

func (l *lane) pass(item store.QueueItem) {
	if _, ok := l.passed[item.Class]; ok {
		return
	}
	if l.passed == nil {
		l.passed = make(map[store.QueueClass]store.QueueItem)
	}
	l.passed[item.Class] = item
}

// hungry says whether there is room for what was passed over.
func (l *lane) hungry() bool { return len(l.passed) > 0 && len(l.waiting) < laneLength/2 }

// job is an attempt in the making.
type job struct {
	a   *active
	way Way
	to  []int
}

const (
	// laneLength is how many attempts wait for one way in memory; more stay in the store.
	laneLength = 200
	// firstRest is how long a way is left alone after silentLimit attempts in a row that nobody answered; it doubles up to maxRest.
	firstRest   = time.Minute
	maxRest     = 30 * time.Minute
	silentLimit = 3
)

// begin holds a message and puts its groups into their lanes. It counts one job more than there are, until end.
func (q *Queue) begin(a *active, item store.QueueItem, groups []group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.active[a.id] = a
	a.jobs++
	for _, g := range groups {
		l := q.mu.lanes[g.way]
		if l == nil {
			l = &lane{way: g.way}
			q.mu.lanes[g.way] = l
		}
		if len(l.waiting) >= laneLength {
			l.pass(item)
			continue
		}
		l.waiting = append(l.waiting, &job{a, g.way, g.to})
		a.jobs++
		q.readyLocked(l)
	}
}

// end lets go of a message when the last of its jobs has ended.
func (q *Queue) end(a *active) {
	q.mu.Lock()
	a.jobs--
	if a.jobs == 0 {
		delete(q.mu.active, a.id)
	}
	again := q.mu.full && len(q.mu.active) <= q.opts.Window/2
	q.mu.full = q.mu.full && !again
	q.mu.Unlock()
	if again {
		q.Wake()
	}
}

// endAttempt is end after an attempt. When meanwhile others of the message have become due, whose place nobody looks at any more, it is taken up again.
func (q *Queue) endAttempt(a *active) {
	m := <-a.row
	item := store.QueueItem{Class: m.Class, ID: m.ID}
	var waits bool
	item.Due, waits = m.Due()
	a.row <- m
	again := waits && !m.Held && !item.Due.After(q.opts.Clock())
	q.mu.Lock()
	if again && a.jobs == 1 {
		q.mu.again = append(q.mu.again, item)
	}
	q.mu.Unlock()
	q.end(a)
	if again {
		q.Wake()
	}
}

// start runs as many of the waiting attempts as may run, each lane in its turn; what waits for a way that is at rest is put off.
func (q *Queue) start(ctx context.Context) {
	now := q.opts.Clock()
	for {
		q.mu.Lock()
		l := q.nextLane()
		if l == nil || ctx.Err() != nil {
			q.mu.Unlock()
			return
		}
		if until := l.rest; until.After(now) {
			off := l.waiting
			l.waiting = nil
			q.mu.Unlock()
			for _, j := range off {
				q.putOff(ctx, j, until)
				q.end(j.a)
			}
			continue
		}
		j := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.running++
		q.mu.running++
		q.readyLocked(l)
		q.mu.Unlock()
		q.done.Go(func() { q.attempt(ctx, j) })
	}
}

// readyLocked puts a lane into its turn, if it has something to do.
func (q *Queue) readyLocked(l *lane) {
	if !l.ready && len(l.waiting) > 0 && l.running < l.pace.bears(q.opts.PerWay) {
		l.ready = true
		q.mu.ready = append(q.mu.ready, l)
	}
}

// nextLane is the lane whose turn it is, nil when nothing may run.
func (q *Queue) nextLane() *lane {
	for len(q.mu.ready) > 0 && q.mu.running < q.opts.Attempts {
		l := q.mu.ready[0]
		q.mu.ready = q.mu.ready[1:]
		l.ready = false
		if l.running < l.pace.bears(q.opts.PerWay) { // it may bear less than when its turn was noted
			return l
		}
	}
	return nil
}

// leaveLane is the end of an attempt.
func (q *Queue) leaveLane(way Way, out []Outcome, stopped bool) {
	q.mu.Lock()
	q.mu.running--
	l := q.mu.lanes[way]
	l.running--
	l.heard(out, q.opts.Clock(), stopped)
	l.pace.heard(out, l.running, q.opts.PerWay)
	q.readyLocked(l)
	hungry := l.hungry()
	if l.idle() && l.silent == 0 && l.pace.limit == 0 {
		delete(q.mu.lanes, way)
	}
	q.mu.Unlock()
	if hungry {
		q.Wake()
	}
}

func (l *lane) idle() bool { return len(l.waiting)+l.running+len(l.passed) == 0 }

// forget drops the lanes of ways that nobody has wanted for long.
func (q *Queue) forget(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for way, l := range q.mu.lanes {
		if l.idle() && now.Sub(l.rest) > maxRest {
			delete(q.mu.lanes, way)
		}
	}
}

// putOff has recipients wait until a way has rested. It is no attempt.
func (q *Queue) putOff(ctx context.Context, j *job, until time.Time) {
	m := <-j.a.row
	defer func() { j.a.row <- m }()
	wait := time.Duration((spread() + 1) * float64(time.Minute) / 2)
	for {
		for _, n := range j.to {
			if r := &m.Recipients[n]; r.State == store.QueueWaiting {
				r.Next = until.Add(wait)
				if r.Reply == "" {
					r.Reply = fmt.Sprintf("waiting: %s has not answered others", j.way.Next)
				}
			}
		}
		_, fresh, err := q.write(ctx, m, nil)
		if err == nil || fresh == nil {
			return
		}
		m = fresh
	}
}

// attempt makes one attempt, writes what came of it and starts what may run then.
func (q *Queue) attempt(ctx context.Context, j *job) {
	m := <-j.a.row
	now := *m
	now.Recipients = slices.Clone(m.Recipients)
	j.a.row <- m
	out := q.carry(ctx, Attempt{Message: &now, To: j.to, Way: j.way, Text: q.opts.Store.QueuedText(&now)})
	q.settle(ctx, j.a, j.to, out)
	q.leaveLane(j.way, out, ctx.Err() != nil)
	q.endAttempt(j.a)
	q.start(ctx)
}

// carry is the carrier's Carry; a bug in it costs the attempt.
func (q *Queue) carry(ctx context.Context, a Attempt) (out []Outcome) {
	defer func() {
		if p := recover(); p != nil {
			q.opts.Log.Error("queue: panic in a carrier", "queue_id", store.FormatQueueID(a.Message.ID), "panic", p, "stack", string(debug.Stack()))
			out = slices.Repeat([]Outcome{{Err: errBug}}, len(a.To))
		}
	}()
	c, ok := q.opts.Carriers[a.Way.Carrier]
	if !ok {
		return slices.Repeat([]Outcome{{Err: fmt.Errorf("there is no transport %q", a.Way.Carrier)}}, len(a.To))
	}
	out = c.Carry(ctx, a)
	if len(out) != len(a.To) {
		panic("queue: a carrier returned outcomes for other recipients")
	}
	return out
}

var errBug = errors.New("an error in this server; its log says more")

// heard notes whether anybody has answered. What failed for other reasons says nothing of that.
func (l *lane) heard(out []Outcome, now time.Time, stopped bool) {
	if stopped {
		return
	}
	silent := false
	for i := range out {
		if out[i].Reply.Code != 0 || out[i].State != store.QueueWaiting {
			l.silent, l.rest = 0, time.Time{}
			return
		}
		silent = silent || out[i].Silent
	}
	if !silent {
		return
	}
	if l.silent++; l.silent >= silentLimit {
		l.rest = now.Add(min(firstRest<<min(l.silent-silentLimit, 10), maxRest))
	}
}

// settle writes outcomes into the message, with the reports that they lead to.
func (q *Queue) settle(ctx context.Context, a *active, to []int, out []Outcome) {
	if ctx.Err() != nil { // the end of the program is nobody's failure
		to, out = certain(to, out)
		if len(to) == 0 {
			return
		}
	}
	m := <-a.row
	defer func() { a.row <- m }()
	now := q.opts.Clock()
	var told Settled
	var letter store.QueueID
	for {
		var also []store.Enqueued
		var fresh *store.Queued
		var err error
		told, also = settle(m, now, q.opts.Schedule, spread(), to, out)
		letter, fresh, err = q.write(ctx, m, &told, also...)
		if err == nil {
			break
		}
		if fresh == nil {
			return
		}
		m = fresh
	}
	q.tell(ctx, m, now, to, out, &told, letter)
}

// tell tells Observe of a step: of who was tried, and of those whose sender was written to without that.
func (q *Queue) tell(ctx context.Context, m *store.Queued, now time.Time, to []int, out []Outcome, told *Settled, letter store.QueueID) {
	if q.opts.Observe == nil {
		return
	}
	for n := range m.Recipients {
		e := Event{Message: m, Time: now, To: n, Outcome: new(Outcome)}
		if told.about(n) {
			e.Letter = letter
		}
		if i := slices.Index(to, n); i >= 0 {
			e.Outcome = &out[i]
		} else if e.Letter == 0 {
			continue
		}
		q.opts.Observe(ctx, e)
	}
}

// certain are the outcomes that are not "again".
func certain(to []int, out []Outcome) (tos []int, outs []Outcome) {
	for i := range out {
		if out[i].State != store.QueueWaiting {
			tos, outs = append(tos, to[i]), append(outs, out[i])
		}
	}
	return tos, outs
}

// write writes a message and the reports about it, and returns the id of the first of these. When somebody else has changed it meanwhile, fresh is how it is now, and the change is to be made again; nil
// with an error is the end of it.
func (q *Queue) write(ctx context.Context, m *store.Queued, told *Settled, also ...store.Enqueued) (letter store.QueueID, fresh *store.Queued, err error) {
	ctx = context.WithoutCancel(ctx)
	var letters []store.Enqueued
	if told != nil && !told.Silent() && q.opts.Reporter != nil {
		if letters, err = q.opts.Reporter.Report(ctx, m, *told); err != nil {
			return 0, nil, q.lost(m, err) // it stays as it was, and is tried again: a double is better than silence
		}
	}
	err = q.opts.Store.Requeue(ctx, m, append(letters, also...)...)
	if errors.Is(err, store.ErrQueueChanged) {
		fresh, ferr := q.opts.Store.Queued(ctx, m.ID)
		if ferr == nil {
			return 0, fresh, err
		}
		if errors.Is(ferr, store.ErrNotQueued) {
			return 0, nil, err // dropped by hand
		}
		err = ferr
	}
	if err != nil {
		return 0, nil, q.lost(m, err)
	}
	if len(letters) > 0 {
		letter = letters[0].Message.ID
	}
	return letter, nil, nil
}

func (q *Queue) lost(m *store.Queued, err error) error {
	q.opts.Log.Error("queue: what came of an attempt cannot be written", "queue_id", store.FormatQueueID(m.ID), "error", err)
	return err
}
