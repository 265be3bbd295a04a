//go:build !linux

package cli

import (
	"errors"
	"os"
)

// isTerminal says whether somebody types into f.
func isTerminal(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

// hideInput stops the terminal from showing what is typed.
func hideInput(*os.File) (show func(), err error) { return nil, errors.ErrUnsupported }
