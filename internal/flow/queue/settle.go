package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// Schedule says how long to wait after an attempt that failed for now: after attempt n, Waits[n-1], and the last one from then on.
// A tenth is added or taken away at random, so that what failed together is not tried together. Empty is the usual one.
type Schedule struct {
	Waits []time.Duration
}

// usual is quick at first, for greylisting, and then more patient than RFC 5321 4.5.4.1 asks for (at least 30 minutes).
func usual() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
	}
}

// after is the wait after so many attempts; spread is -1 to 1.
func (s Schedule) after(attempts int, spread float64) time.Duration {
	waits := s.Waits
	if len(waits) == 0 {
		waits = usual()
	}
	w := waits[min(max(attempts, 1), len(waits))-1]
	return w + time.Duration(spread*float64(w)/10)
}

func spread() float64 { return rand.Float64()*2 - 1 }

// Settled is what a step has made of a message: the recipients whose senders are to be told, by what they are to be told.
type Settled struct {
	Failed    []int // for good
	Delayed   []int // still tried
	Delivered []int // their sender asked to hear of it
	Relayed   []int // the same, by a host that will not report
}

// Silent says that nobody is to be told anything.
func (s *Settled) Silent() bool {
	return len(s.Failed)+len(s.Delayed)+len(s.Delivered)+len(s.Relayed) == 0
}

// about says whether the sender is told of a recipient.
func (s *Settled) about(n int) bool {
	return slices.Contains(s.Failed, n) || slices.Contains(s.Delayed, n) || slices.Contains(s.Delivered, n) || slices.Contains(s.Relayed, n)
}

// statusExpired is "delivery time expired" (RFC 3463 3.5).
const statusExpired = "4.4.7"

// settle enters the outcomes of an attempt into a message, as of now, and says whom to tell of them and what else is to be enqueued. Outcomes for
// recipients that wait no more, because somebody has dropped them meanwhile, are passed over.
func settle(q *store.Queued, now time.Time, s Schedule, spread float64, to []int, out []Outcome) (told Settled, also []store.Enqueued) {
	for i, n := range to {
		r, o := &q.Recipients[n], &out[i]
		if r.State != store.QueueWaiting {
			continue
		}
		r.Attempts++
		r.Last, r.Host, r.Reply, r.State = now, o.Host, o.text(), o.State
		also = append(also, o.Also...)
		switch o.State {
		case store.QueueFailed:
			told.add(&told.Failed, q, n, smtpwire.NotifyFailure)
		case store.QueueDelivered:
			told.add(&told.Delivered, q, n, smtpwire.NotifySuccess)
		case store.QueueRelayed:
			if !o.DSN { // RFC 3461 5.2.2: the next host does not know of it
				told.add(&told.Relayed, q, n, smtpwire.NotifySuccess)
			}
		case store.QueueWaiting:
			r.Next = now.Add(s.after(r.Attempts, spread))
			if o.Retry.After(now) {
				r.Next = o.Retry
			}
		}
	}
	lapse(q, now, &told)
	return told, also
}

// lapse fails what has waited for too long, and notes when the sender is to be told of the delay.
func lapse(q *store.Queued, now time.Time, told *Settled) {
	warn := !q.Warn.IsZero() && !now.Before(q.Warn)
	late := !q.Deadline.IsZero() && q.Mail.By.Mode == smtpwire.ByNotify && !now.Before(q.Deadline)
	for n := range q.Recipients {
		r := &q.Recipients[n]
		switch {
		case r.State != store.QueueWaiting:
		case !now.Before(q.Expires):
			r.State = store.QueueFailed
			if r.Reply == "" {
				r.Reply = "it was never tried"
			}
			r.Reply = fmt.Sprintf("%s Gave up after %s; the last word was: %s", statusExpired, span(now.Sub(q.Accepted)), r.Reply)
			told.add(&told.Failed, q, n, smtpwire.NotifyFailure)
		case warn || late:
			told.add(&told.Delayed, q, n, smtpwire.NotifyDelay)
		case r.Next.After(q.Expires):
			r.Next = q.Expires // one last time, and then its sender learns of it
		}
	}
	if warn {
		q.Warn = time.Time{}
	}
	if late {
		q.Deadline = time.Time{} // RFC 2852 4.1.4: told once
	}
}

// add notes that the sender is to hear of a recipient, if he wants to (RFC 3461 4.1) and there is one.
func (s *Settled) add(list *[]int, q *store.Queued, n int, event smtpwire.Notify) {
	if q.Mail.From.IsZero() { // RFC 3461 6.1: never a report about a report
		return
	}
	wants := q.Recipients[n].Notify
	if wants == 0 {
		wants = smtpwire.NotifyFailure | smtpwire.NotifyDelay
	}
	if wants&event != 0 && wants&smtpwire.NotifyNever == 0 {
		*list = append(*list, n)
	}
}

// text is what is kept of an outcome for people and for reports: it begins with a reply or with a status code.
func (o *Outcome) text() string {
	switch {
	case o.Reply.Code != 0:
		return o.Reply.Error()
	case o.Err != nil && !o.Status.IsZero():
		return o.Status.String() + " " + o.Err.Error()
	case o.Err != nil:
		return o.Err.Error()
	}
	return ""
}

// span is a time in words.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%d days", d.Round(day)/day)
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
