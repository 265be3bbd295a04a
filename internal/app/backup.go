package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"restante/internal/ops/backup"
	"restante/internal/serve/admind"
)

// backups knows how the last ones went. What it knows is in a file too, so that a
// restart neither forgets a failure nor makes a backup before its time.
type backups struct {
	running sync.Mutex // held while one is made: they share a scratch folder
	mu      struct {
		sync.Mutex
		admind.BackupStatus
	}
}

// Names in the data folder.
const (
	backupState   = "backup.json"
	backupScratch = "backup.new" // a checkpoint, while it is copied
)

const (
	// wholeEvery is how often all of a snapshot is read back, not only what is new in it.
	wholeEvery = 24 * time.Hour
	// backupLook is how often the clock is looked at, backupAgain how long the server waits after a failure at most.
	backupLook  = time.Minute
	backupAgain = time.Hour
)

var (
	errBackupRuns = errors.New("a backup is being made, or looked into, already: wait for it")
	errNoTarget   = errors.New("where to? Name a folder, or set backup.to in the configuration")
)

// openBackups reads what is known of backups so far.
func (c *Core) openBackups() {
	var s admind.BackupStatus
	b, err := os.ReadFile(filepath.Join(c.config.Data, backupState))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.opts.Log.Warn("nothing is known of earlier backups", "error", err)
	}
	if to := c.config.Backup.To; s.To != to {
		s = admind.BackupStatus{To: to} // what is known is of another place
	}
	c.backups.mu.BackupStatus = s
}

// backupStatus is nil when there is nothing to tell.
func (c *Core) backupStatus() *admind.BackupStatus {
	c.backups.mu.Lock()
	defer c.backups.mu.Unlock()
	s := c.backups.mu.BackupStatus
	if s == (admind.BackupStatus{}) {
		return nil
	}
	return &s
}

// noteBackup remembers how a backup went.
func (c *Core) noteBackup(change func(*admind.BackupStatus)) {
	c.backups.mu.Lock()
	defer c.backups.mu.Unlock()
	s := &c.backups.mu.BackupStatus
	change(s)
	b, err := json.Marshal(s)
	if err == nil {
		path := filepath.Join(c.config.Data, backupState)
		if err = os.WriteFile(path+".new", append(b, '\n'), 0o600); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		c.opts.Log.Warn("how the backup went is not written down", "error", err)
	}
}

// Backup implements admind.Backend.
func (c *Core) Backup(ctx context.Context, to string) iter.Seq2[admind.BackupProgress, error] {
	return told(func(tell func(admind.BackupProgress) error) error {
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		made, err := c.backup(ctx, to, true, func(p admind.BackupProgress) {
			if context.Cause(ctx) == nil {
				if err := tell(p); err != nil {
					stop(err)
				}
			}
		})
		if context.Cause(ctx) == errEnough {
			return errEnough
		}
		if err != nil {
			return err
		}
		return tell(admind.BackupProgress{Doing: "done", Done: made.Size, Total: made.Size, Made: made})
	})
}

// backup makes one and notes how it went. progress may be nil.
func (c *Core) backup(ctx context.Context, to string, whole bool, progress func(admind.BackupProgress)) (*admind.BackupMade, error) {
	if to == "" {
		to = c.config.Backup.To
	}
	if to == "" {
		return nil, errNoTarget
	}
	if in, err := filepath.Rel(c.config.Data, to); err == nil && filepath.IsLocal(in) {
		return nil, fmt.Errorf("%s is in the data folder, and would be lost together with it: name another folder", to)
	}
	if !c.backups.running.TryLock() {
		return nil, errBackupRuns
	}
	defer c.backups.running.Unlock()
	made, err := c.makeBackup(ctx, to, whole, progress)
	if own := c.config.Backup.To; own != "" && to != own {
		return made, err // one beside those that the server makes
	}
	now := c.opts.Clock().UTC().Truncate(time.Second)
	if err != nil {
		if ctx.Err() == nil { // whoever stopped it knows
			c.noteBackup(func(s *admind.BackupStatus) { s.Failed, s.Error = now, err.Error() })
			c.metrics.Counter("restante_backup_failures_total", backupFailures).Inc()
		}
		return nil, err
	}
	c.noteBackup(func(s *admind.BackupStatus) {
		s.Last, s.Failed, s.Error = made.Time, time.Time{}, ""
		if made.Whole {
			s.Verified = now
		}
	})
	return made, nil
}

