package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// state is an account as of one operation. It is immutable once published: an
// operation makes a new one that shares what it did not touch, and that is what
// lets a session keep a view for hours and still compare it in microseconds.
type state struct {
	row       keys.Account
	mailboxes []*mailbox // by id
	keywords  *keywordTable
	subs      []string // subscribed names, sorted
}

func (s *state) mailbox(id MailboxID) (*mailbox, int) {
	i, ok := slices.BinarySearchFunc(s.mailboxes, id, func(m *mailbox, id MailboxID) int { return int(m.id) - int(id) })
	if !ok {
		return nil, i
	}
	return s.mailboxes[i], i
}

// mailbox is a mailbox as of one operation; immutable once published, but for
// pages that are read in when first needed.
type mailbox struct {
	id    MailboxID
	props keys.Mailbox
	ctr   keys.Counters
	pages pageTable

	// before[p] is how many messages the pages below p have, with the total at
	// the end. It is there once indexed is set, which needs every page in memory.
	before  []uint32
	indexed atomic.Bool
}

// chunkPages is how many pages one chunk of the page table has: copying a
// chunk is what an operation on a huge mailbox costs beyond its own pages.
const chunkPages = 256

// pageTable finds a page by number in two steps. Cells are shared between the
// states in which their page is the same.
type pageTable struct{ chunks []*pageChunk }

type pageChunk [chunkPages]*cell

// cell holds one version of one page, read in when first needed. A cell that
// is still empty stands for what the engine has: whoever changes a page reads
// it into its cell first and then makes a new cell, so an empty cell in any
// state, however old, means that the page has not changed since.
type cell struct{ page atomic.Pointer[keys.Page] }

func loadedCell(p *keys.Page) *cell {
	c := new(cell)
	c.page.Store(p)
	return c
}

func newPageChunk() *pageChunk {
	cells := new([chunkPages]cell)
	c := new(pageChunk)
	for i := range c {
		c[i] = &cells[i]
	}
	return c
}

// newPageTable returns a table of empty cells for UIDs below next.
func newPageTable(next UID) pageTable {
	n := 0
	if next > 0 {
		n = int(next-1)>>keys.PageBits/chunkPages + 1
	}
	t := pageTable{chunks: make([]*pageChunk, n)}
	for i := range t.chunks {
		t.chunks[i] = newPageChunk()
	}
	return t
}

func (t *pageTable) cell(page uint32) *cell {
	c := int(page / chunkPages)
	if c >= len(t.chunks) {
		return nil
	}
	return t.chunks[c][page%chunkPages]
}

func (t *pageTable) pages() uint32 { return uint32(len(t.chunks) * chunkPages) }

var emptyPage = &keys.Page{}

// page returns one page, from the engine if need be.
func (a *account) page(ctx context.Context, m *mailbox, n uint32) (*keys.Page, error) {
	c := m.pages.cell(n)
	if c == nil {
		return emptyPage, nil
	}
	if p := c.page.Load(); p != nil {
		return p, nil
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	if p := c.page.Load(); p != nil {
		return p, nil
	}
	value, err := a.store.engine.Get(ctx, keys.PageKey(a.id, m.id, n))
	if isNotFound(err) {
		c.page.Store(emptyPage)
		return emptyPage, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: page %d of mailbox %d: %w", n, m.id, err)
	}
	p, err := keys.DecodePage(n, value)
	if err != nil {
		return nil, corrupt(fmt.Sprintf("page %d of mailbox %d of account %d", n, m.id, a.id), err)
	}
	a.grow(p)
	c.page.Store(p)
	return p, nil
}

// loadAll reads every page of a mailbox that is not in memory yet, in one scan.
func (a *account) loadAll(ctx context.Context, m *mailbox) error {
	if m.indexed.Load() {
		return nil
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	if m.indexed.Load() {
		return nil
	}
	missing := false
	for n := uint32(0); n < m.pages.pages() && !missing; n++ {
		missing = m.pages.cell(n).page.Load() == nil
	}
	if missing {
		if err := a.scanPages(ctx, m); err != nil {
			return err
		}
	}
	m.makeIndex()
	return nil
}

func (a *account) scanPages(ctx context.Context, m *mailbox) error {
	r := kv.Prefix(keys.OfMailbox(keys.TablePage, a.id, m.id))
	err := a.store.engine.Scan(ctx, r, func(key, value []byte) (bool, error) {
		_, _, n, err := keys.PageOf(key)
		if err != nil {
			return false, err
		}
		c := m.pages.cell(n)
		if c == nil || c.page.Load() != nil {
			return true, nil // newer than this state, or here already
		}
		p, err := keys.DecodePage(n, value)
		if err != nil {
			return false, err
		}
		a.grow(p)
		c.page.Store(p)
		return true, nil
	})
	if err != nil {
		return corrupt(fmt.Sprintf("pages of mailbox %d of account %d", m.id, a.id), err)
	}
	for n := uint32(0); n < m.pages.pages(); n++ {
		m.pages.cell(n).page.CompareAndSwap(nil, emptyPage)
	}
	return nil
}

// makeIndex needs account.loading.
func (m *mailbox) makeIndex() {
	before := make([]uint32, m.pages.pages()+1)
	for n := range m.pages.pages() {
		before[n+1] = before[n] + uint32(len(m.pages.cell(n).page.Load().Entries))
	}
	m.before = before
	m.indexed.Store(true)
}

// keywordTable maps keyword numbers to names; immutable.
type keywordTable struct {
	names  []string          // by number
	number map[string]uint16 // by name in lower case
}

func (t *keywordTable) with(name string) (*keywordTable, uint16) {
	n := &keywordTable{names: append(slices.Clip(t.names), name), number: make(map[string]uint16, len(t.number)+1)}
	for k, v := range t.number {
		n.number[k] = v
	}
	kw := uint16(len(t.names))
	n.number[strings.ToLower(name)] = kw
	return n, kw
}
