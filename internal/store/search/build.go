package search

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"

	"restante/internal/store"
	"restante/internal/store/blob"
	"restante/internal/store/kv"
)

// Bounds of what is held in memory while a segment is built.
const (
	maxPairs   = 2 << 20 // entries of lists; 6 octets each, and twice while they are sorted
	maxDocText = 8 << 20 // folded text of one message; one with more is left to scans
	keepText   = 1 << 20 // folded text of one message that is kept in the segment
	maxBatch   = 2 << 20 // octets of rows that are written at once
)

// rowWriter writes the rows of one segment. They are lazy: nothing refers to
// them before the manifest does, which is written after them. Without an engine
// they stay in the batch.
type rowWriter struct {
	engine  kv.Engine
	account store.AccountID
	id      segmentID
	batch   kv.Batch
	held    int
	size    uint64
}

func (w *rowWriter) put(ctx context.Context, key, value []byte) error {
	w.batch.Put(key, value)
	n := kv.PairSize(len(key), len(value))
	w.size += uint64(n)
	if w.held += n; w.held < maxBatch || w.engine == nil {
		return nil
	}
	return w.flush(ctx)
}

func (w *rowWriter) flush(ctx context.Context) error {
	if w.batch.Empty() {
		return nil
	}
	err := w.engine.Commit(ctx, &w.batch, kv.Lazy)
	w.batch.Reset()
	w.held = 0
	return err
}

// docs writes the segment's messages.
func (w *rowWriter) docs(ctx context.Context, codec *blob.Codec, docs []docInfo) error {
	part := 0
	for chunk := range slices.Chunk(encodeDocs(docs), blob.ChunkSize) {
		if err := w.put(ctx, docsKey(w.account, w.id, part), codec.Encode(chunk)); err != nil {
			return err
		}
		part++
	}
	return nil
}

// builder builds segments of one account at a time. It keeps its buffers.
type builder struct {
	codec  *blob.Codec
	walker walker
	rows   rowWriter

	docs  []docInfo
	table []uint32 // places in known and one, by hash of the gram; a power of two, 0 is free
	known []gram
	last  []uint32 // for each gram, the last message that has it, and one
	pairs []uint32 // places in known
	with  []uint16 // the message of each pair
	block []byte   // texts that are not written yet
	from  uint32   // the first message in block

	doc   document
	units []uint16
	grams []gram

	// Scratch for sorting.
	ends, next, order []uint32
	sorted            []uint16
}

func newBuilder(codec *blob.Codec) *builder {
	return &builder{codec: codec, table: make([]uint32, smallTable)}
}

// begin starts a segment.
func (b *builder) begin(engine kv.Engine, account store.AccountID, id segmentID) {
	b.rows = rowWriter{engine: engine, account: account, id: id}
	b.docs, b.known, b.last = b.docs[:0], b.known[:0], b.last[:0]
	b.pairs, b.with, b.block = b.pairs[:0], b.with[:0], b.block[:0]
	if len(b.table) > smallTable {
		b.table = make([]uint32, smallTable) // most accounts get a few messages at a time
	}
	clear(b.table)
}

// smallTable is how many places there are for grams at first; a power of two.
const smallTable = 1 << 14

// full says that the segment must be ended.
func (b *builder) full() bool { return len(b.pairs) >= maxPairs || len(b.docs) == maxDocs }

// errTooLong says that a message has more text than the index takes.
var errTooLong = errors.New("search: too much text in a message")

// add puts a message into the segment. With an error it is not in it, and others
// may follow.
func (b *builder) add(ctx context.Context, m *store.Message) error {
	header, err := m.Header(ctx)
	if err != nil {
		return err
	}
	b.doc.reset()
	if err := b.walker.walk(ctx, m, header, &b.doc); err != nil {
		return err
	}
	if b.doc.tooLong {
		return errTooLong
	}
	info := docInfo{id: m.ID(), length: lengthOf(len(b.doc.buf)), noText: len(b.doc.buf) > keepText}
	doc := uint32(len(b.docs))
	for in, text := range b.doc.sections() {
		b.section(doc, in, text, &info)
	}
	b.docs = append(b.docs, info)
	if info.noText {
		return nil
	}
	return b.text(ctx, doc)
}

