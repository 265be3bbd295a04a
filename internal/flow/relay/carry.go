package relay

import (
	"context"
	"errors"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/tlspolicy"
)

// delivery is an attempt under way. out has an entry for each of a.To; what is not done can still go to another host.
type delivery struct {
	r    *Relay
	a    queue.Attempt
	out  []queue.Outcome
	done []bool

	eight, scanned bool           // it has octets outside US-ASCII, if it was looked for them
	converted      [2]*conversion // by mime.Form
}

// maxSessions is how many hosts are spoken to in an attempt, beside those that do not even say hello.
const maxSessions = 2

// maxResting is how many resting sessions are tried before a new one is made: those that the other side has closed meanwhile.
const maxResting = 3

func (d *delivery) carry(ctx context.Context) {
	sender := tlspolicy.SenderSilent
	if m := &d.a.Message.Mail; m.RequireTLS && !m.From.IsZero() { // RFC 8689 4.2.1: reports are rather sent without
		sender = tlspolicy.SenderRequires
	}
	for range maxResting {
		s := d.r.pool.take(poolKey{d.a.Way, sender})
		if s == nil {
			break
		}
		d.r.count.reused.Inc()
		next := d.use(ctx, s)
		if d.finished() {
			return
		}
		if next != broken {
			break // it is alive, and wants no more: a new one, perhaps
		}
	}
	find := &search{r: d.r, a: &d.a, sender: sender, left: d.r.opts.Addresses}
	for sessions := 0; !d.finished(); sessions++ {
		var s *session
		if sessions < maxSessions {
			s = find.next(ctx)
		}
		if s == nil {
			d.giveUp(find)
			return
		}
		if d.use(ctx, s) == full {
			find.again()
			sessions--
		}
	}
}

func (d *delivery) finished() bool {
	for _, done := range d.done {
		if !done {
			return false
		}
	}
	return true
}

// giveUp leaves those who are not done with what a host said of them, or else with why none could be spoken to.
func (d *delivery) giveUp(s *search) {
	o := queue.Outcome{Host: s.failed.host, Evidence: s.evidence}
	o.Err, o.Status, o.Silent = s.failed.err, status(s.failed.err), !broke(s.failed.err)
	var reply smtpwire.Reply
	switch {
	case s.failed.err == nil:
		o.Err = errNobody
	case errors.As(s.failed.err, &reply):
		o.Reply, o.Err, o.Silent = reply, nil, false
	}
	if s.failed.hard && s.failed.err != nil {
		o.State = store.QueueFailed
	}
	for i, done := range d.done {
		if last := &d.out[i]; !done && last.Reply.Code == 0 && last.Err == nil {
			*last = o
		} else if !done {
			last.Evidence = s.evidence
		}
	}
}

var errNobody = errors.New("no host could be tried")

// use sends as much as it can on a session and lets it rest or ends it.
func (d *delivery) use(ctx context.Context, s *session) (next then) {
	stop := s.line.watch(ctx)
	size := time.Duration(d.a.Text.Size()>>12) * time.Second
	s.line.until(time.Now().Add(d.r.opts.Times.Session + size))
	taken := 0
	for next == goOn && !d.r.worn(s) {
		group := d.group(s)
		if len(group) == 0 {
			break
		}
		var n int
		n, next = d.transaction(ctx, s, group)
		taken += n
	}
	switch ended := !stop(); {
	case ended || next == broken:
		s.line.Conn.Close()
		return broken
	case !d.r.worn(s):
		d.r.pool.put(s)
	default:
		d.r.pool.end(s)
		if taken > 0 && next == goOn {
			return full
		}
	}
	return next
}

// group is the next recipients for a transaction, as many as the host takes (RFC 9422 4).
func (d *delivery) group(s *session) (group []int) {
	caps := s.c.Capabilities()
	most, domains := d.r.opts.Recipients, make(map[string]bool)
	if caps.RcptMax > 0 {
		most = int(min(int64(most), caps.RcptMax))
	}
	for i, done := range d.done {
		if done {
			continue
		}
		domain := string(d.rcpt(i).To.Domain)
		if caps.RcptDomainMax > 0 && !domains[domain] && int64(len(domains)) >= caps.RcptDomainMax {
			continue
		}
		domains[domain] = true
		if group = append(group, i); len(group) == most {
			break
		}
	}
	return group
}

func (d *delivery) rcpt(i int) *smtpwire.Rcpt { return &d.a.Message.Recipients[d.a.To[i]].Rcpt }

// settle writes down what came of a recipient.
func (d *delivery) settle(s *session, i int, o queue.Outcome) {
	o.Host, o.Evidence = s.host, s.evidence
	d.out[i], d.done[i] = o, true
}

// pass writes down why a recipient goes to the next host, if there is one.
func (d *delivery) pass(s *session, i int, o queue.Outcome) {
	d.settle(s, i, o)
	d.done[i] = false
}
