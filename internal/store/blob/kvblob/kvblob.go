// Package kvblob keeps bodies in the same engine as the records that refer to
// them: a small message is one atomic batch with its records, one sync.
package kvblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"restante/internal/store/blob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// AheadSize is how many encoded octets a writer holds for the final batch;
// beyond it chunks are written ahead, lazily.
const AheadSize = 1 << 20

// decodeSlack is what the decoder wants behind the room for a chunk: with less it
// makes a buffer of its own each time.
const decodeSlack = 64

// roomy is room for a chunk.
type roomy [blob.ChunkSize + decodeSlack]byte

// Store is a blob.Store in table B of an engine.
type Store struct {
	engine  kv.Engine
	codec   *blob.Codec
	buffers sync.Pool // *roomy, for a chunk that is being filled or read
}

var _ blob.Store = (*Store)(nil)

// New returns a store in engine; closing the engine is the caller's.
func New(engine kv.Engine) *Store { return &Store{engine: engine, codec: blob.NewCodec()} }

// room returns a buffer for one chunk, which goes back into buffers.
func (s *Store) room() *roomy {
	if room, ok := s.buffers.Get().(*roomy); ok {
		return room
	}
	return new(roomy)
}

// Create implements blob.Store.
func (s *Store) Create(id keys.BlobID, pending []kv.Pair) blob.Writer {
	return &writer{store: s, id: id, pending: pending}
}

// Open implements blob.Store.
func (s *Store) Open(r kv.Reader, id keys.BlobID, size uint64) blob.Body {
	return &body{store: s, reader: r, id: id, size: int64(size)}
}

// Delete implements blob.Store.
func (s *Store) Delete(b *kv.Batch, id keys.BlobID) {
	r := kv.Prefix(keys.BlobKey(keys.TableChunk, id))
	b.DeleteRange = append(b.DeleteRange, kv.Span{Lo: r.Lo, Hi: r.Hi})
}

type writer struct {
	store   *Store
	id      keys.BlobID
	pending []kv.Pair
	room    *roomy // from Store.buffers while buf is used
	buf     []byte // the chunk being filled, in room
	pairs   []kv.Pair
	held    int // encoded octets in pairs
	chunks  uint32
	size    uint64
	ahead   bool
	err     error
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && w.err == nil {
		if len(w.buf) == 0 && len(p) >= blob.ChunkSize {
			w.chunk(p[:blob.ChunkSize])
			p = p[blob.ChunkSize:]
			continue
		}
		if w.room == nil {
			w.room = w.store.room()
			w.buf = w.room[:0]
		}
		k := min(len(p), blob.ChunkSize-len(w.buf))
		w.buf = append(w.buf, p[:k]...)
		p = p[k:]
		if len(w.buf) == blob.ChunkSize {
			w.chunk(w.buf)
			w.buf = w.buf[:0]
		}
	}
	if w.err != nil {
		return n - len(p), w.err
	}
	return n, nil
}

func (w *writer) chunk(raw []byte) {
	if w.chunks == blob.MaxChunks {
		w.err = fmt.Errorf("kvblob: body %d: more than %d chunks", w.id, blob.MaxChunks)
		return
	}
	value := w.store.codec.Encode(raw)
	w.pairs = append(w.pairs, kv.Pair{Key: keys.ChunkKey(w.id, uint16(w.chunks)), Value: value})
	w.held += len(value)
	w.chunks++
	w.size += uint64(len(raw))
	if w.held >= AheadSize {
		w.flush()
	}
}

// flush writes what is held. A Write has no context; the engine bounds the time.
func (w *writer) flush() {
	b := &kv.Batch{Set: w.pairs}
	if !w.ahead {
		b.Set = append(b.Set, w.pending...)
	}
	if err := w.store.engine.Commit(context.Background(), b, kv.Lazy); err != nil {
		w.err = fmt.Errorf("kvblob: writing body %d ahead: %w", w.id, err)
		return
	}
	w.ahead, w.pairs, w.held = true, nil, 0
}

// Ahead implements blob.Writer.
func (w *writer) Ahead() bool { return w.ahead }

// Finish implements blob.Writer.
func (w *writer) Finish(context.Context) (blob.Staged, error) {
	if w.err == nil && len(w.buf) > 0 {
		w.chunk(w.buf)
	}
	if w.room != nil {
		w.store.buffers.Put(w.room)
		w.room, w.buf = nil, nil
	}
	if w.err != nil {
		return blob.Staged{}, w.err
	}
	return blob.Staged{ID: w.id, Size: w.size, Chunks: w.chunks, Pairs: w.pairs, Ahead: w.ahead}, nil
}

type body struct {
	store  *Store
	reader kv.Reader
	id     keys.BlobID
	size   int64

	// last is the chunk that ReadAt used last: readers of parts come back to it
	// many times, and expanding it is what costs.
	last struct {
		sync.Mutex
		number int64 // 1 more than the chunk's; 0: none
		raw    []byte
	}
}

// Size implements blob.Body.
func (b *body) Size() int64 { return b.size }

// ReadAt implements io.ReaderAt.
func (b *body) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("kvblob: body %d: negative offset", b.id)
	}
	for n < len(p) && off < b.size {
		k, err := b.readChunk(p[n:], off)
		if err != nil {
			return n, err
		}
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readChunk reads from one chunk only.
func (b *body) readChunk(p []byte, off int64) (int, error) {
	b.last.Lock()
	defer b.last.Unlock()
	c := off / blob.ChunkSize
	if b.last.number != c+1 {
		b.last.number = 0
		if b.last.raw == nil {
			b.last.raw = make([]byte, 0, min(b.size, blob.ChunkSize)+decodeSlack)
		}
		raw, err := b.chunk(context.Background(), b.last.raw[:0], c)
		if err != nil {
			return 0, fmt.Errorf("kvblob: body %d chunk %d: %w", b.id, c, err)
		}
		b.last.number, b.last.raw = c+1, raw
	}
	return copy(p, b.last.raw[off-c*blob.ChunkSize:]), nil
}

// CopyRange implements blob.Body.
func (b *body) CopyRange(ctx context.Context, w io.Writer, off, n int64) error {
	if off < 0 || n < 0 || off+n > b.size {
		return fmt.Errorf("kvblob: body %d: range %d+%d outside %d octets", b.id, off, n, b.size)
	}
	if n == 0 {
		return nil
	}
	first, last := off/blob.ChunkSize, (off+n-1)/blob.ChunkSize
	room := b.store.room()
	defer b.store.buffers.Put(room)
	// One View a chunk, not one Scan: w may be a slow client, and an open scan
	// would hold the engine's old files for as long as it takes.
	for c := first; c <= last; c++ {
		raw, err := b.chunk(ctx, room[:0], c)
		if err != nil {
			return fmt.Errorf("kvblob: body %d chunk %d: %w", b.id, c, err)
		}
		from := c * blob.ChunkSize
		if _, err := w.Write(raw[max(off-from, 0):min(off+n-from, int64(len(raw)))]); err != nil {
			return err
		}
	}
	return nil
}

func (b *body) chunk(ctx context.Context, dst []byte, c int64) ([]byte, error) {
	raw := dst
	err := b.reader.View(ctx, keys.ChunkKey(b.id, uint16(c)), func(stored []byte) (err error) {
		raw, err = b.store.codec.Decode(dst, stored)
		return err
	})
	if errors.Is(err, kv.ErrNotFound) || err == nil && int64(len(raw)) != min(b.size-c*blob.ChunkSize, blob.ChunkSize) {
		err = blob.ErrCorrupt
	}
	return raw, err
}
