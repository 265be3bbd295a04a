package columns

import (
	"container/list"
	"context"
	"sync"

	"restante/internal/proto/collation"
	"restante/internal/store"
)

// DefaultLimit is the limit of a Cache in octets.
const DefaultLimit = 128 << 20

// Cache is the tables of accounts. It is safe for concurrent use.
type Cache struct {
	limit int64

	mu struct {
		sync.Mutex
		tables map[store.AccountID]*table
		used   *list.List // of *table, the least recently used first
		bytes  int64
	}
}

// New makes a Cache of about so many octets; 0 is DefaultLimit. A table that is in use is there even if it alone is bigger.
func New(limit int64) *Cache {
	if limit <= 0 {
		limit = DefaultLimit
	}
	c := &Cache{limit: limit}
	c.mu.tables = make(map[store.AccountID]*table)
	c.mu.used = list.New()
	return c
}

// Want says what a Look is for; the zero value is for all but texts.
type Want struct {
	Texts bool                // ranks of texts, too
	By    collation.Collation // the comparator that says how texts rank
}

// Look finds the rows of messages of an account, in the order of ids, having read those that it has not seen before. Messages that are gone have
// a row that is empty. The error is the context's or the store's.
func (c *Cache) Look(ctx context.Context, a *store.Account, ids []store.MessageID, want Want) (*Look, error) {
	t := c.table(a)
	select { // one reads, the others wait
	case t.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() {
		<-t.busy
		c.settle(t)
	}()
	if living := a.View().Used().Messages; uint64(len(t.sent)) > 2*living+uint64(len(ids))+spareRows {
		t.reset()
	}
	rows, err := t.rows(ctx, a, ids)
	if err != nil {
		return nil, err
	}
	l := &Look{rows: rows, columns: t.columns, ids: t.ids.next}
	if want.Texts {
		l.rank = t.texts.ranks(want.By, &t.bytes)
	}
	return l, nil
}

// spareRows may be dead in any table.
const spareRows = 1000

// table is the table of an account, which is now the one that was used last.
func (c *Cache) table(a *store.Account) *table {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.mu.tables[a.ID()]
	if t == nil {
		t = newTable(a.ID())
		c.mu.tables[a.ID()] = t
		t.place = c.mu.used.PushBack(t)
	}
	c.mu.used.MoveToBack(t.place)
	return t
}

// settle counts what a table has grown by, and forgets tables while there is too much. Whoever still looks at one of them keeps it.
func (c *Cache) settle(t *table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.tables[t.account] != t {
		return
	}
	bytes := t.bytes.Load()
	c.mu.bytes += bytes - t.counted
	t.counted = bytes
	for c.mu.bytes > c.limit {
		old := c.mu.used.Remove(c.mu.used.Front()).(*table)
		delete(c.mu.tables, old.account)
		c.mu.bytes -= old.counted
	}
}
