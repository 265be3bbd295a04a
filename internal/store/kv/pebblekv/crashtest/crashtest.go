// Package crashtest opens stores on a file system in memory that loses in a
// crash what was not synced, and that can fail on demand. It lets the tests of
// package store cut the power without knowing the engine.
//
//	fs := crashtest.New()
//	engine, err := fs.Open(crashtest.Options{})
//	... commit, from as many goroutines as you like ...
//	after := fs.Crash(rng) // at any moment
//	engine, err = after.Open(crashtest.Options{})
//	... what was acknowledged is there ...
package crashtest

import (
	"errors"
	"math/rand/v2"
	"path"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"restante/internal/store/kv/pebblekv"
)

// Options are those of the engine. Dir and FS are not used.
type Options = pebblekv.Options

// ErrInjected is the cause of the errors that FailSyncs and its kin make.
var ErrInjected = errors.New("injected disk error")

// FS is a disk with one store on it. It is safe for concurrent use.
type FS struct {
	mem        *vfs.MemFS
	failSyncs  atomic.Bool
	failWrites atomic.Bool
	failTables atomic.Bool
}

// New returns an empty disk.
func New() *FS { return &FS{mem: vfs.NewCrashableMem()} }

// Open opens the store, or begins one. The caller closes it. Unless o says
// otherwise memory tables are small, so that crashes meet flushes and
// compactions as well.
func (f *FS) Open(o Options) (*pebblekv.Engine, error) {
	if o.MemTableBytes == 0 {
		o.LowMemory, o.MemTableBytes = true, 1<<20
	}
	o.Dir = "/store"
	o.FS = errorfs.Wrap(f.mem, errorfs.InjectorFunc(f.fail))
	return pebblekv.Open(o)
}

// Crash returns a disk as it would be found if the power failed now: it has
// everything that was synced, and of the rest, with an rng, a random part, in
// blocks of 4 KB; with nil, nothing. The disk itself goes on as if nothing had
// happened; an engine that is open on it should still be closed.
func (f *FS) Crash(rng *rand.Rand) *FS {
	c := vfs.CrashCloneCfg{RNG: rng}
	if rng != nil {
		c.UnsyncedDataPercent = rng.IntN(101)
	}
	return &FS{mem: f.mem.CrashClone(c)}
}

// FailSyncs makes every sync from now on fail, as a dying disk does.
func (f *FS) FailSyncs() { f.failSyncs.Store(true) }

// FailWrites makes every write from now on fail, as a full disk does.
func (f *FS) FailWrites() { f.failWrites.Store(true) }

// FailTables makes every write but those to the log fail from now on, so that
// commits work and flushes don't.
func (f *FS) FailTables() { f.failTables.Store(true) }

func (f *FS) fail(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if f.failSyncs.Load() {
			return ErrInjected
		}
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpCreate:
		if f.failWrites.Load() || f.failTables.Load() && path.Ext(op.Path) != ".log" {
			return ErrInjected
		}
	}
	return nil
}
