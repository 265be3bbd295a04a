package store_test

import (
	"restante/internal/store"
	"restante/internal/store/retention"
)

// looking is on what occasion rules have been looked at.
type looking int

const (
	atQuit looking = iota
	partOfSweep
	wholeSweep
)

// transitions takes over what rules have done to messages, after making sure that they might. It is told for each message whether devices'
// rules have been looked at, and whether all that they ask for must have been done.
func (r *house) transitions(of func(store.MessageID) (releases, must bool), on looking) {
	r.t.Helper()
	places, removed := r.seen(), r.removed()
	for id, l := range r.letters {
		_, there := removed[id]
		if l.removed != nil {
			r.stillRemoved(id, l, there, on)
			continue
		}
		if len(l.places) == 0 {
			continue
		}
		releases, must := of(id)
		c := change{house: r, id: id, l: l, must: must, on: on, now: places[id]}
		if releases {
			c.v = r.verdict(l)
			c.due = c.v.leaves && c.v.at <= r.now()
		}
		c.afterRetention()
		c.check()
		if len(l.places) == 0 {
			r.hasGone(id, l, removed[id], there, c.left)
		}
	}
}

// stillRemoved checks what has become of a message in recently removed.
func (r *house) stillRemoved(id store.MessageID, l *letter, there bool, on looking) {
	r.t.Helper()
	over := l.removed.until <= r.now() && !r.pinned(l.removed)
	switch {
	case there && over && on == wholeSweep:
		r.fail("message %d should have been erased", id)
	case !there && !over:
		r.fail("message %d has been erased before its time", id)
	case !there:
		l.removed, l.erased = nil, true
		clear(l.taken)
	}
}

// hasGone notes that a rule has taken a message from its last place.
func (r *house) hasGone(id store.MessageID, l *letter, m store.RemovedMessage, there bool, left []place) {
	r.t.Helper()
	g := &gone{until: r.now() + max(r.recovery, 0).Milliseconds(), byRule: true}
	if !there {
		if g.until > r.now() || r.pinned(g) {
			r.fail("message %d is lost", id)
		}
		l.erased = true
		clear(l.taken)
		return
	}
	for _, p := range left {
		if p.box == m.Path && p.uid == m.UID {
			g.was = p
		}
	}
	l.removed = g
}

// change is what a rule has done to one message.
type change struct {
	*house
	id   store.MessageID
	l    *letter
	v    verdict
	due  bool // v is, now
	must bool
	on   looking
	now  []place // where it lies now
	left []place // which it has left, by whatever rule
}

// afterRetention considers that a retention took the message from one place first, which may have been what kept it at the others.
func (c *change) afterRetention() {
	rest := *c.l
	rest.places = nil
	var at []int
	for n, p := range c.l.places {
		if may, _ := c.expires(p); !may || find(c.now, p) >= 0 {
			rest.places, at = append(rest.places, p), append(at, n)
		}
	}
	if c.due || c.on == atQuit || len(rest.places) == len(c.l.places) {
		return
	}
	v := c.verdict(&rest)
	from := make([]bool, len(c.l.places))
	for i, n := range at {
		from[n] = v.from[i]
	}
	v.from = from
	c.v, c.due, c.must = v, v.leaves && v.at <= c.house.now(), false
}

func (c *change) check() {
	c.t.Helper()
	target := map[retention.Then]string{retention.ThenTrash: "Trash", retention.ThenArchive: "Archive"}[c.v.then]
	if c.v.then == retention.ThenDelete {
		target = ""
	}
	rest := append([]place(nil), c.now...)
	var stay, moved []place
	for n, p := range c.l.places {
		released := c.due && c.v.from[n] && target != p.box
		may, must := c.expires(p)
		c.l.done = c.l.done || c.due && c.v.from[n] && target == p.box
		if i := find(rest, p); i >= 0 {
			if released && c.must || must && c.on == wholeSweep {
				c.fail("message %d should have left %v: %+v", c.id, p, c.v)
			}
			stay = append(stay, p)
			rest = append(rest[:i], rest[i+1:]...)
			continue
		}
		switch {
		case released && target != "":
			moved = append(moved, p)
		case released, may && c.on != atQuit:
		default:
			c.fail("message %d has left %v, and no rule says so: %+v, due %v", c.id, p, c.v, c.due)
		}
		c.left = append(c.left, p)
	}
	for _, q := range rest {
		i := from(moved, q)
		if i < 0 || q.box != target || q.saved != c.house.now()+1 {
			c.fail("message %d has come to %v, and no rule says so: %+v", c.id, q, c.v)
		}
		moved = append(moved[:i], moved[i+1:]...)
		stay = append(stay, q)
	}
	for _, p := range moved {
		if may, _ := c.expires(p); !may || c.on == atQuit {
			c.fail("message %d has left %v and has not come to %s", c.id, p, target)
		}
	}
	c.l.places = stay
	c.l.restless = c.l.restless || len(c.left) > 0 // who has taken it where it lies now may be another question
}

// find finds a place where a message stays.
func find(list []place, p place) int {
	for i, q := range list {
		if q.box == p.box && q.uid == p.uid && q.flags == p.flags && q.keep == p.keep && q.saved == p.saved {
			return i
		}
	}
	return -1
}

// from finds the place that a message has come from to q.
func from(list []place, q place) int {
	for i, p := range list {
		if p.flags == q.flags && p.keep == q.keep {
			return i
		}
	}
	return -1
}
