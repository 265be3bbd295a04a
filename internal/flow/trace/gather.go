package trace

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/flow/queue"
	"restante/internal/store"
)

// OfReceived is what became of a message that mailboxes here were to have: inbound.Options.Observe.
// Copies that go on under queue ids of their own begin lives of their own.
func OfReceived(r *flow.Received, v *flow.Verdict, out *flow.Receipt) []Event {
	e := Event{Queue: r.Queue, Time: r.Time, Stage: Arrived}
	for _, c := range out.Copies {
		mine := Copy{Account: c.Account.ID, Login: clip(c.Account.Login, maxText), Message: c.Message}
		if to := r.Recipients[c.Of].To.String(); to != c.Account.Login {
			mine.For = clip(to, maxText)
		}
		e.Copies = append(e.Copies, mine)
	}
	more := e.onward(out.Onward)
	if r.Carried { // the queue tells the rest
		if e.Stage = Delivered; len(e.Copies)+len(e.Onward) == 0 {
			return nil
		}
		return append([]Event{e}, more...)
	}
	e.envelope(&r.Envelope, out.Errs)
	e.MessageID, e.Size = clip(r.Body.Message().MessageID, maxText), r.Body.Size()
	e.Checks = append(doorChecks(&r.Evidence.Door), checks(&r.Evidence, r.Mail.From.String())...)
	e.Why = clip(v.Why, maxReply)
	switch {
	case v.Refuse != nil:
		e.Outcome = "refused"
		for i := range e.To {
			e.To[i].Error = "" // the same for all, and said once
		}
	case out.Failed() != nil && len(out.Copies) == 0:
		e.Outcome = "failed"
	case v.Discard:
		e.Outcome = "dropped"
	case v.Junk:
		e.Outcome = "junk"
	default:
		e.Outcome = "accepted"
	}
	for i := range more {
		more[i].MessageID, more[i].Size = e.MessageID, e.Size
	}
	return append([]Event{e}, more...)
}

// onward enters what goes on, and returns the first events of what does so under another id.
func (e *Event) onward(list []flow.Onward) (more []Event) {
	for i := range list {
		f := &list[i]
		on := Onward{Queue: store.FormatQueueID(f.Queue), From: clip(f.From.String(), maxText), Here: f.Here, More: max(len(f.To)-maxRecipients, 0)}
		for _, a := range f.To[:min(len(f.To), maxRecipients)] {
			on.To = append(on.To, Recipient{Address: clip(a.String(), maxText)})
		}
		e.Onward = append(e.Onward, on)
		if f.Queue != e.Queue {
			more = append(more, Event{Queue: f.Queue, Time: e.Time, Stage: Forwarded, From: on.From, To: on.To, More: on.More, Other: store.FormatQueueID(e.Queue)})
		}
	}
	return more
}

// OfSubmitted is a message that one of our users has sent: submission.Options.Observe.
func OfSubmitted(s *flow.Submitted) Event {
	e := Event{Queue: s.Queue, Time: s.Time, Stage: Submitted, MessageID: clip(s.MessageID, maxText), Size: s.Size}
	e.envelope(&s.Envelope, nil)
	id := &s.Session.Identity
	if s.Sent != 0 {
		e.Copies = []Copy{{Account: id.Account, Login: clip(id.Login, maxText), Message: s.Sent, Sent: true}}
	}
	return e
}

// OfRefused is a transaction that has brought nothing: smtpd.Options.Refused. id is 0 where the client did not come as far as the message.
func OfRefused(env *flow.Envelope, id store.QueueID, now time.Time) Event {
	e := Event{Queue: id, Time: now, Stage: Refused}
	e.envelope(env, nil)
	e.Checks = doorChecks(&env.Client)
	return e
}

// OfAttempt is what an attempt of the queue has come to for a recipient: queue.Options.Observe. A letter to the sender makes two more events: that it was
// written, and its own first one.
func OfAttempt(q queue.Event) []Event {
	m, r := q.Message, &q.Message.Recipients[q.To]
	to := []Recipient{{Address: clip(r.To.String(), maxText)}}
	from := clip(m.Mail.From.String(), maxText)
	e := Event{
		Queue: m.ID, Time: q.Time, Stage: Tried, From: from, To: to, MessageID: clip(m.MessageID, maxText),
		Attempt: &Attempt{State: stateName(r.State), Number: r.Attempts, Host: clip(r.Host, maxText), Reply: clip(r.Reply, maxReply)},
	}
	if r.State == store.QueueWaiting {
		e.Attempt.Next = r.Next
	}
	for _, line := range q.Outcome.Evidence {
		e.Attempt.Evidence = append(e.Attempt.Evidence, clip(line, maxText))
	}
	list := []Event{e}
	if q.Letter == 0 {
		return list
	}
	letter := store.FormatQueueID(q.Letter)
	return append(list,
		Event{Queue: m.ID, Time: q.Time, Stage: Told, Outcome: e.Attempt.State, To: []Recipient{{Address: from}}, Other: letter},
		Event{Queue: q.Letter, Time: q.Time, Stage: Letter, To: []Recipient{{Address: from}}, Other: store.FormatQueueID(m.ID)},
	)
}

