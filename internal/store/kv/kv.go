package kv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits that every engine holds to; they are part of the contract because the
// layout (body chunks, pages, splitting of big operations) is made to fit them.
const (
	MaxKey   = 512      // bytes of a key
	MaxValue = 96 << 10 // bytes of a value
	MaxBatch = 8 << 20  // bytes of a batch, by Batch.Size
)

var (
	// ErrNotFound is returned by Get for a key that is not there.
	ErrNotFound = errors.New("kv: not found")
	// ErrConflict is returned by Commit when a requirement does not hold.
	// Nothing was written. The error is a *ConflictError.
	ErrConflict = errors.New("kv: conflict")
	// ErrClosed is returned by every call on a closed engine or snapshot.
	ErrClosed = errors.New("kv: closed")
	// ErrTooLarge is returned by Commit for a key, value or batch over the limits.
	// Nothing was written.
	ErrTooLarge = errors.New("kv: too large")
	// ErrEmptyKey is returned by Commit for a key of no bytes. Nothing was written.
	ErrEmptyKey = errors.New("kv: empty key")
	// ErrUnguarded is returned by Commit for a batch that writes a key which other
	// batches require, without requiring it: a bug of the caller that would show
	// as a rare race. Engines need not notice; memkv does. Nothing was written.
	ErrUnguarded = errors.New("kv: write of a required key without requiring it")
)

// ConflictError names the requirement that failed. It matches ErrConflict.
type ConflictError struct {
	Key []byte // a copy
}

func (e *ConflictError) Error() string { return fmt.Sprintf("kv: conflict at key %x", e.Key) }

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Reader reads one engine or one snapshot of it. It is safe for concurrent use.
type Reader interface {
	// Get returns the value of key. The slice is the caller's own and never nil.
	// A key that is not there gives ErrNotFound.
	Get(ctx context.Context, key []byte) ([]byte, error)

	// View calls fn with the value of key, where Get would copy it: for values of
	// many octets that are read and forgotten. The slice is valid only until fn
	// returns and must not be written to. It returns what fn returns; a key that is
	// not there gives ErrNotFound. fn may read from the engine; it must not commit,
	// close anything or take long.
	View(ctx context.Context, key []byte, fn func(value []byte) error) error

	// Scan calls fn for the pairs of r in order, as of one moment at or after the
	// call. It ends when fn returns false or an error, which Scan then returns as
	// it is, at the end of the range, at r.Limit, or when ctx ends.
	//
	// The slices are valid only until fn returns and must not be written to. fn
	// may read from the engine; it must not commit or close anything.
	Scan(ctx context.Context, r Range, fn func(key, value []byte) (more bool, err error)) error
}

// Snapshot is the state of an engine at one moment. It keeps old data on disk
// until it is closed, so it is for the length of an operation, not of a session.
type Snapshot interface {
	Reader
	// Close releases the snapshot after the reads that are under way; later reads
	// give ErrClosed. Closing again does nothing.
	Close() error
}

// Durability says when Commit returns. The zero value is Durable.
type Durability uint8

const (
	// Durable: Commit returns after the sync.
	Durable Durability = iota
	// Lazy: Commit returns when the batch is visible; it is synced with the next
	// Durable commit or by Close. The order is kept in any case.
	Lazy
)

func (d Durability) String() string {
	switch d {
	case Durable:
		return "durable"
	case Lazy:
		return "lazy"
	}
	return fmt.Sprintf("Durability(%d)", uint8(d))
}

// Engine is an ordered-key engine. All methods are safe for concurrent use.
type Engine interface {
	Reader

	// Snapshot fixes the present state for several reads. The caller closes it.
	Snapshot() (Snapshot, error)

	// Commit checks the requirements of b and applies it, atomically. The engine
	// keeps nothing of b once Commit has returned.
	//
	// After ErrConflict, ErrTooLarge, ErrEmptyKey, ErrUnguarded, ErrClosed and
	// ctx.Err() nothing was written. After any other error the outcome is unknown
	// and is settled by reading (and, with pebblekv, by opening the store again).
	Commit(ctx context.Context, b *Batch, d Durability) error

	// Compact gives the space of what was deleted in s back to the file system, as
	// far as no snapshot holds it. It is slow and runs beside other traffic; where
	// an engine does this by itself it does nothing.
	Compact(ctx context.Context, s Span) error

	// Checkpoint writes a copy of the present state, with every commit that has
	// returned, to dir, which must not exist yet and is best on the same file
	// system. Engines that have no files give errors.ErrUnsupported.
	Checkpoint(ctx context.Context, dir string) error

	// Stats returns counters and gauges for metrics; it is cheap.
	Stats() Stats

	// Close makes lazy commits durable, waits for calls under way and releases
	// everything, open snapshots as well. Closing again does nothing.
	Close() error
}

// Stats describes an engine's state since it was opened. What an engine does
// not know stays zero. Sizes are in bytes.
type Stats struct {
	DiskBytes      uint64 // all files of the engine
	LogBytes       uint64 // of these, write-ahead log
	ValueBytes     uint64 // of these, values kept apart from their keys
	GarbageBytes   uint64 // part of ValueBytes that nothing refers to any more
	MemoryBytes    uint64 // writes held in memory
	CacheBytes     uint64 // block cache in use
	CacheHits      int64
	CacheMisses    int64
	Commits        uint64 // batches applied
	Conflicts      uint64 // batches refused with ErrConflict
	LogWritten     uint64 // bytes written to the log
	FlushWritten   uint64 // bytes written by flushes of the memory tables
	CompactWritten uint64 // bytes written by compactions
	Flushes        int64
	Compactions    int64
	CompactionDebt uint64        // bytes that wait for compaction
	Level0Files    int64         // many of them slow down reads and, at last, writes
	Stalls         uint64        // times that commits were stopped to let flushes catch up
	StallTime      time.Duration // in all
	Snapshots      int           // open now
}
