package pebblekv

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/internal/store/kv"
)

// Options are the settings of an engine. The zero value works but for Dir.
type Options struct {
	// Dir is the engine's own directory; it is made when it is not there. Nothing
	// else may write to it.
	Dir string

	// CacheBytes bounds the cache of blocks that were read. Zero means 256 MB, or
	// 16 MB with LowMemory. It fills as it is used.
	CacheBytes int64

	// MemTableBytes is the size of a memory table; a few of them are in memory at
	// the worst. Zero means 64 MB, or 16 MB with LowMemory; more than 256 MB is
	// taken for 256 MB. Bigger ones save work at compactions and cost time at the
	// next start.
	MemTableBytes int64

	// LowMemory makes everything small (memory tables, cache, open files), for
	// machines of 512 MB in all. Existing stores open either way.
	LowMemory bool

	// WholeValues keeps values with their keys. The default is to keep values of
	// 1 KB and more in files of their own that most compactions leave alone, which
	// Pebble still calls experimental. It may be changed at every start: either
	// way reads what the other wrote.
	WholeValues bool

	// NoLog keeps no write-ahead log: for what can be made again. A durable commit
	// then flushes the memory table, so there should be few; lazy ones are as ever.
	// It may not be changed while a directory has a log that was not replayed, which
	// Close leaves none of.
	NoLog bool

	// Logger is told what an operator should know. Nil discards it.
	Logger *slog.Logger

	// OnFatal is called once, with the reason, when the log or a flush has failed
	// and the engine has stopped for good: every later call returns the same
	// reason. It may be called with locks of the engine held, so it must not call
	// the engine or wait for someone who does; calls under way may never return.
	// The process should end soon: what is acknowledged is safe, and the next
	// Open brings it back. With nil the engine panics.
	OnFatal func(error)

	// FS is the file system; nil is that of the machine. It is here for tests
	// that lose what was not synced, see package crashtest.
	FS vfs.FS
}

// Engine is an open store. Make it with Open.
type Engine struct {
	db      *pebble.DB
	gate    *gate
	stripes *stripes
	options Options

	fatal    atomic.Pointer[FatalError]
	closing  sync.Once
	closeErr error

	commits, conflicts atomic.Uint64
	pointDeletes       int          // keys up to which a range is deleted by key
	tombs              atomic.Int64 // range tombstones written since they last made a flush
	stalls             stalls

	mu struct {
		sync.Mutex
		snapshots map[*snapshot]bool
	}
}

var (
	_ kv.Engine   = (*Engine)(nil)
	_ kv.Snapshot = (*snapshot)(nil)
)

// Open opens the store in o.Dir, or begins one, and recovers what the last
// process committed. Only one engine at a time may have a directory open: the
// second gets a *LockedError, in whatever process it is.
func Open(o Options) (*Engine, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.prepareDir(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	e := &Engine{gate: newGate(), stripes: newStripes(), options: o, pointDeletes: defaultPointDeletes}
	e.mu.snapshots = make(map[*snapshot]bool)
	po := e.pebbleOptions()
	lock, err := pebble.LockDirectory(o.Dir, po.FS)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", o.lockError(err))
	}
	defer lock.Close() // the database has a share of its own until it is closed
	po.Lock = lock
	e.db, err = e.openLocked(po)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Dir, err)
	}
	return e, nil
}

// openLocked turns the panic of a fatal error inside Pebble's Open into an error.
func (e *Engine) openLocked(po *pebble.Options) (db *pebble.DB, err error) {
	defer e.recoverFatal(&err)
	return pebble.Open(e.options.Dir, po)
}

// Close implements kv.Engine. After a fatal error it leaves the files alone and
// returns the reason: to go on writing to them would be the one wrong thing.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		if f := e.fatal.Load(); f != nil {
			e.closeErr = f
			return
		}
		e.gate.close()
		for s := range e.mu.snapshots { // nobody else is left to change it
			s.gate.close()
			if err := s.db.Close(); err != nil && e.closeErr == nil {
				e.closeErr = err
			}
		}
		clear(e.mu.snapshots)
		if err := e.flushUnlogged(); err != nil {
			e.closeErr = err
		}
		if err := e.db.Close(); err != nil && e.closeErr == nil {
			e.closeErr = err
		}
		if e.closeErr != nil {
			e.closeErr = fmt.Errorf("close store: %w", e.closeErr)
		}
	})
	return e.closeErr
}
