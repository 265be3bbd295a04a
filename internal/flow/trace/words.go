package trace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"restante/internal/store"
)

// Line is a step of a life, in words.
type Line struct {
	At   time.Time
	Text string
}

// Lines tell a life, a step a line. Of a copy they say what arrived does, which may know more of it; "" leaves it to them.
func (l *Life) Lines(arrived func(c *Copy) string) (list []Line) {
	came, brought := false, false
	for i := range l.Events {
		e := &l.Events[i]
		say := func(format string, args ...any) { list = append(list, Line{e.Time, fmt.Sprintf(format, args...)}) }
		switch e.Stage {
		case Arrived, Submitted, Refused:
			if came { // the same client: only what it was told is new
				e.answered(say, false)
				break
			}
			came = true
			e.came(say)
		case Tried:
			if !brought || e.Attempt == nil || e.Attempt.State != "delivered" {
				e.tried(say)
			}
		case Delivered:
			brought = true
		case Told:
			say("its sender %s is told so, in the letter %s", addresses(e.To, e.More), e.Other)
		case Letter:
			say("this is a letter about %s, to its sender %s", e.Other, addresses(e.To, e.More))
		case Forwarded:
			say("this is a copy of %s that goes on from here", e.Other)
			say("from %s, to %s", path(e.From), addresses(e.To, e.More))
		case Handled:
			say("%s", e.Why)
		}
		for k := range e.Onward {
			say("%s", e.Onward[k].words(l.Queue))
		}
		for k := range e.Copies {
			words := e.Copies[k].words()
			if better := arrived(&e.Copies[k]); better != "" {
				words = better
			}
			say("%s", words)
		}
	}
	return list
}

func (o *Onward) words(of store.QueueID) string {
	s := "goes on to " + addresses(o.To, o.More)
	if o.Here {
		s = "waits for room in the mailbox of " + addresses(o.To, o.More)
	}
	if o.From != "" && !o.Here {
		s += " from " + o.From
	}
	if o.Queue != store.FormatQueueID(of) {
		s += ", with the queue id " + o.Queue
	}
	return s
}

func (c *Copy) words() string {
	who := c.Login
	switch {
	case c.Account == 0:
		return "in the mailbox of an account that has been erased"
	case c.Sent:
		return "a copy is in Sent of " + who
	case c.For != "":
		who += ", who gets mail for " + c.For
	}
	return "in the mailbox of " + who
}

// Owner is the account of a copy, for people, with the address that the message came for.
func (c *Copy) Owner() string {
	if c.For != "" {
		return fmt.Sprintf("%s (for %s)", c.Login, c.For)
	}
	return c.Login
}

// came tells who brought a message, for whom, and what was found out.
func (e *Event) came(say func(string, ...any)) {
	verb := "brought"
	switch {
	case e.Stage == Submitted:
		verb = "sent"
	case e.Stage == Refused:
		verb = "offered"
	}
	if e.Client != nil {
		say("%s by %s", verb, e.Client.words())
	}
	if e.Stage != Refused || len(e.To) > 0 || len(e.Refusals) > 0 {
		to := addresses(e.To, e.More)
		if to == "" {
			to = "nobody who was accepted"
		}
		say("from %s, to %s", path(e.From), to)
	}
	for i := range e.Refusals {
		if no := &e.Refusals[i]; no.Stage != "DATA" {
			say("%s", no.words())
		}
	}
	for i := range e.Checks {
		say("%s", e.Checks[i].words())
	}
	switch e.Outcome {
	case "accepted":
		if e.Why != "" {
			say("accepted: %s", e.Why)
		}
	case "junk":
		say("put into Junk: %s", e.Why)
	case "dropped":
		say("nobody got it: %s", e.Why)
	case "refused":
		say("refused: %s", e.Why)
	}
	for _, to := range e.To {
		if to.Error != "" {
			say("not for %s: %s", to.Address, to.Error)
		}
	}
	e.answered(say, true)
	if e.Stage == Submitted {
		say("in the queue, %d octets", e.Size)
	}
}

// answered tells what the client was told to the message itself, with why where that is not known yet.
func (e *Event) answered(say func(string, ...any), why bool) {
	for _, no := range e.Refusals {
		if no.Stage != "DATA" {
			continue
		}
		if !why {
			no.Why = ""
		}
		say("%s", no.words())
	}
}

// path is a reverse-path for people.
func path(from string) string {
	if from == "" {
		return "<>"
	}
	return from
}

func (c *Client) words() string {
	var b strings.Builder
	switch {
	case c.Account != 0 && c.Device != "":
		fmt.Fprintf(&b, "%s with the device %q", c.Login, c.Device)
	case c.Account != 0:
		b.WriteString(c.Login)
	}
	host := c.Name
	switch {
	case c.Address == "":
		host = "a program of this machine"
	case host == "":
		host = "[" + c.Address + "]"
	default:
		host += " [" + c.Address + "]"
	}
	if b.Len() > 0 {
		b.WriteString(" from ")
	}
	b.WriteString(host)
	if c.Hello != "" && c.Hello != c.Name {
		fmt.Fprintf(&b, ", which calls itself %s", c.Hello)
	}
	fmt.Fprintf(&b, ", by %s", c.With)
	if tls := strings.TrimSpace(c.TLS + " " + c.Cipher); tls != "" {
		fmt.Fprintf(&b, " (%s)", tls)
	}
	if c.Proxied {
		b.WriteString(", through a proxy")
	}
	return b.String()
}

