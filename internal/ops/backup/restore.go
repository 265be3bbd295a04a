package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Restore writes the files of a snapshot to a folder, which must be empty or not there, and checks each on the way. What comes of it is the folder of
// an engine. When it fails the folder is left as it is, for looking at.
//
// A server that goes on from an old state must not give a UID or an id again that clients have seen since: open it with the store's Rewind
// before anybody else does.
func (r *Repository) Restore(ctx context.Context, s *Snapshot, dir string, progress func(done, total int64)) error {
	return r.lay(ctx, s, dir, r.bring, progress)
}

// Mount is Restore for looking into a snapshot: files that never change are linked to those of the repository where that is on the same file
// system, and then not read. They must not be written to.
func (r *Repository) Mount(ctx context.Context, s *Snapshot, dir string) error {
	return r.lay(ctx, s, dir, func(ctx context.Context, f *File, to string) error {
		if immutable(f.Path) && os.MkdirAll(filepath.Dir(to), 0o700) == nil && os.Link(r.path(f.Hash), to) == nil {
			return nil
		}
		return r.bring(ctx, f, to)
	}, nil)
}

func (r *Repository) lay(ctx context.Context, s *Snapshot, dir string, bring func(context.Context, *File, string) error, progress func(done, total int64)) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if len(list) > 0 {
		return fmt.Errorf("%w: %s", ErrNotEmpty, dir)
	}
	done := int64(0)
	for i := range s.Files {
		f := &s.Files[i]
		if err := f.sound(); err != nil {
			return err
		}
		if err := bring(ctx, f, filepath.Join(dir, filepath.FromSlash(f.Path))); err != nil {
			return fmt.Errorf("backup: restoring %s: %w", f.Path, err)
		}
		if done += f.Size; progress != nil {
			progress(done, s.Size)
		}
	}
	return syncDir(dir)
}

// bring copies contents to where a file was.
func (r *Repository) bring(ctx context.Context, f *File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(r.path(f.Hash))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), until(ctx, in))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.Hash {
		return fmt.Errorf("%w: the contents are not what was written", ErrDamaged)
	}
	return nil
}
