package store

import (
	"slices"
	"sort"
	"sync/atomic"

	"restante/internal/store/keys"
)

// chunkPages is how many pages one chunk of the page table has: copying a
// chunk is what an operation on a huge mailbox costs beyond its own pages.
const chunkPages = keys.CountsPages

// pageTable finds a page by number in two steps, and knows how many messages
// lie below it. Chunks are shared between the states in which all their pages are
// the same, cells between those in which their page is.
type pageTable struct {
	chunks []*pageChunk // all full but the last
	// below[c] is how many messages the chunks before c have, with the total at
	// the end; there once the mailbox is counted.
	below []uint32
}

type pageChunk struct {
	cells []*cell
	// below[n] is how many messages the pages before n in this chunk have, with
	// the total at the end; there once the mailbox is counted.
	below []uint16
	// order is how the messages' ids lie, once somebody has asked.
	order atomic.Pointer[idOrder]
}

// idOrder is how ids lie in a run of messages, which has some.
type idOrder struct {
	first, last MessageID
	ascending   bool // strictly
}

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

var emptyPage = &keys.Page{}

// newPageTable returns a table of empty cells for UIDs below next, not counted.
func newPageTable(next UID) pageTable {
	if next <= 1 {
		return pageTable{}
	}
	n := int(uint32(next-1)>>keys.PageBits) + 1
	cells := make([]cell, n)
	t := pageTable{chunks: make([]*pageChunk, 0, (n+chunkPages-1)/chunkPages)}
	for len(cells) > 0 {
		c := &pageChunk{cells: make([]*cell, min(len(cells), chunkPages))}
		for i := range c.cells {
			c.cells[i] = &cells[i]
		}
		cells = cells[len(c.cells):]
		t.chunks = append(t.chunks, c)
	}
	return t
}

// copy is a table that can be given other chunks.
func (t *pageTable) copy() pageTable {
	return pageTable{chunks: slices.Clone(t.chunks), below: slices.Clone(t.below)}
}

// pages is how many pages there are, with those that have no message.
func (t *pageTable) pages() uint32 {
	n := len(t.chunks)
	if n == 0 {
		return 0
	}
	return uint32((n-1)*chunkPages + len(t.chunks[n-1].cells))
}

// cell is the cell of a page, nil beyond the last.
func (t *pageTable) cell(page uint32) *cell {
	if page >= t.pages() {
		return nil
	}
	return t.chunks[page/chunkPages].cells[page%chunkPages]
}

// count is how many messages a page has. The mailbox must be counted, and have the page.
func (t *pageTable) count(page uint32) int {
	c := t.chunks[page/chunkPages]
	return int(c.below[page%chunkPages+1] - c.below[page%chunkPages])
}

// rank is how many messages lie in the pages before a page that there is.
func (t *pageTable) rank(page uint32) int {
	return int(t.below[page/chunkPages]) + int(t.chunks[page/chunkPages].below[page%chunkPages])
}

// at finds the page that has the message at place i, which there must be, and the
// message's place in it.
func (t *pageTable) at(i int) (page uint32, rest int) {
	// The last chunk, and in it the last page, that begins at or before i and is not empty.
	c := sort.Search(len(t.chunks), func(c int) bool { return int(t.below[c+1]) > i })
	i -= int(t.below[c])
	below := t.chunks[c].below
	n := sort.Search(len(below)-1, func(n int) bool { return int(below[n+1]) > i })
	return uint32(c*chunkPages + n), i - int(below[n])
}

// setCounts makes the table counted: counts are those of its pages. It is called
// before anybody can see the table as counted.
func (t *pageTable) setCounts(counts []uint8) {
	t.below = make([]uint32, 1, len(t.chunks)+1)
	for _, c := range t.chunks {
		c.below = make([]uint16, 1, len(c.cells)+1)
		for n := range c.cells {
			c.below = append(c.below, c.below[n]+uint16(counts[n]))
		}
		counts = counts[len(c.cells):]
		t.below = append(t.below, t.below[len(t.below)-1]+uint32(c.below[len(c.cells)]))
	}
}

// change puts other pages in the place of a counted table's, which must be a
// copy, and returns the chunks in which counts are different now, ascending.
func (t *pageTable) change(dirty map[uint32]*keys.Page) []int {
	owned := make(map[int]*pageChunk)
	for n, p := range dirty {
		c := t.own(owned, n)
		c.cells[n%chunkPages] = loadedCell(p)
	}
	var recounted []int
	for i, c := range owned {
		if t.recountChunk(i, c, dirty) {
			recounted = append(recounted, i)
		}
	}
	slices.Sort(recounted)
	if len(recounted) > 0 {
		first := recounted[0]
		t.below = append(t.below[:first:first], make([]uint32, len(t.chunks)+1-first)...)
		for i := max(first, 1); i <= len(t.chunks); i++ {
			t.below[i] = t.below[i-1] + uint32(t.chunks[i-1].total())
		}
	}
	return recounted
}

// total is how many messages a counted chunk has.
func (c *pageChunk) total() uint16 { return c.below[len(c.cells)] }

// ids says how ids lie in a chunk whose pages are all in memory; nil is that it has none.
func (c *pageChunk) ids() *idOrder {
	if o := c.order.Load(); o != nil || c.total() == 0 {
		return o
	}
	o := &idOrder{ascending: true}
	for _, cell := range c.cells {
		entries := cell.page.Load().Entries
		for i := range entries {
			id := entries[i].Message
			if o.first == 0 {
				o.first = id
			} else if id <= o.last {
				o.ascending = false
			}
			o.last = id
		}
	}
	c.order.Store(o)
	return o
}

// own makes the chunk of a page the table's own, and long enough for it.
func (t *pageTable) own(owned map[int]*pageChunk, page uint32) *pageChunk {
	i := int(page / chunkPages)
	for len(t.chunks) <= i {
		// A chunk that is not the last is full; pages of UIDs that were passed over are empty.
		n := len(t.chunks)
		if n > 0 {
			t.own(owned, uint32(n*chunkPages-1))
		}
		owned[n] = &pageChunk{below: []uint16{0}}
		t.chunks = append(t.chunks, owned[n])
	}
	c := owned[i]
	if c == nil {
		old := t.chunks[i]
		c = &pageChunk{cells: slices.Clone(old.cells), below: old.below}
		owned[i], t.chunks[i] = c, c
	}
	for len(c.cells) <= int(page%chunkPages) {
		c.cells = append(c.cells, loadedCell(emptyPage))
	}
	return c
}

// recountChunk gives an owned chunk its counts, and says whether they differ from
// those that it was copied with.
func (t *pageTable) recountChunk(i int, c *pageChunk, dirty map[uint32]*keys.Page) bool {
	old := c.below
	c.below = make([]uint16, len(c.cells)+1)
	different := false
	for n := range c.cells {
		was, is := uint16(0), uint16(0)
		if n+1 < len(old) {
			was = old[n+1] - old[n]
		}
		if is = was; dirty[uint32(i*chunkPages+n)] != nil {
			is = uint16(len(dirty[uint32(i*chunkPages+n)].Entries))
		}
		different = different || is != was
		c.below[n+1] = c.below[n] + is
	}
	return different || len(c.below) != len(old)
}

// counts are those of a counted chunk's pages.
func (c *pageChunk) counts() []uint8 {
	counts := make([]uint8, len(c.cells))
	for n := range counts {
		counts[n] = uint8(c.below[n+1] - c.below[n])
	}
	return counts
}
