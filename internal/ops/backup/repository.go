package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Repository is a folder with snapshots. It is not safe for concurrent use.
type Repository struct {
	dir  string
	lock *os.File
}

const (
	describedBy   = "repository.json"
	filesDir      = "files"
	snapshotsDir  = "snapshots"
	lockFile      = "lock"
	formatVersion = 1
	// timeName is how snapshots are named, in UTC, so that names sort as times do.
	timeName = "20060102T150405Z"
)

// Errors of repositories.
var (
	ErrNoRepository = errors.New("backup: there is no repository in this folder")
	ErrNotEmpty     = errors.New("backup: the folder has other files in it")
	ErrLocked       = errors.New("backup: another process is writing to the repository")
	ErrNoSnapshot   = errors.New("backup: there is no such snapshot")
	ErrDamaged      = errors.New("backup: the repository is damaged")
)

type description struct {
	Format int       `json:"restante_backup"`
	Made   time.Time `json:"made"`
}

// Open opens the repository in a folder for reading.
func Open(dir string) (*Repository, error) {
	var d description
	err := readJSON(filepath.Join(dir, describedBy), &d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoRepository, dir)
	}
	if err != nil {
		return nil, err
	}
	if d.Format != formatVersion {
		return nil, fmt.Errorf("backup: %s has format %d, this version reads %d", dir, d.Format, formatVersion)
	}
	return &Repository{dir: dir}, nil
}

// OpenForWriting opens the repository in a folder and locks it, making it when the folder is empty or not there. The caller closes it.
func OpenForWriting(dir string, now time.Time) (*Repository, error) {
	if err := create(dir, now); err != nil {
		return nil, err
	}
	r, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if err := r.Lock(); err != nil {
		return nil, err
	}
	return r, nil
}

// Lock keeps others from writing, and from removing what is being read. ErrLocked when somebody writes. Close lets go.
func (r *Repository) Lock() (err error) {
	r.lock, err = lock(filepath.Join(r.dir, lockFile))
	return err
}

// create makes a repository where there is none.
func create(dir string, now time.Time) error {
	for _, d := range []string{dir, filepath.Join(dir, filesDir), filepath.Join(dir, snapshotsDir)} {
		if d == filepath.Join(dir, filesDir) {
			if _, err := os.Stat(filepath.Join(dir, describedBy)); errors.Is(err, fs.ErrNotExist) {
				if err := onlyOurs(dir); err != nil {
					return err
				}
			}
		}
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	path := filepath.Join(dir, describedBy)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeJSON(path, description{formatVersion, now.UTC().Truncate(time.Second)})
}

// onlyOurs says ErrNotEmpty when a folder without a repository has anything in it that an interrupted create does not explain.
func onlyOurs(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for _, e := range list {
		if e.Name() != filesDir && e.Name() != snapshotsDir && !strings.HasSuffix(e.Name(), temporary) {
			return fmt.Errorf("%w: %s", ErrNotEmpty, dir)
		}
	}
	return nil
}

// Close lets others write.
func (r *Repository) Close() error {
	if r.lock == nil {
		return nil
	}
	return r.lock.Close()
}

// File is a file of a snapshot.
type File struct {
	Path string    `json:"path"` // within the data folder, with slashes
	Size int64     `json:"size"`
	Time time.Time `json:"time"` // when it was written
	Hash string    `json:"sha256"`
}

// Snapshot is the store at one moment.
type Snapshot struct {
	Time    time.Time `json:"time"`
	Version string    `json:"version"` // of the server
	Host    string    `json:"host"`
	Files   []File    `json:"files"`
	Size    int64     `json:"size"`  // of all files
	Added   int64     `json:"added"` // octets that were not in the repository before
}

// Name is what the snapshot is called: its time.
func (s *Snapshot) Name() string { return s.Time.UTC().Format(timeName) }

// Snapshots returns all snapshots, the oldest first.
func (r *Repository) Snapshots() ([]*Snapshot, error) {
	list, err := os.ReadDir(filepath.Join(r.dir, snapshotsDir))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	var out []*Snapshot
	for _, e := range list {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		s := new(Snapshot)
		if err := readJSON(filepath.Join(r.dir, snapshotsDir, e.Name()), s); err != nil {
			return nil, err
		}
		if s.Name() != name {
			return nil, fmt.Errorf("%w: snapshot %s says that it is %s", ErrDamaged, name, s.Name())
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Snapshot) int { return a.Time.Compare(b.Time) })
	return out, nil
}

// At returns the last snapshot that is not later than t, or ErrNoSnapshot.
func (r *Repository) At(t time.Time) (*Snapshot, error) {
	list, err := r.Snapshots()
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Backward(list) {
		if !s.Time.After(t) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w at or before %s", ErrNoSnapshot, t.Format(time.RFC3339))
}

// path is where contents lie.
func (r *Repository) path(hash string) string { return filepath.Join(r.dir, filesDir, hash[:2], hash) }

func (r *Repository) snapshotPath(name string) string {
	return filepath.Join(r.dir, snapshotsDir, name+".json")
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return nil
}

// temporary ends the names of files that are being written.
const temporary = ".new"

// writeJSON writes a file whole, and durably, or not at all.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+temporary, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("backup: writing %s: %w", path, err)
	}
	return nil
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
