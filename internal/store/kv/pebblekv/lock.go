package pebblekv

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

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
func lockError(o Options, err error) error {
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
