package cli

import (
	"os"
	"syscall"
	"unsafe"
)

func ioctl(f *os.File, request uintptr, t *syscall.Termios) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(t)))
	if errno != 0 {
		return errno
	}
	return nil
}

// isTerminal says whether somebody types into f.
func isTerminal(f *os.File) bool {
	var t syscall.Termios
	return ioctl(f, syscall.TCGETS, &t) == nil
}

// hideInput stops the terminal from showing what is typed, until show is called.
func hideInput(f *os.File) (show func(), err error) {
	var old syscall.Termios
	if err := ioctl(f, syscall.TCGETS, &old); err != nil {
		return nil, err
	}
	hidden := old
	hidden.Lflag &^= syscall.ECHO
	if err := ioctl(f, syscall.TCSETS, &hidden); err != nil {
		return nil, err
	}
	return func() { _ = ioctl(f, syscall.TCSETS, &old) }, nil // it worked a moment ago
}