const backupFailures = "Backups that could not be made, or not read back."

// makeBackup makes a snapshot, reads it back, and removes those that need not be kept.
func (c *Core) makeBackup(ctx context.Context, to string, whole bool, progress func(admind.BackupProgress)) (*admind.BackupMade, error) {
	tell := func(doing string) func(done, total int64) {
		if progress == nil {
			return nil
		}
		return func(done, total int64) {
			progress(admind.BackupProgress{Doing: doing, Done: uint64(done), Total: uint64(total)})
		}
	}
	r, err := backup.OpenForWriting(to, c.opts.Clock())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := r.Make(ctx, backup.Source{
		Engine: c.engine, Scratch: filepath.Join(c.config.Data, backupScratch), Version: c.opts.Version, Host: c.config.Host,
		Clock: c.opts.Clock, Progress: tell("copying"),
	})
	if err != nil {
		return nil, err
	}
	if whole {
		if err := r.Verify(ctx, []*backup.Snapshot{s}, tell("reading back")); err != nil {
			return nil, fmt.Errorf("reading snapshot %s back: %w", s.Name(), err)
		}
	}
	conf := &c.config.Backup
	pruned, err := r.Prune(backup.Keep{Hourly: conf.KeepHourly, Daily: conf.KeepDaily, Weekly: conf.KeepWeekly})
	if err != nil {
		return nil, fmt.Errorf("removing old snapshots: %w", err)
	}
	return &admind.BackupMade{
		To: to, Name: s.Name(), Time: s.Time, Files: len(s.Files), Size: uint64(s.Size), Added: uint64(s.Added), Whole: whole,
		Removed: pruned.Snapshots, Freed: uint64(pruned.Octets),
	}, nil
}

// observeBackups registers what is known of backups.
func (c *Core) observeBackups() {
	at := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return float64(t.Unix())
	}
	c.metrics.Counter("restante_backup_failures_total", backupFailures)
	c.metrics.Counter(drillFailures, drillFailuresHelp)
	c.metrics.GaugeFunc("restante_backup_drill_seconds", "When a sample of the backup was last brought back and compared, as Unix time; 0: never.",
		func() float64 {
			if s := c.backupStatus(); s != nil {
				return at(s.Drilled)
			}
			return 0
		})
	c.metrics.GaugeFunc("restante_backup_last_good_seconds", "When the last good backup was made, as Unix time; 0: never.",
		func() float64 {
			if s := c.backupStatus(); s != nil {
				return at(s.Last)
			}
			return 0
		})
	c.metrics.GaugeFunc("restante_backup_verified_seconds", "When a backup was last read back whole, as Unix time; 0: never.",
		func() float64 {
			if s := c.backupStatus(); s != nil {
				return at(s.Verified)
			}
			return 0
		})
}

// keepBackups makes backups until ctx ends.
func (s *Server) keepBackups(ctx context.Context) error {
	tick := time.NewTicker(backupLook)
	defer tick.Stop()
	var again time.Time
	for {
		again = s.backupIfDue(ctx, again)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// backupIfDue makes a backup when it is time, and not before again, which it returns. A target that cannot be reached or is full is
// reported, and tried again later.
func (s *Server) backupIfDue(ctx context.Context, again time.Time) time.Time {
	every := time.Duration(s.config.Backup.Every)
	status, now := s.backupStatus(), s.opts.Clock()
	if now.Sub(status.Last) < every || now.Before(again) {
		return again
	}
	made, err := s.backup(ctx, "", now.Sub(status.Verified) >= wholeEvery, nil)
	switch {
	case ctx.Err() != nil, errors.Is(err, errBackupRuns): // somebody does it, or looks into one
	case err != nil:
		s.opts.Log.Error("no backup was made", "to", status.To, "last_good", status.Last, "error", err)
		wait := min(every, backupAgain)
		return now.Add(wait + rand.N(wait/10)) // so that many servers do not all come back at once
	default:
		s.opts.Log.Info("backup made", "to", made.To, "snapshot", made.Name, "octets", made.Size, "added", made.Added, "whole", made.Whole, "removed", made.Removed)
		s.drillIfDue(ctx)
	}
	return again
}
