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
	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv"
)

// house is an engine and a repository beside it.
type house struct {
	*testing.T
	dir    string
	engine *pebblekv.Engine
	now    time.Time
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 3, 10, 0, 0, time.UTC)}
	h.engine = h.openEngine(filepath.Join(h.dir, "data", "store"))
	t.Cleanup(func() { h.engine.Close() })
	return h
}

func (h *house) openEngine(dir string) *pebblekv.Engine {
	h.Helper()
	e, err := pebblekv.Open(pebblekv.Options{Dir: dir, LowMemory: true})
	h.must(err)
	return e
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// put writes so many values of 2 KB.
func (h *house) put(from, to int) {
	h.Helper()
	for i := from; i < to; i++ {
		b := new(kv.Batch)
		b.Put(fmt.Appendf(nil, "%06d", i), fmt.Appendf(nil, "%02000d", i))
		h.must(h.engine.Commit(context.Background(), b, kv.Lazy))
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

// want checks that a restored snapshot has the keys from 0 to n and no others.
func (h *house) want(r *backup.Repository, s *backup.Snapshot, n int) {
	h.Helper()
	dir := filepath.Join(h.TempDir(), "restored")
	h.must(r.Restore(context.Background(), s, dir, nil))
	e := h.openEngine(dir)
	defer e.Close()
	got := 0
	h.must(e.Scan(context.Background(), kv.Range{Hi: []byte{0xff}}, func(k, v []byte) (bool, error) {
		if string(k) != fmt.Sprintf("%06d", got) || string(v) != fmt.Sprintf("%02000d", got) {
			return false, fmt.Errorf("key %s", k)
		}
		got++
		return true, nil
	}))
	if got != n {
		h.Errorf("%d keys, want %d", got, n)
	}
}

func TestBackup(t *testing.T) {
	h := newHouse(t)
	r := h.repo()
	h.put(0, 3000)
	first := h.make(r)
	h.put(3000, 3100)
	second := h.make(r)
	if second.Added*2 > first.Added {
		t.Errorf("the first added %d octets, the second %d", first.Added, second.Added)
	}
	h.put(3100, 3200)
	h.want(r, first, 3000)
	h.want(r, second, 3100)
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
	h.put(0, 1000)
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
	if n := len(kept); n < 24+28+6 || n > 24+30+12 {
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
