// Package blob keeps message bodies: immutable runs of octets, written once,
// read at any offset, deleted as a whole.
//
// A body is cut into chunks of 64 KiB, each compressed by itself, so that a
// read in the middle of a large message touches only the chunks that it needs.
// A chunk's first octet names its form; the form that encryption will take
// (algorithm, key id, nonce before the payload) has its number reserved, so
// that turning encryption on changes nothing for what is already there.
//
// Writing and referring are apart. A Writer makes the chunks while the octets
// arrive, outside every lock; the caller then commits them in one batch with
// whatever refers to the body (Staged.Pairs), or, for large bodies, the
// chunks are already in the engine and only wait for the commit of their state
// row. Which bodies live and who refers to them is the store's business, not
// this package's.
package blob

import (
	"context"
	"io"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// ChunkSize is the raw size of every chunk but the last, in octets.
const ChunkSize = 64 << 10

// MaxChunks bounds a body at 4 GiB: chunk numbers have 16 bits.
const MaxChunks = 1 << 16

// Store keeps bodies. Implementations are safe for concurrent use.
type Store interface {
	// Create begins the body id. Ids are given once, by the caller. pending is
	// committed (Lazy) together with the first chunks that are written ahead,
	// so that an interrupted body is found again by the collector.
	Create(id keys.BlobID, pending []kv.Pair) Writer
	// Open reads a body of the given size; nothing is read before the first
	// access. r is the engine or a snapshot.
	Open(r kv.Reader, id keys.BlobID, size uint64) Body
	// Delete adds the removal of a body's octets to b.
	Delete(b *kv.Batch, id keys.BlobID)
}

// Writer takes the octets of one body. It is not safe for concurrent use.
type Writer interface {
	io.Writer
	// Finish ends the body. The chunks that are not yet in the engine are in
	// Staged.Pairs, at most AheadSize octets of them.
	Finish(ctx context.Context) (Staged, error)
	// Ahead says whether chunks have been written to the engine already.
	Ahead() bool
}

// Staged is a body that is complete and waits for the commit that refers to it.
type Staged struct {
	ID     keys.BlobID
	Size   uint64
	Chunks uint32
	Pairs  []kv.Pair
	Ahead  bool // earlier chunks are in the engine, with the pending rows
}

// Body reads one body. It is safe for concurrent use.
type Body interface {
	io.ReaderAt
	// Size is the number of octets.
	Size() int64
	// CopyRange writes octets [off, off+n) to w, chunk by chunk.
	CopyRange(ctx context.Context, w io.Writer, off, n int64) error
}
