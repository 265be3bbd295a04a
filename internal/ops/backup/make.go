package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Engine is what a backup asks of the store's engine.
type Engine interface {
	// Checkpoint writes the present state to dir, which must not exist yet.
	Checkpoint(ctx context.Context, dir string) error
}

// Source is what is backed up.
type Source struct {
	Engine Engine
	// Scratch is a folder on the file system of the engine's own, for the checkpoint. It is made, and removed at the end.
	Scratch string
	Version string
	Host    string
	Clock   func() time.Time // nil is time.Now
	// Progress, if not nil, is told how many octets of how many have been looked at.
	Progress func(done, total int64)
}

func (s *Source) now() time.Time {
	if s.Clock == nil {
		return time.Now()
	}
	return s.Clock()
}

// Make adds a snapshot of the running server. When it fails nothing has been added: the next one begins anew, and finds the files
// that have got there.
func (r *Repository) Make(ctx context.Context, src Source) (*Snapshot, error) {
	s := &Snapshot{Time: src.now().UTC().Truncate(time.Second), Version: src.Version, Host: src.Host}
	for { // names are seconds, and no two snapshots have one name
		if _, err := os.Stat(r.snapshotPath(s.Name())); err != nil {
			break
		}
		s.Time = s.Time.Add(time.Second)
	}
	known, err := r.known()
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(src.Scratch); err != nil { // of a run that was interrupted
		return nil, fmt.Errorf("backup: %w", err)
	}
	if err := src.Engine.Checkpoint(ctx, src.Scratch); err != nil {
		return nil, fmt.Errorf("backup: checkpoint: %w", err)
	}
	defer os.RemoveAll(src.Scratch)
	if s.Files, s.Size, err = list(src.Scratch); err != nil {
		return nil, err
	}
	done := int64(0)
	for i := range s.Files {
		f := &s.Files[i]
		if f.Hash = known[f.identity()]; f.Hash == "" {
			added, err := r.add(ctx, filepath.Join(src.Scratch, filepath.FromSlash(f.Path)), f)
			if err != nil {
				return nil, err
			}
			s.Added += added
		}
		if done += f.Size; src.Progress != nil {
			src.Progress(done, s.Size)
		}
	}
	if err := writeJSON(r.snapshotPath(s.Name()), s); err != nil {
		return nil, err
	}
	return s, nil
}

// identity of a file that never changes: the engine does not give a name again, and a folder that was put in its place has other times.
type identity struct {
	path string
	size int64
	time int64
}

func (f *File) identity() identity { return identity{f.Path, f.Size, f.Time.UnixNano()} }

// known are the hashes of the last snapshot's files, of those that are in the repository and have not lost their size.
func (r *Repository) known() (map[identity]string, error) {
	all, err := r.Snapshots()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	out := make(map[identity]string)
	for _, f := range all[len(all)-1].Files {
		if !immutable(f.Path) || !goodHash(f.Hash) {
			continue
		}
		if st, err := os.Stat(r.path(f.Hash)); err == nil && st.Size() == f.Size {
			out[f.identity()] = f.Hash
		}
	}
	return out, nil
}

// immutable says that the engine never writes to such a file again: tables and values. The others are small.
func immutable(path string) bool {
	switch filepath.Ext(path) {
	case ".sst", ".blob":
		return true
	}
	return false
}

// list is the files below a folder.
func list(dir string) (files []File, size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, File{Path: filepath.ToSlash(rel), Size: st.Size(), Time: st.ModTime().UTC()})
		size += st.Size()
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("backup: looking at the checkpoint: %w", err)
	}
	return files, size, nil
}

// add stores a file's contents if they are not there, and notes its hash and true size.
func (r *Repository) add(ctx context.Context, path string, f *File) (added int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	defer in.Close()
	tmp, err := os.CreateTemp(filepath.Join(r.dir, filesDir), "*"+temporary)
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(tmp.Name()) // there no more when all went well
	h := sha256.New()
	f.Size, err = io.Copy(io.MultiWriter(tmp, h), until(ctx, in))
	if err = errors.Join(err, tmp.Chmod(0o400), tmp.Sync(), tmp.Close()); err != nil {
		return 0, fmt.Errorf("backup: copying %s: %w", f.Path, err)
	}
	f.Hash = hex.EncodeToString(h.Sum(nil))
	to := r.path(f.Hash)
	if st, err := os.Stat(to); err == nil && st.Size() == f.Size {
		return 0, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	err = os.Rename(tmp.Name(), to)
	if err == nil {
		err = errors.Join(syncDir(filepath.Dir(to)), syncDir(filepath.Join(r.dir, filesDir)))
	}
	if err == nil {
		err = check(ctx, to, f)
	}
	if err != nil {
		return 0, fmt.Errorf("backup: storing %s: %w", f.Path, err)
	}
	return f.Size, nil
}

// check reads contents back.
func check(ctx context.Context, path string, f *File) error {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the contents of %s are missing", ErrDamaged, f.Path)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(h, until(ctx, in))
	if err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.Hash {
		return fmt.Errorf("%w: the contents of %s are not what was written", ErrDamaged, f.Path)
	}
	return nil
}

// until makes a reader end with a context.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
