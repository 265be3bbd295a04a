package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"restante/internal/ops/backup"
	"restante/internal/serve/admind"
)

type backupCmd struct {
	Make   backupMake   `cmd:"" default:"withargs" help:"Make a backup now."`
	List   backupList   `cmd:"" help:"List the backups in a folder."`
	Verify backupVerify `cmd:"" help:"Read backups back and compare them with what was written."`
}

func (backupCmd) Help() string {
	return `A backup is all mail, with its folders, flags, accounts and devices, as of one moment. It is made beside a running server,
which makes them by itself when backup.to is set, or without one. Each takes what is new since the one before it. After each, those
that need not be kept are removed: backup.keep_hourly, keep_daily and keep_weekly say so. The configuration and
certificates are not in it.

Examples:
  restante backup /mnt/backup/mail
  restante backup list /mnt/backup/mail
  restante backup verify /mnt/backup/mail
  restante restore --help`
}

type backupMake struct {
	where
	Dest string `arg:"" optional:"" help:"The folder of the backups; it is made when it is not there. Without it, the configured one (backup.to)."`
}

func (c *backupMake) Run(ctx context.Context, con *console) error {
	dest := c.Dest
	if dest != "" {
		var err error
		if dest, err = filepath.Abs(dest); err != nil {
			return err
		}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		made, err := con.follow(b.Backup(ctx, dest))
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(made)
		}
		con.print("%s: snapshot %s of %s, %s of it new\n", made.To, made.Name, octets(made.Size), octets(made.Added))
		if made.Removed > 0 {
			con.print("%d old ones removed, %s freed\n", made.Removed, octets(made.Freed))
		}
		return nil
	})
}

// follow shows how far a backup is, and returns the result.
func (con *console) follow(progress iter.Seq2[admind.BackupProgress, error]) (*admind.BackupMade, error) {
	bar := con.bar()
	defer bar.clear()
	for p, err := range progress {
		if err != nil {
			return nil, err
		}
		if p.Made != nil {
			return p.Made, nil
		}
		bar.show(p.Doing+" (MiB)", p.Done>>20, p.Total>>20)
	}
	return nil, errors.New("the server did not say how it went: look at backup list and its log")
}

// repository is a folder of backups that a verb looks at.
type repository struct {
	where
	Dest string `arg:"" optional:"" help:"The folder of the backups. Without it, the configured one (backup.to)."`
}

func (c *repository) repository() (*backup.Repository, error) {
	if c.Dest == "" {
		conf, err := c.config()
		if err != nil {
			return nil, err
		}
		if c.Dest = conf.Backup.To; c.Dest == "" {
			return nil, errWhichBackups
		}
	}
	return backup.Open(c.Dest)
}

var errWhichBackups = &failure{exitUsage, errors.New("which backups? Name their folder, or the configuration that does, --config FILE")}

type backupList struct{ repository }

// snapshotRow is a snapshot as a list shows it.
type snapshotRow struct {
	Name    string    `json:"name"`
	Time    time.Time `json:"time"`
	Size    uint64    `json:"size"`
	Added   uint64    `json:"added"`
	Version string    `json:"version"`
	Host    string    `json:"host"`
}

func (c *backupList) Run(con *console) error {
	r, err := c.repository.repository()
	if err != nil {
		return err
	}
	all, err := r.Snapshots()
	if err != nil {
		return err
	}
	rows := func(yield func(snapshotRow, error) bool) {
		for _, s := range all {
			if !yield(snapshotRow{s.Name(), s.Time, uint64(s.Size), uint64(s.Added), s.Version, s.Host}, nil) {
				return
			}
		}
	}
	return list(con, c.JSON, rows, "NAME TIME SIZE NEW HOST VERSION", func(s snapshotRow) []string {
		return []string{s.Name, date(s.Time), octets(s.Size), octets(s.Added), s.Host, s.Version}
	})
}

type backupVerify struct {
	repository
	Last bool `help:"Only the newest one."`
}

func (backupVerify) Help() string {
	return `Reads every file of the backups once and compares it with its SHA-256 as it was written. The exit code is 0 when all are
whole, 3 when something is damaged or missing.`
}

func (c *backupVerify) Run(ctx context.Context, con *console) error {
	r, err := c.repository.repository()
	if err != nil {
		return err
	}
	// A repository that this user cannot write to can be read all the same.
	if err := r.Lock(); errors.Is(err, backup.ErrLocked) {
		return err
	}
	defer r.Close()
	all, err := r.Snapshots()
	if err != nil {
		return damaged(err)
	}
	if len(all) == 0 {
		return fmt.Errorf("%w in %s", backup.ErrNoSnapshot, c.Dest)
	}
	if c.Last {
		all = all[len(all)-1:]
	}
	bar := con.bar()
	size := uint64(0)
	err = r.Verify(ctx, all, func(done, total int64) {
		size = uint64(total)
		bar.show("MiB", uint64(done)>>20, uint64(total)>>20)
	})
	bar.clear()
	if err != nil {
		return damaged(err)
	}
	if c.JSON {
		return con.json(map[string]uint64{"snapshots": uint64(len(all)), "octets": size})
	}
	con.print("%d snapshots, %s: all as it was written\n", len(all), octets(size))
	return nil
}

// damaged gives damage its exit code.
func damaged(err error) error {
	if errors.Is(err, backup.ErrDamaged) {
		return &failure{exitDiffer, err}
	}
	return err
}
