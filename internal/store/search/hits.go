package search

import (
	"bytes"
	"context"
	"slices"
	"sort"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// Verdict is what the index knows of a text and a message.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // the message is not in the index
	Maybe                  // its text must be looked into
	No                     // it does not contain the text
	Yes                    // it does
)

// Bounds of one search.
const (
	maxBlocks = 20_000   // blocks of lists that are read
	maxSets   = 64 << 20 // octets of sets
)

// Hits is what the index knows of the texts of a search. It is not safe for
// concurrent use. Close it. A nil Hits knows nothing.
type Hits struct {
	snap     kv.Snapshot
	keys     []Key
	segments []*segmentHits
	last     int // the segment that was asked last
	found    []bool
	plain    plainly
	failed   func(error) // told when a row is not what was written
}

// segmentHits is what a segment knows.
type segmentHits struct {
	*segment
	gone  docSet
	sets  []docSet // by key: messages that may have it; nil: any may
	whole []bool   // by key: those that may, have it, but for those without accents
	texts textReader
}

// Close lets go of the index.
func (h *Hits) Close() {
	if h != nil {
		h.snap.Close() //nolint:errcheck // a snapshot of a closed engine is closed
	}
}

// Lookup says whether the message contains the text of the key at that place. It
// reads nothing.
func (h *Hits) Lookup(key int, id store.MessageID) Verdict {
	s, doc, ok := h.find(id)
	if !ok {
		return Unknown
	}
	switch set := s.sets[key]; {
	case set == nil:
		return Maybe
	case !set.has(doc):
		return No
	case s.whole[key] && !s.info[doc].bare:
		return Yes
	}
	return Maybe
}

// find is where a message is.
func (h *Hits) find(id store.MessageID) (*segmentHits, uint32, bool) {
	if h == nil || len(h.segments) == 0 {
		return nil, 0, false
	}
	if s := h.segments[h.last]; id < s.first || id > s.last {
		h.last = sort.Search(len(h.segments)-1, func(i int) bool { return h.segments[i].last >= id })
	}
	s := h.segments[h.last]
	doc, ok := s.find(id)
	return s, doc, ok && !s.gone.has(doc)
}

// Look looks into the texts of messages that the index has and calls fn for each,
// with the place in ids and whether it contains each of the keys. What it has not,
// it passes over. found is good only during fn.
func (h *Hits) Look(ctx context.Context, ids []store.MessageID, fn func(i int, found []bool)) error {
	return h.eachText(ctx, ids, func(i int, text []byte) error {
		err := h.match(text)
		if err == nil {
			fn(i, h.found)
		}
		return err
	})
}

// eachText calls fn for the messages whose texts the index has. What is wrong with
// the index is told to whom it concerns, and the messages are passed over: they
// themselves will tell.
func (h *Hits) eachText(ctx context.Context, ids []store.MessageID, fn func(i int, text []byte) error) error {
	if h == nil {
		return nil
	}
	for i, id := range ids {
		s, doc, ok := h.find(id)
		if !ok || s.info[doc].noText {
			continue
		}
		s.texts.s = s.segment
		text, err := s.texts.text(ctx, h.snap, doc)
		if err == nil && text != nil {
			err = fn(i, text)
		}
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			h.failed(err)
		}
	}
	return nil
}

