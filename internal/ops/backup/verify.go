package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Verify reads the contents of snapshots and compares them with what was written, each file once. It goes on after damage, and the
// error names every file that is not whole. progress may be nil.
func (r *Repository) Verify(ctx context.Context, snapshots []*Snapshot, progress func(done, total int64)) error {
	files := make(map[string]*File)
	total, done := int64(0), int64(0)
	var errs []error
	for _, s := range snapshots {
		for i := range s.Files {
			f := &s.Files[i]
			if err := f.sound(); err != nil {
				errs = append(errs, fmt.Errorf("snapshot %s: %w", s.Name(), err))
				continue
			}
			if files[f.Hash] == nil {
				files[f.Hash] = f
				total += f.Size
			}
		}
	}
	for hash, f := range files {
		if err := check(ctx, r.path(hash), f); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
		if done += f.Size; progress != nil {
			progress(done, total)
		}
	}
	return errors.Join(errs...)
}

// sound checks what a snapshot says of a file before anything is done with it.
func (f *File) sound() error {
	if !goodHash(f.Hash) || !filepath.IsLocal(filepath.FromSlash(f.Path)) || f.Size < 0 {
		return fmt.Errorf("%w: a snapshot has a file %q", ErrDamaged, f.Path)
	}
	return nil
}

func goodHash(h string) bool {
	if len(h) != 64 {
		return false
	}
	for i := range len(h) {
		if (h[i] < '0' || h[i] > '9') && (h[i] < 'a' || h[i] > 'f') {
			return false
		}
	}
	return true
}
