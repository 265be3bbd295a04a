package trace

import (
	"context"
	"math"
	"slices"
	"strings"

	"restante/internal/store"
)

// keeper writes rows, and keeps them within bounds. It belongs to one goroutine at a time.
type keeper struct {
	store  *store.Store
	max    uint64
	hours  map[hour]sums
	total  uint64 // octets
	counts counts
}

// open reads what there is.
func (k *keeper) open(ctx context.Context) error {
	k.hours, k.total = make(map[hour]sums), 0
	return k.store.RowsFrom(ctx, store.TraceRows, "s", "t", 0, func(name string, value []byte) error {
		h, s, err := parseSums(name, value)
		if err != nil {
			return nil // it only helps to count
		}
		k.hours[h] = s
		k.total += s.octets
		return nil
	})
}

// write writes events, and says how many.
func (k *keeper) write(ctx context.Context, events []Event) (n int, err error) {
	newest := hour(0)
	for i := range events {
		newest = max(newest, hourOf(events[i].Queue))
	}
	if err := k.makeRoom(ctx, newest); err != nil || k.total >= k.max {
		return 0, err
	}
	touched := make(map[hour]sums, 2)
	rows := make([]store.Row, 0, 6*len(events))
	for i := range events {
		e := &events[i]
		at, err := k.place(ctx, e)
		if err != nil {
			return 0, err
		}
		if at < 0 {
			continue
		}
		before := len(rows)
		if rows, err = appendEvent(rows, e, at); err != nil {
			return 0, err
		}
		h := hourOf(e.Queue)
		s := touched[h]
		s.events++
		for _, r := range rows[before:] {
			s.octets += uint64(len(r.Name) + len(r.Value))
		}
		touched[h] = s
		n++
	}
	for h, s := range touched {
		old := k.hours[h]
		rows = append(rows, store.Row{Name: sumName(h), Value: sums{old.events + s.events, old.octets + s.octets}.value()})
	}
	if len(rows) == 0 {
		return 0, nil
	}
	slices.SortFunc(rows, func(a, b store.Row) int { return strings.Compare(a.Name, b.Name) }) // neighbours are cheaper to write
	if err := k.store.AppendRows(ctx, store.TraceRows, rows...); err != nil {
		return 0, err
	}
	for h, s := range touched {
		old := k.hours[h]
		k.hours[h] = sums{old.events + s.events, old.octets + s.octets}
		k.total += s.octets
	}
	return n, nil
}

// place is the number that an event gets in its life; less than zero: there is no room for it.
func (k *keeper) place(ctx context.Context, e *Event) (int, error) {
	n, known := k.counts.get(e.Queue)
	if !known && !e.begins() {
		err := k.store.RowsFrom(ctx, store.TraceRows, lifeName(e.Queue), after(lifeName(e.Queue)), maxLife, func(string, []byte) error { n++; return nil })
		if err != nil {
			return 0, err
		}
	}
	if n >= maxLife || n >= maxLife/4*3 && !e.final() {
		return -1, nil
	}
	k.counts.put(e.Queue, n+1)
	return n, nil
}

// appendEvent appends the rows of an event: itself, and what it is found by. Attempts are found by what came before them.
func appendEvent(rows []store.Row, e *Event, n int) ([]store.Row, error) {
	known := e.Stage == Tried && n > 0
	if known {
		e.From, e.MessageID = "", ""
	}
	r, err := row(e, n)
	if err != nil {
		return rows, err
	}
	rows = append(rows, r)
	if known {
		return rows, nil
	}
	seen := make([]uint64, 0, 16)
	e.tokens(func(t token) {
		if h := t.hash(); t.kind != 'd' && !slices.Contains(seen, h) {
			seen = append(seen, h)
			rows = append(rows, store.Row{Name: indexName(t, e.Queue), Value: []byte{}})
		}
	})
	return rows, nil
}

// makeRoom drops the oldest hours until there is room for more. Where all that is there is of the hour that is to be written, what comes is left out.
func (k *keeper) makeRoom(ctx context.Context, newest hour) error {
	for k.total >= k.max {
		oldest := hour(math.MaxUint32)
		for h := range k.hours {
			oldest = min(oldest, h)
		}
		if oldest >= newest {
			return nil
		}
		if err := k.dropBefore(ctx, oldest+1); err != nil {
			return err
		}
	}
	return nil
}

// dropBefore drops the lives of all hours before one.
func (k *keeper) dropBefore(ctx context.Context, end hour) error {
	some := false
	for h := range k.hours {
		some = some || h < end
	}
	if !some {
		return nil
	}
	for _, span := range [][2]string{
		{lifeName(end.first() - 1), "f"}, {tokenPrefix(end - 1), "u"}, {sumName(end - 1), "t"}, // the sums last: until they are gone it is done again
	} {
		if err := k.store.DropRows(ctx, store.TraceRows, span[0], span[1]); err != nil {
			return err
		}
	}
	for h, s := range k.hours {
		if h < end {
			k.total -= s.octets
			delete(k.hours, h)
		}
	}
	return nil
}

// counts remembers numbers of events, of the messages that were seen last.
type counts struct {
	n    map[store.QueueID]int
	ring []store.QueueID
	next int
}

func newCounts(size int) counts {
	return counts{n: make(map[store.QueueID]int, size), ring: make([]store.QueueID, size)}
}

func (c *counts) get(id store.QueueID) (n int, ok bool) {
	n, ok = c.n[id]
	return n, ok
}

func (c *counts) put(id store.QueueID, n int) {
	if _, ok := c.n[id]; !ok {
		delete(c.n, c.ring[c.next])
		c.ring[c.next] = id
		c.next = (c.next + 1) % len(c.ring)
	}
	c.n[id] = n
}
