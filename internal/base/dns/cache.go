package dns

import (
	"container/list"
	"time"
)

// cache remembers replies, the least recently used ones are forgotten first. The zero value remembers nothing. It is not safe for
// concurrent use.
type cache struct {
	max, size int // octets, about
	entries   map[question]*list.Element
	order     list.List // of *entry, the latest used in front
}

type entry struct {
	q     question
	r     reply
	until time.Time
	size  int
}

func (c *cache) get(q question, now time.Time) (reply, bool) {
	el := c.entries[q]
	if el == nil {
		return reply{}, false
	}
	e := el.Value.(*entry)
	left := e.until.Sub(now)
	if left <= 0 {
		c.drop(el)
		return reply{}, false
	}
	c.order.MoveToFront(el)
	r := e.r
	r.answer.TTL = left
	return r, true
}

func (c *cache) put(q question, r reply, now time.Time, ttl time.Duration) {
	if el := c.entries[q]; el != nil {
		c.drop(el)
	}
	e := &entry{q, r, now.Add(ttl), weigh(q, r)}
	if e.size > c.max {
		return
	}
	if c.entries == nil {
		c.entries = make(map[question]*list.Element)
	}
	c.entries[q] = c.order.PushFront(e)
	for c.size += e.size; c.size > c.max; {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(el *list.Element) {
	e := c.order.Remove(el).(*entry)
	delete(c.entries, e.q)
	c.size -= e.size
}

// weigh is about how much memory an entry takes.
func weigh(q question, r reply) int {
	n := 400 + 2*len(q.name) + len(r.answer.Name)
	for _, rec := range r.answer.Records {
		n += 112 + len(rec.Host) + len(rec.Text) + len(rec.Data)
	}
	return n
}
