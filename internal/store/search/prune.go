package search

import (
	"context"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// prune notes which messages of the account have been erased from the store since
// they were indexed: searches no longer see them, their texts leave the index at
// once, their grams when the segment is written again.
func (f *follower) prune(ctx context.Context) error {
	for _, info := range f.m.segments {
		if err := f.pruneSegment(ctx, info); err != nil {
			return err
		}
		f.pace.step(ctx)
	}
	return nil
}

// pruneSegment is prune for one segment.
func (f *follower) pruneSegment(ctx context.Context, info segmentInfo) error {
	s, err := f.x.segment(ctx, f.x.opts.Engine, f.h.ID(), info)
	if err != nil {
		return err
	}
	old, err := readGone(ctx, f.x.opts.Engine, f.h.ID(), info)
	if err != nil {
		return err
	}
	there := newDocSet(len(s.info))
	for after, ids := info.first-1, []store.MessageID{0}; len(ids) > 0 && after < info.last; {
		if ids, err = f.h.MessageIDs(ctx, after, listed); err != nil {
			return err
		}
		for _, id := range ids {
			if doc, ok := s.find(id); ok {
				there.add(doc)
			}
			after = id
		}
	}
	var gone []uint16
	var fresh []uint32
	for i := range s.info {
		// What has come back under its old id stays gone here: its text is no more.
		if doc := uint32(i); !there.has(doc) || old.has(doc) {
			gone = append(gone, uint16(i))
			if !old.has(doc) {
				fresh = append(fresh, doc)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	b := new(kv.Batch)
	b.Put(goneKey(f.h.ID(), info.id), encodeGone(gone))
	if err := f.dropTexts(ctx, b, s, fresh, there); err != nil {
		return err
	}
	return f.x.opts.Engine.Commit(ctx, b, kv.Lazy)
}

// dropTexts writes the blocks that have texts of messages that are gone without
// them.
func (f *follower) dropTexts(ctx context.Context, b *kv.Batch, s *segment, fresh []uint32, there docSet) error {
	t := textReader{s: s}
	for _, doc := range fresh {
		if n := len(t.texts); n > 0 && doc <= t.texts[n-1].doc && doc >= t.texts[0].doc {
			continue // its block is written already
		}
		if text, err := t.text(ctx, f.x.opts.Engine, doc); err != nil || text == nil {
			if err != nil {
				return err
			}
			continue
		}
		first := t.texts[0].doc
		var block []byte
		for _, x := range t.texts {
			text := t.block[x.from:x.to]
			if !there.has(x.doc) {
				text = nil // its place stays: a block is known by its first message
			}
			block = append(appendNumbers(block, uint64(x.doc-first), uint64(len(text))), text...)
		}
		b.RemoveSpan(kv.Span{Lo: textKey(s.account, s.id, first, 0), Hi: textKey(s.account, s.id, first+1, 0)})
		w := rowWriter{account: s.account, id: s.id}
		if err := w.texts(ctx, f.x.codec, first, block); err != nil {
			return err
		}
		b.Merge(&w.batch)
		if b.Size() > maxBatch {
			if err := f.x.opts.Engine.Commit(ctx, b, kv.Lazy); err != nil {
				return err
			}
			b.Reset()
		}
	}
	return nil
}
