package search

import (
	"bytes"
	"context"
	"slices"

	"restante/internal/store/blob"
	"restante/internal/store/kv"
)

// Segments are merged when there are fanIn in a row that are small: up to 16
// messages, then up to 128, and so on. So a message is written again some five
// times in all, and an account has a few dozen segments at most, but for those
// that are as large as segments get.
const (
	fanIn     = 8
	firstTier = 16
	lastTier  = 1 << 15 // messages of the largest that are merged: with two others, if together they have as many
	lastFanIn = 3
	maxMerge  = 64 // segments at once
)

// choose picks successive segments to merge, nil when there is nothing to do. One
// alone is written again: too much of it is gone.
func choose(list []segmentInfo, gone func(segmentInfo) int) []segmentInfo {
	for i, s := range list {
		if n := gone(s); n > 0 && n*8 >= int(s.docs) {
			return list[i : i+1]
		}
	}
	for tier, least := uint32(firstTier), fanIn; ; tier *= fanIn {
		if tier >= lastTier {
			tier, least = lastTier, lastFanIn
		}
		run := smallRun(list, tier)
		if len(run) >= fanIn || len(run) >= least && docsOf(run) >= lastTier {
			return run
		}
		if tier == lastTier {
			return nil
		}
	}
}

// smallRun is the longest run of segments with at most tier messages each that
// make one segment together.
func smallRun(list []segmentInfo, tier uint32) (best []segmentInfo) {
	for i := range list {
		docs, n := uint32(0), i
		for n < len(list) && n-i < maxMerge && list[n].docs <= tier && docs+list[n].docs <= maxDocs {
			docs += list[n].docs
			n++
		}
		if n-i > len(best) {
			best = list[i:n]
		}
	}
	return best
}

func docsOf(list []segmentInfo) (docs uint32) {
	for _, s := range list {
		docs += s.docs
	}
	return docs
}

// merge merges segments until there is nothing to merge.
func (f *follower) merge(ctx context.Context) error {
	for {
		gone := make(map[segmentID]docSet)
		var failed error
		group := choose(f.m.segments, func(s segmentInfo) int {
			set, err := readGone(ctx, f.x.opts.Engine, f.h.ID(), s)
			if err != nil {
				failed = err
			}
			gone[s.id] = set
			return set.count()
		})
		if failed != nil || group == nil {
			return failed
		}
		if err := f.mergeGroup(ctx, slices.Clone(group), gone); err != nil {
			return err
		}
	}
}

func (f *follower) mergeGroup(ctx context.Context, group []segmentInfo, gone map[segmentID]docSet) error {
	g := merger{
		f: f, codec: f.x.codec,
		rows: rowWriter{engine: f.x.opts.Engine, account: f.h.ID(), id: f.m.next},
	}
	f.m.next++
	for _, info := range group {
		s, err := f.x.segment(ctx, f.x.opts.Engine, f.h.ID(), info)
		if err != nil {
			return err
		}
		g.take(s, gone[info.id])
	}
	b := new(kv.Batch)
	for _, info := range group {
		b.RemoveSpan(segmentSpan(f.h.ID(), info.id))
	}
	var merged []segmentInfo
	if len(g.docs) > 0 {
		info, err := g.write(ctx)
		if err != nil {
			return err
		}
		merged = []segmentInfo{info}
	}
	i := slices.Index(f.m.segments, group[0])
	f.m.segments = slices.Replace(slices.Clone(f.m.segments), i, i+len(group), merged...)
	f.x.count.merged.Add(int64(len(g.docs)))
	return f.save(ctx, b)
}

// merger writes one segment from several.
type merger struct {
	f     *follower
	codec *blob.Codec
	rows  rowWriter
	from  []mergeSource
	docs  []docInfo
	block []byte // texts that are not written yet
	first uint32 // the first message in block
}

// mergeSource is a segment that is merged.
type mergeSource struct {
	*segment
	place []int32 // for each message, its number in the new segment, -1 when it is gone
	lists listCursor
}

// take adds a segment.
func (g *merger) take(s *segment, gone docSet) {
	src := mergeSource{segment: s, place: make([]int32, len(s.info))}
	for i, d := range s.info {
		if gone.has(uint32(i)) {
			src.place[i] = -1
			continue
		}
		src.place[i] = int32(len(g.docs))
		g.docs = append(g.docs, d)
	}
	src.lists = listCursor{s: s, at: gramKey(s.account, s.id, 0)}
	g.from = append(g.from, src)
}

