package pebblekv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// prepareDir makes o.Dir and gives it its one true name, because within a
// process Pebble knows its locks by name.
func (o *Options) prepareDir() error {
	if o.Dir == "" {
		return fmt.Errorf("no directory given: %w", os.ErrInvalid)
	}
	if o.FS != nil {
		return makeDir(o.FS, o.Dir)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	if err := makeDir(vfs.Default, dir); err != nil {
		return err
	}
	o.Dir, err = filepath.EvalSymlinks(dir)
	return err
}

// makeDir makes dir and what is missing above it, for the owner's eyes only and
// so that it is still there after a power cut: Pebble would sync the directory
// itself and its parent, but not those that MkdirAll makes further up.
func makeDir(fs vfs.FS, dir string) error {
	_, err := fs.Stat(dir)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := fs.PathDir(dir)
	if parent == dir {
		return err
	}
	if err := makeDir(fs, parent); err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := fs.OpenDir(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// LockedError says that the store is open already.
type LockedError struct {
	Dir string
	PID int // of the process that has it; 0 when unknown
}

func (e *LockedError) Error() string {
	switch e.PID {
	case 0:
		return fmt.Sprintf("store %s is in use by another process", e.Dir)
	case os.Getpid():
		return fmt.Sprintf("store %s is already open in this process", e.Dir)
	}
	return fmt.Sprintf("store %s is in use by process %d", e.Dir, e.PID)
}

// lockError makes a LockedError of Pebble's failure to lock, if it is one.
func (o *Options) lockError(err error) error {
	switch {
	case strings.Contains(err.Error(), "current process"): // Pebble has no name for it
		return &LockedError{Dir: o.Dir, PID: os.Getpid()}
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES):
		l := &LockedError{Dir: o.Dir}
		if o.FS == nil {
			l.PID = lockHolder(o.Dir)
		}
		return l
	}
	return err
}