// OfHandled is something that somebody has done with a message that waited: "held", for example.
func OfHandled(m *store.Queued, done, note string, now time.Time) Event {
	why := done
	if note != "" {
		why += ": " + note
	}
	return Event{Queue: m.ID, Time: now, Stage: Handled, Why: clip(why, maxText)}
}

func stateName(s store.QueueState) string {
	switch s {
	case store.QueueDelivered:
		return "delivered"
	case store.QueueRelayed:
		return "relayed"
	case store.QueueFailed:
		return "failed"
	}
	return "waiting"
}

// envelope enters who brought a message, and for whom; errs are of its recipients.
func (e *Event) envelope(env *flow.Envelope, errs []error) {
	s := &env.Session
	e.Client = &Client{
		Name: clip(s.Name, maxText), Hello: clip(s.Hello, maxText), With: s.Protocol(env.Mail.SMTPUTF8).String(), TLS: s.TLSVersion, Cipher: s.Cipher,
		Proxied: s.Proxied, Account: s.Identity.Account, Login: clip(s.Identity.Login, maxText), Device: clip(s.Identity.DeviceName, maxText),
	}
	if s.Peer.IsValid() {
		e.Client.Address = s.Peer.Unmap().String()
	}
	e.From = clip(env.Mail.From.String(), maxText)
	for i := range env.Recipients[:min(len(env.Recipients), maxRecipients)] {
		to := Recipient{Address: clip(env.Recipients[i].To.String(), maxText)}
		if i < len(errs) && errs[i] != nil {
			to.Error = clip(errs[i].Error(), maxText)
		}
		e.To = append(e.To, to)
	}
	e.More = max(len(env.Recipients)-maxRecipients, 0)
	for i := range env.Refused {
		no := &env.Refused[i]
		out := Refusal{Stage: no.Stage}
		if no.Reply.Code != 0 {
			out.Reply = clip(no.Reply.Error(), maxReply)
		}
		if !no.To.IsZero() {
			out.To = clip(no.To.String(), maxText)
		}
		if no.Err != nil && !errors.Is(no.Err, no.Reply) {
			out.Why = detail(no.Err, no.Reply.Code/100 != 5)
		}
		e.Refusals = append(e.Refusals, out)
	}
}

// detail is what an error says, without the name of the package that says it. What is no more than its kind says the reply as well, unless all is wanted.
func detail(err error, all bool) string {
	text := err.Error()
	if word, rest, ok := strings.Cut(text, ": "); ok && !strings.Contains(word, " ") {
		text = rest
	}
	if !all && !strings.Contains(text, ": ") {
		return ""
	}
	return clip(text, maxText)
}

// doorChecks are what was found out about a client before its message, as far as that is remarkable.
func doorChecks(d *flow.Door) (list []Check) {
	if d.Allowed != "" {
		list = append(list, Check{Method: "door", Result: "welcome", Reason: clip(d.Allowed, maxText)})
	}
	if d.Hello != "" {
		list = append(list, Check{Method: "greeting", Result: "wrong", Reason: clip(d.Hello, maxText)})
	}
	for i := range d.Lists {
		l := &d.Lists[i]
		c := Check{Method: "list " + clip(l.Zone, maxText), Result: l.Status, About: []string{clip(l.Name, maxText)}, Reason: clip(l.Text, maxText)}
		switch {
		case l.Status == "none", l.Allow: // the latter is in Authentication-Results
			continue
		case l.Listed():
			c.Result = fmt.Sprintf("listed, weight %d", l.Weight)
		}
		list = append(list, c)
	}
	return list
}

// checks are the evidence about a message.
func checks(ev *flow.Evidence, from string) (list []Check) {
	results := check.Results(ev, from)
	for i := range results[:min(len(results), maxChecks)] {
		r := &results[i]
		if r.Method == "arc" && r.Value == "none" {
			continue // as most have it
		}
		c := Check{Method: r.Method, Result: r.Value, Reason: clip(r.Reason, maxText)}
		if r.Method == "spf" && ev.SPF != nil {
			c.Reason = clip(ev.SPF.Reason, maxText)
		}
		for _, p := range r.Props {
			if p.Name != "header.b" && p.Name != "header.a" && p.Name != "smtp.remote-ip" && p.Value != "" && len(c.About) < maxAbout {
				c.About = append(c.About, clip(p.Value, maxText))
			}
		}
		if r.Comment != "" {
			c.About = append(c.About, clip(r.Comment, maxText))
		}
		list = append(list, c)
	}
	return list
}

// addresses are a list of recipients, for people.
func addresses(list []Recipient, more int) string {
	var b strings.Builder
	for i := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(list[i].Address)
	}
	if more > 0 {
		b.WriteString(", and others")
	}
	return b.String()
}
