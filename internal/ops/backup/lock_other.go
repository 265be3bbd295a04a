//go:build !unix

package backup

import (
	"fmt"
	"os"
)

// lock only opens the file: here nothing keeps two processes apart.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return f, nil
}
