//go:build unix

package backup

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the lock of a repository, or says ErrLocked. Closing the file gives it up, as the end of the process does.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("backup: locking %s: %w", path, err)
	}
	return f, nil
}
