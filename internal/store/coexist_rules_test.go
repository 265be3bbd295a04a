package store_test

import (
	"time"

	"restante/internal/store"
	"restante/internal/store/retention"
)

// The rules as people are told them, written as simply as can be: nothing here asks package retention to decide.

// reaches says whether a device's maildrop has the messages of a mailbox (rule 2).
func (r *house) reaches(d *store.POPDevice, box string) bool {
	switch d.Policy.Scope {
	case retention.ScopeAllMail:
		return box != "Junk" && box != "Trash"
	case retention.ScopeChosen:
		return box == "INBOX" || box == "Lists"
	}
	return box == "INBOX"
}

// takenBy is when a device took a message, or one that it shares its view with.
func (r *house) takenBy(d *store.POPDevice, l *letter) (int64, bool) {
	t, ok := l.taken[d.ID]
	if s, shared := l.taken[store.SharedDevice]; d.Policy.Shared && shared && (!ok || s < t) {
		t, ok = s, true
	}
	return t, ok
}

// verdict is what rule 3 says of a message.
type verdict struct {
	leaves bool
	at     int64
	then   retention.Then
	from   []bool // of its places, in their order
}

func (r *house) verdict(l *letter) verdict {
	const ninety = int64(90 * day / time.Millisecond)
	type ask struct {
		d     *store.POPDevice
		taken int64
		there bool // it has logged in within the last ninety days
	}
	v := verdict{from: make([]bool, len(l.places))}
	var takers, waiting []ask
	first := int64(0)
	for i := range r.devices {
		d := &r.devices[i]
		a := ask{d: d, there: !d.Revoked && r.now()-r.active[d.ID] <= ninety}
		var marked, stayed, reached bool
		a.taken, marked = r.takenBy(d, l)
		for n, p := range l.places {
			if !r.reaches(d, p.box) {
				continue
			}
			reached = true
			if p.flags&(store.Flagged|store.Answered) != 0 || p.keep {
				return v // somebody has said so
			}
			if marked && p.saved <= a.taken {
				stayed, v.from[n] = true, true // nobody has moved it since
			}
		}
		switch {
		case stayed:
			takers = append(takers, a)
			if first == 0 || a.taken < first {
				first = a.taken
			}
		case !marked && reached && a.there && (d.Floor.IsZero() || l.internal >= d.Floor.UnixMilli()):
			waiting = append(waiting, a)
		}
	}
	if len(takers) == 0 {
		return v
	}
	// Those that are switched off ask for nothing, where others do.
	var asking []ask
	for _, a := range takers {
		if a.there || a.d.Revoked {
			asking = append(asking, a)
		}
	}
	if len(asking) == 0 { // all are switched off: the one that was there last
		last := int64(0)
		for _, a := range takers {
			last = max(last, r.active[a.d.ID])
		}
		for _, a := range takers {
			if r.active[a.d.ID] == last {
				asking = append(asking, a)
			}
		}
	}
	anyone := true
	for _, a := range append(asking[:len(asking):len(asking)], waiting...) {
		if a.d.Policy.Keep == retention.KeepForever {
			return v
		}
		anyone = anyone && a.d.Policy.WaitFor == retention.WaitForAny
	}
	if len(waiting) > 0 && !anyone {
		return v
	}
	v.leaves = true
	for i, a := range asking {
		at := max(first+time.Duration(a.d.Policy.Keep).Milliseconds(), a.taken)
		if i == 0 || anyone && at < v.at || !anyone && at > v.at {
			v.at = at
		}
		v.then = max(v.then, a.d.Policy.Then)
	}
	return v
}

// expires says whether retention may remove a message from a place now, and whether it must have (rule 12).
func (r *house) expires(p place) (may, must bool) {
	rule := r.retained[p.box]
	if rule.For == 0 || p.flags&store.Flagged != 0 && !rule.Flagged || p.box == "INBOX" && p.flags&store.Seen == 0 {
		return false, false
	}
	due := p.saved + rule.For.Milliseconds()
	const hour = int64(time.Hour / time.Millisecond)
	latest := (max(due, p.touched, r.ruled[p.box]) + hour - 1) / hour * hour
	return due <= r.now(), latest <= r.now()
}