func (c *Check) words() string {
	if c.Method == "iprev" {
		return c.reverse()
	}
	name := strings.ToUpper(c.Method)
	if c.Method == "door" || c.Method == "greeting" || strings.HasPrefix(c.Method, "list ") {
		name = c.Method
	}
	s := name + ": " + c.Result
	if len(c.About) > 0 {
		s += " (" + strings.Join(slices.Compact(slices.Clone(c.About)), ", ") + ")"
	}
	if c.Reason != "" {
		s += ": " + c.Reason
	}
	return s
}

// reverse is what the DNS says of the host's address.
func (c *Check) reverse() string {
	switch {
	case c.Result == "pass" && len(c.About) > 1:
		return "its address is that of " + c.About[len(c.About)-1]
	case c.Result == "permerror":
		return "its address has no name in the DNS"
	case c.Result == "fail":
		return "its address has a name in the DNS that does not lead back to it"
	}
	return "the name of its address: " + c.Result
}

func (r *Refusal) words() string {
	s := "the client was told " + r.Reply
	switch {
	case r.Reply == "":
		s = "the connection was lost before the end of the message"
	case r.To != "":
		s = r.To + " refused: " + r.Reply
	}
	if r.Why != "" {
		s += " (" + r.Why + ")"
	}
	return s
}

// tried tells of an attempt.
func (e *Event) tried(say func(string, ...any)) {
	a, to := e.Attempt, addresses(e.To, e.More)
	if a == nil {
		return
	}
	said := a.Reply
	if a.Host != "" && said != "" {
		said = a.Host + " said: " + said
	} else if said == "" {
		said = a.Host
	}
	if said != "" {
		said = ": " + said
	}
	switch a.State {
	case "delivered":
		say("%s: delivered", to)
	case "relayed":
		say("%s: handed over%s", to, said)
	case "failed":
		say("%s: given up%s", to, said)
	default:
		if a.Number == 0 {
			say("%s: not tried yet", to)
		} else {
			say("%s: not yet, attempt %d%s", to, a.Number, said)
		}
		if !a.Next.IsZero() {
			say("%s: next attempt %s", to, a.Next.Local().Format("2 Jan 15:04:05"))
		}
	}
	for _, line := range a.Evidence {
		say("  %s", line)
	}
}

// Summary is a life in a line.
type Summary struct {
	Time      time.Time
	From      string
	To        []string // with those who were refused; of very many the first
	More      int
	MessageID string
	Size      int64
	State     string // delivered, junk, dropped, relayed, waiting, failed or refused: the worst of its recipients
	Failed    bool   // somebody has not got it, or not at once
}

// Summary says what has become of a message so far.
func (l *Life) Summary() Summary {
	s := Summary{Time: timeOf(l.Queue)}
	states := make(map[string]string)
	set := func(to, state string) {
		if _, ok := states[to]; !ok {
			s.To = append(s.To, to)
		}
		states[to] = state
	}
	for i := range l.Events {
		e := &l.Events[i]
		s.Failed = s.Failed || e.failed()
		if e.From != "" {
			s.From = e.From
		}
		if e.MessageID != "" {
			s.MessageID = e.MessageID
		}
		s.Size, s.More = max(s.Size, e.Size), max(s.More, e.More)
		for _, no := range e.Refusals {
			if no.To != "" {
				set(no.To, "refused")
			}
		}
		if e.Stage == Told {
			continue
		}
		for k := range e.To {
			set(e.To[k].Address, e.stateOf(k))
		}
		for _, on := range e.Onward {
			for _, to := range on.To {
				if on.Queue == store.FormatQueueID(l.Queue) {
					set(to.Address, "waiting")
				}
			}
		}
		if e.Stage == Refused && len(e.To) == 0 && len(states) == 0 {
			s.State = "refused"
		}
	}
	for _, state := range states {
		if slices.Index(worse(), state) > slices.Index(worse(), s.State) {
			s.State = state
		}
	}
	return s
}

// worse are the states of a message, the best first.
func worse() []string {
	return []string{"delivered", "junk", "dropped", "relayed", "waiting", "failed", "refused"}
}

// stateOf is what an event says of one of its recipients.
func (e *Event) stateOf(k int) string {
	switch {
	case e.Stage == Tried && e.Attempt != nil:
		return e.Attempt.State
	case e.Stage == Submitted, e.Stage == Letter, e.Stage == Forwarded:
		return "waiting"
	case e.Stage == Refused, e.Outcome == "refused":
		return "refused"
	case e.To[k].Error != "":
		return "failed"
	case e.Outcome == "junk", e.Outcome == "dropped":
		return e.Outcome
	}
	return "delivered"
}
