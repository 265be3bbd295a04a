package inbound

import (
	"errors"
	"fmt"

	"restante/internal/flow"
	"restante/internal/trust/dmarc"
)

// What decide refuses.
var (
	// ErrForged means that the author's domain does not stand behind the message, and asks that such mail be refused.
	ErrForged = errors.New("inbound: refused by the policy of the author's domain (DMARC)")
	// ErrUnsure means that it could not be found out now whether it does.
	ErrUnsure = errors.New("inbound: the author's domain cannot be asked now (DMARC)")
)

// Policy is what the operator wants done with what was found out.
type Policy struct {
	// Reject refuses mail whose author's domain asks for that; otherwise it goes to Junk.
	Reject bool
	// Defer lets senders come again where DMARC cannot tell now; otherwise their mail is taken.
	Defer bool
}

// decide says what is done with a message. It is a pure function of what was found out about it.
//
// What SPF and DKIM say counts through the author's domain alone: mail that is forwarded fails the one, mail of lists the other (RFC 7208 8.4, RFC 6376 6.3).
func decide(e *flow.Evidence, p Policy) flow.Verdict {
	if e.Hops >= maxHops { // RFC 5321 6.3
		return flow.Verdict{Refuse: fmt.Errorf("%w: %d hops", ErrLoop, e.Hops), Why: fmt.Sprintf("%d hops", e.Hops)}
	}
	var v flow.Verdict
	for i := range e.DMARC {
		d := &e.DMARC[i]
		asked := d.Failed()
		if asked == dmarc.Nothing && (d.Status != dmarc.TempError || !p.Defer) {
			continue
		}
		why := fmt.Sprintf("DMARC of %s: %s: %s", d.Author, d.Status, d.Reason)
		switch {
		case e.Forwarder:
			if v.Why == "" {
				v.Why = why + "; the forwarder is trusted"
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
	return v
}