func (g *merger) write(ctx context.Context) (segmentInfo, error) {
	if err := g.lists(ctx); err != nil {
		return segmentInfo{}, err
	}
	for i := range g.from {
		if err := g.texts(ctx, &g.from[i]); err != nil {
			return segmentInfo{}, err
		}
	}
	if err := g.flushTexts(ctx); err != nil {
		return segmentInfo{}, err
	}
	if err := g.rows.docs(ctx, g.codec, g.docs); err != nil {
		return segmentInfo{}, err
	}
	return segmentInfo{
		id: g.rows.id, docs: uint32(len(g.docs)), first: g.docs[0].id, last: g.docs[len(g.docs)-1].id, size: g.rows.size,
	}, g.rows.flush(ctx)
}

// lists merges the lists, gram by gram.
func (g *merger) lists(ctx context.Context) error {
	engine := g.f.x.opts.Engine
	for i := range g.from {
		if err := g.from[i].lists.next(ctx, engine); err != nil {
			return err
		}
	}
	w := g.rows.blocks(ctx)
	var docs []uint16
	for {
		least, more := gram(0), false
		for i := range g.from {
			if c := &g.from[i].lists; !c.end && (!more || c.block.gram < least) {
				least, more = c.block.gram, true
			}
		}
		if !more {
			return w.flush()
		}
		docs = docs[:0]
		for i := range g.from {
			s := &g.from[i]
			if s.lists.end || s.lists.block.gram != least {
				continue
			}
			var err error
			if docs, err = s.appendList(docs); err == nil {
				err = s.lists.next(ctx, engine)
			}
			if err != nil {
				return err
			}
		}
		if len(docs) == 0 {
			continue
		}
		if err := w.add(least, docs); err != nil {
			return err
		}
		g.f.pace.step(ctx)
	}
}

// appendList appends a list's messages as they are numbered in the new segment.
func (s *mergeSource) appendList(docs []uint16) ([]uint16, error) {
	err := eachPosting(s.lists.block.list, s.lists.block.form, len(s.info), func(doc uint32) {
		if n := s.place[doc]; n >= 0 {
			docs = append(docs, uint16(n))
		}
	})
	return docs, err
}

// listCursor reads all lists of a segment, a block at a time.
type listCursor struct {
	s     *segment
	at    []byte // key of the next block
	row   []byte
	block blockReader
	end   bool
}

func (c *listCursor) next(ctx context.Context, r kv.Reader) error {
	for {
		if ok, err := c.block.next(); err != nil || ok {
			return err
		}
		c.end = true
		end := kv.After(append(segmentKey(c.s.account, c.s.id), rowGrams))
		err := r.Scan(ctx, kv.Range{Lo: c.at, Hi: end, Limit: 1}, func(k, v []byte) (bool, error) {
			first, err := gramOf(k)
			c.row = append(c.row[:0], v...)
			c.block, c.at, c.end = readBlock(first, c.row), append(bytes.Clone(k), 0), false
			return false, err
		})
		if err != nil || c.end {
			return err
		}
	}
}

// texts copies the texts of a segment: whole blocks as they are, where nothing of
// them is gone and they are not small.
func (g *merger) texts(ctx context.Context, s *mergeSource) error {
	t := textReader{s: s.segment}
	at := uint32(0)
	for int(at) < len(s.info) {
		first, ok, err := t.blockFrom(ctx, g.f.x.opts.Engine, at)
		if err != nil || !ok {
			return err
		}
		if err := t.load(ctx, g.f.x.opts.Engine, first); err != nil {
			return err
		}
		if len(t.texts) == 0 {
			return corrupt("an empty block of texts")
		}
		at = t.texts[len(t.texts)-1].doc + 1
		for _, x := range t.texts {
			if int(x.doc) >= len(s.place) {
				return corrupt("a text of no message")
			}
			if n := s.place[x.doc]; n >= 0 {
				if err := g.text(ctx, uint32(n), t.block[x.from:x.to]); err != nil {
					return err
				}
			}
		}
		g.f.pace.step(ctx)
	}
	return nil
}

func (g *merger) text(ctx context.Context, doc uint32, text []byte) error {
	if len(g.block) > 0 && len(g.block)+len(text) > textBlock {
		if err := g.flushTexts(ctx); err != nil {
			return err
		}
	}
	if len(g.block) == 0 {
		g.first = doc
	}
	g.block = append(appendNumbers(g.block, uint64(doc-g.first), uint64(len(text))), text...)
	return nil
}

func (g *merger) flushTexts(ctx context.Context) error {
	err := g.rows.texts(ctx, g.codec, g.first, g.block)
	g.block = g.block[:0]
	return err
}
