package retention

import (
	"slices"
	"time"
)

// ActiveFor is how long after its last login a device still counts among those that a message waits for.
const ActiveFor = 90 * day

// Device is what a POP device has to do with one message.
type Device struct {
	ID     uint32
	Policy Policy

	// InScope says that the message is in the device's maildrop, or would be if it had not taken it: in a mailbox of its scope, and not older than where it began.
	InScope bool
	// Taken is when the device deleted the message over POP; zero when it has not, or when somebody has moved the message since.
	Taken time.Time
	// Active is the device's last login, or when it was made if it has not been used.
	Active time.Time
	// Revoked devices are waited for no more; what they have taken they have taken.
	Revoked bool
}

// Message is what else counts of a message.
type Message struct {
	Flagged  bool // \Flagged
	Answered bool // \Answered
	Kept     bool // somebody has said so
}

// Reason says why a message stays, or by what it leaves.
type Reason uint8

// Reasons. All but Released say that the message stays.
const (
	NotTaken Reason = iota // no POP device has taken it
	Flagged                // \Flagged, \Answered or Kept: somebody works with it
	Answered
	Kept
	Forever  // a device's policy keeps copies forever
	Waiting  // for a device that has not taken it yet
	Released // it leaves at Decision.At
)

// Decision is what becomes of a message.
type Decision struct {
	Reason Reason
	// At is when the message leaves (Released), or when the last of the devices that it waits for will not be waited for any longer (Waiting); else zero.
	At time.Time
	// Look is when to decide anew although At has not come: one of several devices will not be counted any longer then. Zero: nothing changes by itself.
	Look time.Time
	// Then is what becomes of it (Released).
	Then Then
	// Device is the one whose rule it is: that keeps it, is waited for, or whose period is the last to end. 0 for none.
	Device uint32
}

// Next is when to decide anew at the latest; zero for never.
func (d Decision) Next() time.Time {
	if d.At.IsZero() || !d.Look.IsZero() && d.Look.Before(d.At) {
		return d.Look
	}
	return d.At
}

// Decide says when a message leaves, given every POP device of the account.
//
// A device asks for a message to stay until its period has passed since the first taking by anybody, and not before it has taken the message itself.
// The latest of these times counts. A device that has not taken it asks to wait, unless all agree that any one is enough (then the earliest counts).
// A device in scope that keeps forever wins over all others. Devices that have not logged in for ActiveFor ask for nothing, unless that goes for all that have
// taken it: then what the last of them asked for is done, for a computer that is switched off for good must not keep what it has let go.
func Decide(now time.Time, m Message, devices []Device) Decision {
	var asking, pending []Device
	var first time.Time
	for _, d := range devices {
		if !d.Taken.IsZero() && (first.IsZero() || d.Taken.Before(first)) {
			first = d.Taken
		}
		switch {
		case !d.Taken.IsZero():
			asking = append(asking, d)
		case d.InScope && !d.Revoked && active(now, d):
			pending = append(pending, d)
		}
	}
	if len(asking) == 0 {
		return Decision{Reason: NotTaken}
	}
	if r := m.stays(); r != Released {
		return Decision{Reason: r}
	}
	asking = counting(now, asking)
	dec, finite := forever(asking, pending)
	if dec.Reason != Forever {
		dec, finite = among(first, asking, pending), true
	}
	if finite && len(asking)+len(pending) > 1 {
		dec.Look = whoCounts(now, asking, pending)
	}
	return dec
}

// counting are those of the devices that have taken a message that count: where they have all been away for too long, the one that was there last.
func counting(now time.Time, asking []Device) []Device {
	there := slices.DeleteFunc(slices.Clone(asking), func(d Device) bool { return !d.Revoked && !active(now, d) })
	if len(there) > 0 {
		return there
	}
	last := slices.MaxFunc(asking, func(a, b Device) int { return a.Active.Compare(b.Active) })
	return slices.DeleteFunc(asking, func(d Device) bool { return !d.Active.Equal(last.Active) })
}

// forever finds a device that keeps copies forever, and says whether another would let go.
func forever(asking, pending []Device) (dec Decision, others bool) {
	for _, d := range slices.Concat(asking, pending) {
		if d.Policy.Keep == KeepForever {
			dec = Decision{Reason: Forever, Device: d.ID}
		}
	}
	return dec, slices.ContainsFunc(asking, func(d Device) bool { return d.Policy.Keep != KeepForever })
}

// whoCounts is when one of the devices will not be counted any longer, if it does not come back; zero for never.
func whoCounts(now time.Time, asking, pending []Device) (at time.Time) {
	for _, d := range slices.Concat(asking, pending) {
		if end := d.Active.Add(ActiveFor + time.Millisecond); !d.Revoked && end.After(now) && (at.IsZero() || end.Before(at)) {
			at = end
		}
	}
	return at
}

// among decides between devices none of which keeps forever.
func among(first time.Time, asking, pending []Device) Decision {
	anyone := !slices.ContainsFunc(slices.Concat(asking, pending), func(d Device) bool { return d.Policy.WaitFor == WaitForAll })
	if len(pending) > 0 && !anyone {
		// The one that will be waited for longest.
		last := slices.MaxFunc(pending, func(a, b Device) int { return a.Active.Compare(b.Active) })
		return Decision{Reason: Waiting, At: last.Active.Add(ActiveFor), Device: last.ID}
	}
	byTime := func(a, b Device) int { return a.asks(first).Compare(b.asks(first)) }
	d := slices.MaxFunc(asking, byTime)
	if anyone {
		d = slices.MinFunc(asking, byTime)
	}
	then := d.Policy.Then
	for _, other := range asking {
		then = max(then, other.Policy.Then)
	}
	return Decision{Reason: Released, At: d.asks(first), Then: then, Device: d.ID}
}

// asks is until when a device that has taken a message wants it to stay.
func (d Device) asks(first time.Time) time.Time {
	at := first.Add(time.Duration(d.Policy.Keep))
	if at.Before(d.Taken) {
		return d.Taken
	}
	return at
}

func active(now time.Time, d Device) bool { return now.Sub(d.Active) <= ActiveFor }

func (m Message) stays() Reason {
	switch {
	case m.Kept:
		return Kept
	case m.Flagged:
		return Flagged
	case m.Answered:
		return Answered
	}
	return Released
}