// match looks for the keys in a document.
func (h *Hits) match(text []byte) error {
	h.found = append(h.found[:0], make([]bool, len(h.keys))...)
	left := 0
	for i := range h.keys {
		if h.found[i] = len(h.keys[i].needle) == 0 && h.keys[i].field == nil; !h.found[i] {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	return eachSection(text, func(c class, text []byte, name int) bool {
		h.plain.set(text[name:])
		for i := range h.keys {
			if !h.found[i] && h.keys[i].line(c, text, name, h.plain.get) {
				h.found[i] = true
				left--
			}
		}
		return left > 0
	})
}

// Search tells what the index knows of texts in an account: nil when it knows
// nothing. Whatever goes wrong in the index is logged and costs only time; the error
// is that of ctx.
func (x *Index) Search(ctx context.Context, account *store.Account, keys []Key) (*Hits, error) {
	h, err := x.search(ctx, account, keys)
	if err != nil {
		h.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		x.broken(account.ID(), err)
		return nil, nil
	}
	return h, nil
}

func (x *Index) search(ctx context.Context, account *store.Account, keys []Key) (*Hits, error) {
	snap, err := x.opts.Engine.Snapshot()
	if err != nil {
		return nil, err
	}
	h := &Hits{snap: snap, keys: loosely(keys), failed: func(err error) { x.broken(account.ID(), err) }}
	m, err := x.manifest(ctx, snap, account)
	if err != nil || m == nil {
		return h, err
	}
	for _, info := range m.segments {
		s, err := x.segment(ctx, snap, account.ID(), info)
		if err != nil {
			return h, err
		}
		gone, err := readGone(ctx, snap, account.ID(), info)
		if err != nil {
			return h, err
		}
		h.segments = append(h.segments, &segmentHits{segment: s, gone: gone, sets: make([]docSet, len(keys)), whole: make([]bool, len(keys))})
	}
	q := query{hits: h, blocks: maxBlocks, octets: maxSets}
	for i := range keys {
		if err := q.key(ctx, i); err != nil {
			return h, err
		}
	}
	return h, nil
}

// query finds the sets of a search.
type query struct {
	hits   *Hits
	blocks int // that may still be read
	octets int // of sets that may still be made
}

// key finds the sets of one key.
func (q *query) key(ctx context.Context, i int) error {
	k := &q.hits.keys[i]
	for j := range i {
		if o := &q.hits.keys[j]; o.in == k.in && o.word == k.word && bytes.Equal(o.field, k.field) && bytes.Equal(o.needle, k.needle) {
			for _, s := range q.hits.segments { // asked before
				s.sets[i], s.whole[i] = s.sets[j], s.whole[j]
			}
			return nil
		}
	}
	needle := k.needle
	if len(needle) == 0 && k.field != nil && k.in == 1<<classField {
		needle = k.field
	}
	p, ok := patternOf(needle)
	if !ok {
		return nil
	}
	if k.word || k.field != nil && k.in == 1<<classField {
		p.whole = false // it may stand within a word, or in another field
	}
	for _, s := range q.hits.segments {
		if q.octets -= len(s.info) / 8; q.octets < 0 || q.blocks <= 0 {
			return nil
		}
		if err := q.pattern(ctx, s, i, k.in, &p); err != nil {
			return err
		}
	}
	return nil
}

// pattern finds the set of one key in one segment.
func (q *query) pattern(ctx context.Context, s *segmentHits, i int, in mask, p *pattern) error {
	if len(p.grams) == 0 {
		set := newDocSet(len(s.info))
		n, more, err := s.lists(ctx, q.hits.snap, set, p.lo, p.hi, in, q.blocks)
		q.blocks -= n
		if !more {
			s.sets[i], s.whole[i] = set, p.whole
		}
		return err
	}
	var set, one docSet
	for n, g := range p.grams {
		if q.blocks <= 0 || n > 0 && set.count() <= fewDocs {
			break
		}
		if one == nil {
			one = newDocSet(len(s.info))
		} else {
			clear(one)
		}
		read, _, err := s.lists(ctx, q.hits.snap, one, g, g+1<<classBits, in, 2)
		q.blocks -= read
		if err != nil {
			return err
		}
		if set == nil {
			set, one = one, nil
		} else {
			set.and(one)
		}
	}
	s.sets[i], s.whole[i] = set, p.whole && set != nil
	return nil
}

// fewDocs is how many messages are sooner looked into than another list is read.
const fewDocs = 2

// readGone reads which messages of a segment are gone.
func readGone(ctx context.Context, r kv.Reader, a store.AccountID, s segmentInfo) (docSet, error) {
	v, err := r.Get(ctx, goneKey(a, s.id))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(v) == 0 {
		return nil, corrupt("the messages that are gone")
	}
	set := newDocSet(int(s.docs))
	return set, addPosting(set, v[1:], uint64(v[0]), int(s.docs))
}

// encodeGone is the row that readGone reads.
func encodeGone(gone []uint16) []byte {
	b, form := appendPosting([]byte{0}, gone)
	b[0] = byte(form)
	return slices.Clip(b)
}
