package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"restante/internal/ops/backup"
	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
)

// RestoreOptions say which server is to be restored, and to where.
type RestoreOptions struct {
	From string    // the folder of the backups
	At   time.Time // the last snapshot that is not later; zero is the newest
	Data string    // the new data folder
	// Progress, if not nil, is told how many octets of how many are there.
	Progress func(done, total int64)
}

// restoring is what a store is called in its data folder until it can be used.
const restoring = "store.restoring"

// Restore makes a data folder of a backup: all of a server as it was. No server may have it open, and there must be no mail in it. What clients
// have seen since then is never mixed up with what comes now (store.Rewind).
func Restore(ctx context.Context, o RestoreOptions) (*backup.Snapshot, store.Rewound, error) {
	var none store.Rewound
	for _, name := range []string{"store", "search"} {
		if _, err := os.Stat(filepath.Join(o.Data, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil, none, errors.Join(err, fmt.Errorf("%s has a folder %s already: name a new one", o.Data, name))
		}
	}
	r, s, err := openSnapshot(o.From, o.At)
	if err != nil {
		return nil, none, err
	}
	defer r.Close()
	to := filepath.Join(o.Data, restoring)
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, none, fmt.Errorf("restore: %w", err)
	}
	if err := os.RemoveAll(to); err != nil { // of a run that was interrupted
		return nil, none, fmt.Errorf("restore: %w", err)
	}
	if err := r.Restore(ctx, s, to, o.Progress); err != nil {
		return nil, none, err
	}
	engine, err := pebblekv.Open(pebblekv.Options{Dir: to, CacheBytes: lookCache, LowMemory: true})
	if err != nil {
		return nil, none, fmt.Errorf("restore: %w", err)
	}
	done, err := store.Rewind(ctx, engine, time.Now())
	if err = errors.Join(err, engine.Close()); err != nil {
		return nil, none, err
	}
	// Only now does it have the name by which a server finds it.
	return s, done, os.Rename(to, filepath.Join(o.Data, "store"))
}

// lookCache is the cache of an engine that is only looked into.
const lookCache = 8 << 20

// openSnapshot finds the last snapshot that is not later than at, the newest when that is zero. The caller closes the repository; until
// then nobody removes anything from it.
func openSnapshot(from string, at time.Time) (*backup.Repository, *backup.Snapshot, error) {
	r, err := backup.Open(from)
	if err != nil {
		return nil, nil, err
	}
	// A repository that cannot be written to can be read all the same.
	if err := r.Lock(); errors.Is(err, backup.ErrLocked) {
		return nil, nil, err
	}
	if at.IsZero() {
		at = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	s, err := r.At(at)
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, s, nil
}
