//go:build unix

package pebblekv

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockHolder returns the process that has the lock of the store in dir, 0 when
// it can't be told. It must not be called when this process has the lock, which
// closing any descriptor of the file would give up (POSIX record locks).
func lockHolder(dir string) int {
	f, err := os.Open(filepath.Join(dir, "LOCK"))
	if err != nil {
		return 0
	}
	defer f.Close()
	l := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &l); err != nil || l.Type == syscall.F_UNLCK {
		return 0
	}
	return int(l.Pid)
}
