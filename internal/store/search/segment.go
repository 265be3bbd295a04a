package search

import (
	"context"
	"sort"

	"restante/internal/store"
	"restante/internal/store/blob"
	"restante/internal/store/kv"
)

// segment reads a segment. Its messages are in memory; lists and texts are read
// when they are asked for. It is immutable and safe for concurrent use.
type segment struct {
	account store.AccountID
	segmentInfo
	info  []docInfo
	dense bool // the ids are successive
	codec *blob.Codec
}

// openSegment reads the messages of a segment.
func openSegment(ctx context.Context, r kv.Reader, codec *blob.Codec, a store.AccountID, info segmentInfo) (*segment, error) {
	s := &segment{account: a, segmentInfo: info, codec: codec}
	var raw []byte
	err := r.Scan(ctx, kv.Prefix(append(segmentKey(a, info.id), rowDocs)), func(_, v []byte) (bool, error) {
		var err error
		raw, err = codec.Decode(raw, v)
		return len(raw) <= 16*maxDocs, err
	})
	if err != nil {
		return nil, err
	}
	if s.info, err = decodeDocs(raw, info.docs); err != nil {
		return nil, err
	}
	first, last := s.info[0].id, s.info[len(s.info)-1].id
	if first != info.first || last != info.last {
		return nil, corrupt("a segment begins or ends with another message")
	}
	s.dense = uint64(last-first)+1 == uint64(info.docs)
	return s, nil
}

// find is the number of a message in the segment.
func (s *segment) find(id store.MessageID) (doc uint32, ok bool) {
	if id < s.first || id > s.last {
		return 0, false
	}
	if s.dense {
		return uint32(id - s.first), true
	}
	n := sort.Search(len(s.info), func(i int) bool { return s.info[i].id >= id })
	return uint32(n), s.info[n].id == id
}

// lists adds to set the messages of the lists of grams from lo up to, not
// including, hi, in the classes of in. limit bounds the blocks that are read; more says
// that there are others.
func (s *segment) lists(ctx context.Context, r kv.Reader, set docSet, lo, hi gram, in mask, limit int) (read int, more bool, err error) {
	// The block in which lo may be is the last one that begins at or before it; the
	// lists of one gram, of all classes, are in one block.
	one := hi-lo == 1<<classBits
	after := append(gramKey(s.account, s.id, lo), 0)
	if one {
		after = gramKey(s.account, s.id, hi)
	}
	at := kv.Range{Lo: gramKey(s.account, s.id, 0), Hi: after, Reverse: true, Limit: 1}
	inBlock := func(k, v []byte) (bool, error) {
		if read == limit {
			more = true
			return false, nil
		}
		read++
		first, err := gramOf(k)
		if err != nil {
			return false, err
		}
		b := readBlock(first, v)
		for {
			ok, err := b.next()
			if err != nil || !ok {
				return true, err
			}
			if b.gram >= hi {
				return false, nil
			}
			if b.gram >= lo && in.has(class(b.gram&classMask)) {
				if err := addPosting(set, b.list, b.form, int(s.docs)); err != nil {
					return false, err
				}
			}
		}
	}
	done := false
	err = r.Scan(ctx, at, func(k, v []byte) (bool, error) {
		ok, err := inBlock(k, v)
		done = !ok
		return false, err
	})
	if err == nil && !done && !one {
		err = r.Scan(ctx, kv.Range{Lo: after, Hi: gramKey(s.account, s.id, hi)}, inBlock)
	}
	return read, more, err
}

// textReader reads texts of a segment, a block at a time. Ascending numbers cost
// least.
type textReader struct {
	s     *segment
	block []byte
	texts []textSpan // of the block
}

// textSpan is where in a block the text of a message is.
type textSpan struct {
	doc      uint32
	from, to int
}

// text returns the document of a message, nil when the segment has none. It is
// good until the next call.
func (t *textReader) text(ctx context.Context, r kv.Reader, doc uint32) ([]byte, error) {
	if n := len(t.texts); n == 0 || doc < t.texts[0].doc || doc > t.texts[n-1].doc {
		if err := t.load(ctx, r, doc); err != nil {
			return nil, err
		}
	}
	n := sort.Search(len(t.texts), func(i int) bool { return t.texts[i].doc >= doc })
	if n == len(t.texts) || t.texts[n].doc != doc {
		return nil, nil
	}
	return t.block[t.texts[n].from:t.texts[n].to], nil
}

// load reads the block that a message is in: the last one that begins at or before
// it.
func (t *textReader) load(ctx context.Context, r kv.Reader, doc uint32) error {
	t.block, t.texts = t.block[:0], t.texts[:0]
	first, parts := uint32(0), 0
	last := kv.Range{Lo: textKey(t.s.account, t.s.id, 0, 0), Hi: textKey(t.s.account, t.s.id, doc+1, 0), Reverse: true, Limit: 1}
	err := r.Scan(ctx, last, func(k, v []byte) (bool, error) {
		var part int
		var err error
		if first, part, err = textOf(k); err != nil {
			return false, err
		}
		if parts = part + 1; parts == 1 { // as nearly all blocks are
			t.block, err = t.s.codec.Decode(t.block, v)
		}
		return false, err
	})
	if err == nil && parts > 1 {
		all := kv.Range{Lo: textKey(t.s.account, t.s.id, first, 0), Hi: textKey(t.s.account, t.s.id, first+1, 0)}
		err = r.Scan(ctx, all, func(_, v []byte) (bool, error) {
			var err error
			t.block, err = t.s.codec.Decode(t.block, v)
			return len(t.block) <= 2*keepText, err
		})
	}
	if err != nil || parts == 0 {
		return err
	}
	t.texts, err = spansOf(t.texts, t.block, first)
	return err
}

// blockFrom is where the first block begins whose first message is at or after doc.
func (t *textReader) blockFrom(ctx context.Context, r kv.Reader, doc uint32) (first uint32, ok bool, err error) {
	in := kv.Range{Lo: textKey(t.s.account, t.s.id, doc, 0), Hi: kv.After(append(segmentKey(t.s.account, t.s.id), rowTexts)), Limit: 1, KeysOnly: true}
	err = r.Scan(ctx, in, func(k, _ []byte) (bool, error) {
		var err error
		first, _, err = textOf(k)
		ok = true
		return false, err
	})
	return first, ok, err
}

// spansOf finds the documents of a block.
func spansOf(spans []textSpan, block []byte, first uint32) ([]textSpan, error) {
	for rest := block; len(rest) > 0; {
		offset, doc, next, err := nextDocument(rest)
		if n := len(spans); err == nil && n > 0 && spans[n-1].doc >= first+offset {
			err = corrupt("a block of texts")
		}
		if err != nil {
			return nil, err
		}
		to := len(block) - len(next)
		spans = append(spans, textSpan{first + offset, to - len(doc), to})
		rest = next
	}
	return spans, nil
}