// lengthOf is eight times the logarithm of a length: what ranking needs of it.
func lengthOf(n int) uint8 { return uint8(min(8*math.Log2(1+float64(n)/64), 255)) }

// section puts the grams of a text into the lists.
func (b *builder) section(doc uint32, in class, s section, info *docInfo) {
	var bare bool
	b.units, bare = units(b.units[:0], s.text)
	info.bare = info.bare || bare
	b.grams = b.grams[:0]
	if in >= classSubject && in < classField {
		// The value is in the lists of the field, what begins in its name in those of
		// all fields.
		name, _ := units(nil, s.text[:s.name])
		b.grams = grams(b.grams, b.units[len(name):], in)
		b.grams = grams(b.grams, b.units[:min(len(name)+2, len(b.units))], classField)
	} else {
		b.grams = grams(b.grams, b.units, in)
	}
	for _, g := range b.grams {
		if n := b.place(g); b.last[n] != doc+1 {
			b.last[n] = doc + 1
			b.pairs, b.with = append(b.pairs, n), append(b.with, uint16(doc))
		}
	}
}

// place is where in known a gram is.
func (b *builder) place(g gram) uint32 {
	if len(b.known)*2 >= len(b.table) {
		b.table = make([]uint32, 2*len(b.table))
		for n, g := range b.known {
			b.table[b.free(g)] = uint32(n + 1)
		}
	}
	i := b.free(g)
	if b.table[i] == 0 {
		b.known, b.last = append(b.known, g), append(b.last, 0)
		b.table[i] = uint32(len(b.known))
	}
	return b.table[i] - 1
}

// free is where in the table a gram is or would be.
func (b *builder) free(g gram) uint32 {
	shift := 64 - bits.Len(uint(len(b.table)-1))
	i := uint32(uint64(g) * 0x9e3779b97f4a7c15 >> shift)
	for b.table[i] != 0 && b.known[b.table[i]-1] != g {
		i = (i + 1) & uint32(len(b.table)-1)
	}
	return i
}

// Texts are kept in blocks of about textBlock; one that is longer is by itself, in
// parts of a chunk of the codec.
const textBlock = 16 << 10

// text keeps the text of a message.
func (b *builder) text(ctx context.Context, doc uint32) error {
	if len(b.block) > 0 && len(b.block)+len(b.doc.buf) > textBlock {
		if err := b.flushTexts(ctx); err != nil {
			return err
		}
	}
	if len(b.block) == 0 {
		b.from = doc
	}
	b.block = appendNumbers(b.block, uint64(doc-b.from), uint64(len(b.doc.buf)))
	b.block = append(b.block, b.doc.buf...)
	return nil
}

func (b *builder) flushTexts(ctx context.Context) error {
	err := b.rows.texts(ctx, b.codec, b.from, b.block)
	b.block = b.block[:0]
	return err
}

// texts writes a block of texts.
func (w *rowWriter) texts(ctx context.Context, codec *blob.Codec, first uint32, block []byte) error {
	part := 0
	for chunk := range slices.Chunk(block, blob.ChunkSize) {
		if err := w.put(ctx, textKey(w.account, w.id, first, part), codec.Encode(chunk)); err != nil {
			return err
		}
		part++
	}
	return nil
}

// finish writes what is left of the segment, but for the manifest.
func (b *builder) finish(ctx context.Context) (segmentInfo, error) {
	if err := b.flushTexts(ctx); err != nil {
		return segmentInfo{}, err
	}
	if err := b.lists(ctx); err != nil {
		return segmentInfo{}, err
	}
	if err := b.rows.docs(ctx, b.codec, b.docs); err != nil {
		return segmentInfo{}, err
	}
	return segmentInfo{
		id: b.rows.id, docs: uint32(len(b.docs)), first: b.docs[0].id, last: b.docs[len(b.docs)-1].id, size: b.rows.size,
	}, b.rows.flush(ctx)
}

