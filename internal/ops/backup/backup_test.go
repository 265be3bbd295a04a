package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/ops/backup"
)

// house is an engine and a repository beside it.
type house struct {
	*testing.T
	dir    string
	engine engine
	now    time.Time
}

// engine is a folder of files that never change but for one, LOG, which grows.
type engine struct{ dir string }

// Checkpoint implements backup.Engine: it links what does not change.
func (e engine) Checkpoint(_ context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	list, err := os.ReadDir(e.dir)
	for _, f := range list {
		from, to := filepath.Join(e.dir, f.Name()), filepath.Join(dir, f.Name())
		if f.Name() != "LOG" {
			err = errors.Join(err, os.Link(from, to))
			continue
		}
		b, rerr := os.ReadFile(from)
		err = errors.Join(err, rerr, os.WriteFile(to, b, 0o600))
	}
	return err
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 3, 10, 0, 0, time.UTC)}
	h.engine = engine{filepath.Join(h.dir, "data", "store")}
	h.must(os.MkdirAll(h.engine.dir, 0o700))
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// put writes tables, each of 2 KB, and a line of the log for each.
func (h *house) put(from, to int) {
	h.Helper()
	log, err := os.OpenFile(filepath.Join(h.engine.dir, "LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	h.must(err)
	defer log.Close()
	for i := from; i < to; i++ {
		h.must(os.WriteFile(filepath.Join(h.engine.dir, fmt.Sprintf("%06d.sst", i)), fmt.Appendf(nil, "%02000d", i), 0o600))
		_, err := fmt.Fprintf(log, "%06d\n", i)
		h.must(err)
	}
}

func (h *house) repo() *backup.Repository {
	h.Helper()
	r, err := backup.OpenForWriting(filepath.Join(h.dir, "backup"), h.now)
	h.must(err)
	h.Cleanup(func() { r.Close() })
	return r
}

func (h *house) make(r *backup.Repository) *backup.Snapshot {
	h.Helper()
	h.now = h.now.Add(time.Hour)
	s, err := r.Make(context.Background(), backup.Source{
		Engine: h.engine, Scratch: filepath.Join(h.dir, "data", "scratch"), Clock: func() time.Time { return h.now },
	})
	h.must(err)
	return s
}

// want checks that a restored snapshot has the tables from 0 to n and no others.
func (h *house) want(r *backup.Repository, s *backup.Snapshot, n int) {
	h.Helper()
	dir := filepath.Join(h.TempDir(), "restored")
	h.must(r.Restore(context.Background(), s, dir, nil))
	var log string
	for i := range n {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%06d.sst", i)))
		if err != nil || string(b) != fmt.Sprintf("%02000d", i) {
			h.Fatalf("table %d: %v", i, err)
		}
		log += fmt.Sprintf("%06d\n", i)
	}
	list, err := os.ReadDir(dir)
	h.must(err)
	if b, err := os.ReadFile(filepath.Join(dir, "LOG")); err != nil || string(b) != log || len(list) != n+1 {
		h.Errorf("%d files, and a log of %d octets: %v", len(list), len(b), err)
	}
}

func TestBackup(t *testing.T) {
	h := newHouse(t)
	r := h.repo()
	h.put(0, 300)
	first := h.make(r)
	h.put(300, 310)
	second := h.make(r)
	if second.Added*10 > first.Added {
		t.Errorf("the first added %d octets, the second %d", first.Added, second.Added)
	}
	h.put(310, 320)
	h.want(r, first, 300)
	h.want(r, second, 310)
	h.must(r.Verify(context.Background(), []*backup.Snapshot{first, second}, nil))
	if _, err := backup.OpenForWriting(filepath.Join(h.dir, "backup"), h.now); !errors.Is(err, backup.ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "data", "scratch")); !os.IsNotExist(err) {
		t.Error("the checkpoint stays behind")
	}
	if s, err := r.At(second.Time.Add(-time.Minute)); err != nil || s.Name() != first.Name() {
		t.Error(s, err)
	}
	if _, err := r.At(first.Time.Add(-time.Minute)); !errors.Is(err, backup.ErrNoSnapshot) {
		t.Error(err)
	}
}

func TestDamageIsSeen(t *testing.T) {
	h := newHouse(t)
	r := h.repo()
	h.put(0, 10)
	s := h.make(r)
	big := s.Files[0]
	for _, f := range s.Files {
		if f.Size > big.Size {
			big = f
		}
	}
	path := filepath.Join(h.dir, "backup", "files", big.Hash[:2], big.Hash)
	b, err := os.ReadFile(path)
	h.must(err)
	b[len(b)/2] ^= 1
	h.must(os.Chmod(path, 0o600))
	h.must(os.WriteFile(path, b, 0o600))
	if err := r.Verify(context.Background(), []*backup.Snapshot{s}, nil); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("verify: %v", err)
	}
	if err := r.Restore(context.Background(), s, filepath.Join(h.dir, "x"), nil); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("restore: %v", err)
	}
	// A snapshot that names files outside of its folder is not followed.
	s.Files[0].Path = "../outside"
	if err := r.Restore(context.Background(), s, filepath.Join(h.dir, "y"), nil); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("outside: %v", err)
	}
}

func TestStrangeFolders(t *testing.T) {
	dir := t.TempDir()
	if _, err := backup.Open(dir); !errors.Is(err, backup.ErrNoRepository) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.OpenForWriting(dir, time.Now()); !errors.Is(err, backup.ErrNotEmpty) {
		t.Error(err)
	}
}

func TestPrune(t *testing.T) {
	h := newHouse(t)
	r := h.repo()
	h.put(0, 100)
	for i := range 5 {
		h.put(100+i*10, 110+i*10)
		h.make(r)
	}
	all, err := r.Snapshots()
	h.must(err)
	done, err := r.Prune(backup.Keep{Hourly: 2})
	h.must(err)
	if done.Snapshots != 3 || done.Files == 0 {
		t.Errorf("%+v", done)
	}
	left, err := r.Snapshots()
	h.must(err)
	if len(left) != 2 || left[1].Name() != all[4].Name() {
		t.Errorf("%d left", len(left))
	}
	h.must(r.Verify(context.Background(), left, nil))
	h.want(r, left[0], 140)
}

func TestKeep(t *testing.T) {
	var all []*backup.Snapshot
	for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)); at = at.Add(20 * time.Minute) {
		all = append(all, &backup.Snapshot{Time: at})
	}
	kept := backup.DefaultKeep().Choose(all)
	// Of the 24 hours, two days are days of their own; of 30 days, some weeks.
	if n := len(kept); n < 24+28+6 || n > 24+30+12+2 {
		t.Errorf("%d kept", n)
	}
	if !kept[len(kept)-1].Time.Equal(all[len(all)-1].Time) {
		t.Error("the newest is gone")
	}
	if first := kept[0].Time; first.Before(time.Date(2026, 8, 31, 0, 0, 0, 0, time.UTC)) || first.After(time.Date(2026, 9, 8, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("goes back to %v", first)
	}
	if got := (backup.Keep{}).Choose(all); len(got) != 1 {
		t.Errorf("nothing is to be kept, %d are", len(got))
	}
}
