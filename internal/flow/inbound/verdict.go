package inbound

import (
	"errors"
	"fmt"
	"strings"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/trust/dmarc"
)

// What decide refuses.
var (
	// ErrForged means that the author's domain does not stand behind the message, and asks that such mail be refused.
	ErrForged = errors.New("inbound: refused by the policy of the author's domain (DMARC)")
	// ErrUnsure means that it could not be found out now whether it does.
	ErrUnsure = errors.New("inbound: the author's domain cannot be asked now (DMARC)")
	// ErrHello means that the client calls itself what it cannot be.
	ErrHello = errors.New("inbound: the client greets with a name that cannot be its own")
	// ErrListed means that lists of bad hosts or domains say so.
	ErrListed = errors.New("inbound: on a list")
)

// Policy is what the operator wants done with what was found out.
type Policy struct {
	// Reject refuses mail whose author's domain asks for that; otherwise it goes to Junk.
	Reject bool
	// Defer lets senders come again where DMARC cannot tell now; otherwise their mail is taken.
	Defer bool
	// Refuse and Junk are the weights of lists from which on mail is refused, or goes to Junk. 0 is never.
	Refuse, Junk int
	// Sealers are domains whose word is believed that a message was its author's when it came to them (RFC 8617 7.2).
	Sealers []addr.Domain
}

// decide says what is done with a message. It is a pure function of what was found out about it.
//
// What SPF and DKIM say counts through the author's domain alone: mail that is forwarded fails the one, mail of lists the other (RFC 7208 8.4, RFC 6376 6.3).
func decide(e *flow.Evidence, p Policy) flow.Verdict {
	if e.Hops >= maxHops { // RFC 5321 6.3
		return flow.Verdict{Refuse: fmt.Errorf("%w: %d hops", ErrLoop, e.Hops), Why: fmt.Sprintf("%d hops", e.Hops)}
	}
	switch {
	case e.Declined != nil:
		return flow.Verdict{Refuse: e.Declined, Why: e.Declined.Error()}
	case e.Discard != "":
		return flow.Verdict{Discard: true, Why: "dropped for " + e.Discard}
	}
	var v flow.Verdict
	for i := range e.DMARC {
		d := &e.DMARC[i]
		asked := d.Failed()
		if asked == dmarc.Nothing && (d.Status != dmarc.TempError || !p.Defer) {
			continue
		}
		why := fmt.Sprintf("DMARC of %s: %s: %s", d.Author, d.Status, d.Reason)
		sealer, vouched := e.ARC.Vouched(d.Author, p.Sealers)
		switch {
		case e.Forwarder:
			if v.Why == "" {
				v.Why = why + "; the forwarder is trusted"
			}
		case vouched:
			if v.Why == "" {
				v.Why = fmt.Sprintf("%s; it passed when it came to %s (ARC)", why, sealer)
			}
		case d.Status == dmarc.TempError:
			if v.Refuse == nil {
				v.Refuse, v.Why = fmt.Errorf("%w: %s", ErrUnsure, d.Author), why
			}
		case asked == dmarc.Reject && p.Reject: // RFC 7489 6.3, 10.3
			return flow.Verdict{Refuse: fmt.Errorf("%w: %s", ErrForged, d.Author), Why: why}
		default:
			v.Junk = true
			if v.Refuse == nil {
				v.Why = why
			}
		}
	}
	// A client that is refused has only got this far with mail for the postmaster.
	if c := decideClient(&e.Door, p); c.Refuse != nil || c.Junk {
		v.Junk = true
		if v.Why == "" {
			v.Why = c.Why
		}
	}
	if e.Quarantine != "" {
		v.Junk = true
		if v.Why == "" {
			v.Why = "quarantine: " + e.Quarantine
		}
	}
	return v
}

// decideClient says what is done with whatever a client brings. It is a pure function of what was found out about the client.
func decideClient(d *flow.Door, p Policy) flow.Verdict {
	if !d.Looked || d.Allowed != "" {
		return flow.Verdict{}
	}
	if d.Hello != "" {
		return flow.Verdict{Refuse: &flow.Refusal{Err: ErrHello, Text: "you greet with a name that cannot be yours: " + d.Hello}, Why: "greeting: " + d.Hello}
	}
	weight := d.Weight()
	refuse, junk := p.Refuse > 0 && weight >= p.Refuse, p.Junk > 0 && weight >= p.Junk
	if !refuse && !junk {
		return flow.Verdict{}
	}
	var on []string
	var said string
	for i := range d.Lists {
		l := &d.Lists[i]
		if !l.Listed() || l.Allow || l.Weight == 0 {
			continue
		}
		on = append(on, fmt.Sprintf("%s is on %s", l.Name, l.Zone))
		if said == "" && l.Text != "" {
			said = ": " + l.Text
		}
	}
	why := strings.Join(on[:min(len(on), 3)], ", ")
	if refuse {
		return flow.Verdict{Refuse: &flow.Refusal{Err: ErrListed, Text: why + said}, Why: why}
	}
	return flow.Verdict{Junk: true, Why: why}
}
