package columns

import (
	"container/list"
	"context"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"restante/internal/store"
)

// table is the rows of one account. All but texts belongs to whoever holds busy.
type table struct {
	account store.AccountID
	busy    chan struct{} // a lock that can be waited for with a context
	bytes   atomic.Int64  // roughly

	place   *list.Element // in Cache.mu.used
	counted int64         // of bytes, in Cache.mu.bytes

	pages map[store.MessageID]*page // by the upper bits of the id
	columns
	ids   numbers // of Message-IDs
	texts *texts
}

// page says which rows messages have whose ids are close together, as those of an account are: row and one, 0 for none yet.
type page [1 << pageBits]uint32

const pageBits = 8

// columns are what is known of messages, row by row. Row 0 is that of messages that are gone.
type columns struct {
	sent    []int64  // seconds; noDate when there is none
	id      []uint32 // number of the Message-ID, 0 for none
	replies []bool
	refs    []uint32 // of all rows, one after the other
	refEnds []uint32 // where those of a row end
	text    [numTexts][]uint32
}

// noDate is the sent date of messages without one.
const noDate = -1 << 63

// Text is a column of texts.
type Text uint8

// Columns of texts, decoded: the base subject (RFC 5256 2.1), the left sides of the first addresses, and what of them is displayed (RFC 5957 3).
const (
	Subject Text = iota
	From
	To
	Cc
	DisplayFrom
	DisplayTo

	numTexts = iota
)

func newTable(account store.AccountID) *table {
	t := &table{account: account, busy: make(chan struct{}, 1)}
	t.reset()
	return t
}

// reset empties the table. Looks at what it was keep that.
func (t *table) reset() {
	t.pages, t.columns, t.ids, t.texts = make(map[store.MessageID]*page), columns{}, newNumbers(), newTexts()
	t.add(&record{sent: noDate})
	t.bytes.Store(1 << 10)
}

// rowSize is what a row takes without its references, texts and Message-ID.
const rowSize = 8 + 4 + 1 + 4 + 4*numTexts + 4

func (t *table) add(r *record) {
	t.sent = append(t.sent, r.sent)
	t.id = append(t.id, t.ids.of(r.id))
	t.replies = append(t.replies, r.reply)
	for _, ref := range r.refs {
		t.refs = append(t.refs, t.ids.of(ref))
	}
	t.refEnds = append(t.refEnds, uint32(len(t.refs)))
	grown := 0
	for i, text := range r.texts {
		n, more := t.texts.of(text)
		t.text[i] = append(t.text[i], n)
		grown += more
	}
	t.bytes.Add(int64(rowSize + 4*len(r.refs) + 16*(1+len(r.refs)) + grown))
}

// rows finds the rows of messages and reads those that are missing.
func (t *table) rows(ctx context.Context, a *store.Account, ids []store.MessageID) ([]uint32, error) {
	rows := make([]uint32, len(ids))
	if missing := t.find(rows, ids); missing > 0 {
		wanted := make([]store.MessageID, 0, missing)
		for i, row := range rows {
			if row == 0 {
				wanted = append(wanted, ids[i])
			}
		}
		slices.Sort(wanted) // so that they are read in one go
		if err := t.read(ctx, a, slices.Compact(wanted)); err != nil {
			return nil, err
		}
		t.find(rows, ids)
	}
	for i := range rows {
		rows[i]--
	}
	return rows, nil
}

// find puts row and one into rows, or 0 where there is none.
func (t *table) find(rows []uint32, ids []store.MessageID) (missing int) {
	var p *page
	high := ^store.MessageID(0)
	for i, id := range ids {
		if id>>pageBits != high {
			high = id >> pageBits
			p = t.pages[high]
		}
		if rows[i] = 0; p != nil {
			rows[i] = p[id%(1<<pageBits)]
		}
		if rows[i] == 0 {
			missing++
		}
	}
	return missing
}

// enter says which row a message has.
func (t *table) enter(id store.MessageID, row int) {
	p := t.pages[id>>pageBits]
	if p == nil {
		p = new(page)
		t.pages[id>>pageBits] = p
		t.bytes.Add(4<<pageBits + 64)
	}
	p[id%(1<<pageBits)] = uint32(row) + 1
}

// numbers gives strings numbers from 1, the same to the same. It keeps only their hashes, 64 bits under a random key: that two of a million
// strings are taken for one happens in one account of 30 million, and nobody can make it happen.
type numbers struct {
	seed maphash.Seed
	by   map[uint64]uint32
	next uint32
}

func newNumbers() numbers {
	return numbers{maphash.MakeSeed(), make(map[uint64]uint32), 1}
}

// of is the number of s; that of the empty string is 0.
func (n *numbers) of(s string) uint32 {
	if s == "" {
		return 0
	}
	h := maphash.String(n.seed, s)
	k, ok := n.by[h]
	if !ok {
		k = n.next
		n.by[h] = k
		n.next++
	}
	return k
}