// lists sorts the pairs by gram and writes the lists.
func (b *builder) lists(ctx context.Context) error {
	ends := sized(&b.ends, len(b.known)+1)
	clear(ends)
	for _, n := range b.pairs {
		ends[n+1]++
	}
	for i := range b.known {
		ends[i+1] += ends[i]
	}
	// Counting sort: the messages of each gram stay ascending.
	docs := sized(&b.sorted, len(b.pairs))
	next := sized(&b.next, len(ends))
	copy(next, ends)
	for i, n := range b.pairs {
		docs[next[n]] = b.with[i]
		next[n]++
	}
	order := sized(&b.order, len(b.known))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		if b.known[x] < b.known[y] {
			return -1
		}
		return 1
	})
	w := b.rows.blocks(ctx)
	for _, n := range order {
		if err := w.add(b.known[n], docs[ends[n]:ends[n+1]]); err != nil {
			return err
		}
	}
	return w.flush()
}

// sized returns a buffer of n elements, whose content is any.
func sized[T any](buf *[]T, n int) []T {
	*buf = slices.Grow((*buf)[:0], n)[:n]
	return *buf
}

// blocks returns a writer of the segment's lists.
func (w *rowWriter) blocks(ctx context.Context) *blockWriter {
	return &blockWriter{emit: func(first gram, block []byte) error {
		return w.put(ctx, gramKey(w.account, w.id, first), slices.Clone(block))
	}}
}

// document gathers the texts of one message as they are kept: for each its class,
// the length of a field's name, and the text.
type document struct {
	buf     []byte
	open    []byte // a text that comes in pieces
	tooLong bool
}

// section is one text of a document.
type section struct {
	text []byte
	name int
}

func (d *document) reset() { d.buf, d.open, d.tooLong = d.buf[:0], d.open[:0], false }

func (d *document) wants(class) bool { return !d.tooLong }

func (d *document) line(c class, text []byte, name int) {
	d.buf = append(d.buf, byte(c))
	d.buf = appendNumbers(d.buf, uint64(name), uint64(len(text)))
	d.buf = append(d.buf, text...)
	d.tooLong = d.tooLong || len(d.buf) > maxDocText
}

func (d *document) piece(text []byte, first, last bool) {
	if first {
		d.open = d.open[:0]
	}
	d.open = append(d.open, text...)
	d.tooLong = d.tooLong || len(d.buf)+len(d.open) > maxDocText
	if last {
		d.line(classBody, d.open, 0)
	}
}

// sections yields the texts of a document of this builder's.
func (d *document) sections() func(func(class, section) bool) {
	return func(yield func(class, section) bool) {
		_ = eachSection(d.buf, func(c class, text []byte, name int) bool { return yield(c, section{text, name}) })
	}
}

// eachSection reads the texts of a document until fn returns false.
func eachSection(doc []byte, fn func(c class, text []byte, name int) bool) error {
	for len(doc) > 0 {
		c := class(doc[0])
		r := numbers{doc[1:], true}
		name := r.next(math.MaxInt32)
		size := r.next(uint64(len(r.b)))
		if !r.ok || c >= classes || size > uint64(len(r.b)) || name > size {
			return corrupt("a text")
		}
		if !fn(c, r.b[:size], int(name)) {
			return nil
		}
		doc = r.b[size:]
	}
	return nil
}

// nextDocument reads one document of a block of texts.
func nextDocument(block []byte) (offset uint32, doc, rest []byte, err error) {
	n, k := binary.Uvarint(block)
	if k <= 0 || n >= maxDocs {
		return 0, nil, nil, corrupt("a block of texts")
	}
	size, j := binary.Uvarint(block[k:])
	if j <= 0 || size > uint64(len(block)-k-j) {
		return 0, nil, nil, corrupt("a block of texts")
	}
	block = block[k+j:]
	return uint32(n), block[:size], block[size:], nil
}
