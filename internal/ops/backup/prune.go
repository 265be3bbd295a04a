package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Keep says how many snapshots are kept: the last of each of so many hours, days and weeks that have one. The newest is always kept.
type Keep struct {
	Hourly, Daily, Weekly int
}

// DefaultKeep goes back a day by the hour, a month by the day and a season by the week.
func DefaultKeep() Keep { return Keep{Hourly: 24, Daily: 30, Weekly: 12} }

// Choose says which of the snapshots are kept, the oldest first. Days and weeks are those of UTC. With Hourly, those of the hour before
// the newest stay too: one made by hand before something risky is not replaced by the next at once.
func (k Keep) Choose(all []*Snapshot) []*Snapshot {
	keep := make(map[*Snapshot]bool)
	for _, rule := range []struct {
		n      int
		period func(time.Time) string
	}{
		{k.Hourly, func(t time.Time) string { return t.Format("2006010215") }},
		{k.Daily, func(t time.Time) string { return t.Format("20060102") }},
		{k.Weekly, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprintf("%d-%d", year, week)
		}},
	} {
		last, left := "", rule.n
		for _, s := range slices.Backward(all) {
			if p := rule.period(s.Time.UTC()); p != last {
				if left--; left < 0 {
					break
				}
				last = p
				keep[s] = true
			}
		}
	}
	var out []*Snapshot
	for i, s := range all {
		young := k.Hourly > 0 && all[len(all)-1].Time.Sub(s.Time) < time.Hour
		if keep[s] || young || i == len(all)-1 {
			out = append(out, s)
		}
	}
	return out
}

// Pruned says what Prune has removed.
type Pruned struct {
	Snapshots int
	Files     int
	Octets    int64
}

// Prune removes snapshots that need not be kept, then contents that no snapshot has.
func (r *Repository) Prune(k Keep) (Pruned, error) {
	var done Pruned
	all, err := r.Snapshots()
	if err != nil {
		return done, err
	}
	kept := k.Choose(all)
	for _, s := range all {
		if slices.Contains(kept, s) {
			continue
		}
		if err := os.Remove(r.snapshotPath(s.Name())); err != nil {
			return done, fmt.Errorf("backup: %w", err)
		}
		done.Snapshots++
	}
	if err := syncDir(filepath.Join(r.dir, snapshotsDir)); err != nil { // before what they name goes
		return done, fmt.Errorf("backup: %w", err)
	}
	used := make(map[string]bool)
	for _, s := range kept {
		for i := range s.Files {
			used[s.Files[i].Hash] = true
		}
	}
	err = filepath.WalkDir(filepath.Join(r.dir, filesDir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || used[e.Name()] {
			return err
		}
		if !goodHash(e.Name()) && !strings.HasSuffix(e.Name(), temporary) {
			return nil // not ours
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		done.Files++
		done.Octets += st.Size()
		return os.Remove(path)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, fmt.Errorf("backup: %w", err)
	}
	return done, nil
}
