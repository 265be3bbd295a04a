package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"restante/internal/ops/backup"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

const (
	// drillEvery is how often the server tries whether what it backs up can be brought back.
	drillEvery = 7 * 24 * time.Hour
	// drillFolder is in the repository's folder: its files are only linked there.
	drillFolder = "drill"
	// A sample is so many accounts, and so many messages of each.
	drillAccounts, drillMessages = 20, 20
)

// drillIfDue tries once a week whether mail can be brought back, and notes the outcome.
func (s *Server) drillIfDue(ctx context.Context) {
	now := s.opts.Clock()
	if s.backupStatus().Drilled.After(now.Add(-drillEvery)) {
		return
	}
	n, err := s.drill(ctx, s.config.Backup.To)
	if ctx.Err() != nil {
		return
	}
	s.noteBackup(func(b *admind.BackupStatus) {
		b.Drilled, b.DrillMessages, b.DrillError = now.UTC().Truncate(time.Second), n, ""
		if err != nil {
			b.DrillError = err.Error()
		}
	})
	if err != nil {
		s.metrics.Counter(drillFailures, drillFailuresHelp).Inc()
		s.opts.Log.Error("what is in the backup could not be brought back", "to", s.config.Backup.To, "error", err)
		return
	}
	s.opts.Log.Info("backup drill", "messages", n)
}

const (
	drillFailures     = "restante_backup_drill_failures_total"
	drillFailuresHelp = "Samples of backups that could not be brought back, or came back as something else."
)

// drill opens the newest snapshot as a restore does, reads a sample of its messages, and compares each with what the server has. It returns how many were
// the same; those that are not there any more are not counted.
func (c *Core) drill(ctx context.Context, from string) (n int, err error) {
	if !c.backups.running.TryLock() {
		return 0, errBackupRuns
	}
	defer c.backups.running.Unlock()
	err = c.look(ctx, from, time.Time{}, filepath.Join(from, drillFolder), func(s *backup.Snapshot, then *store.Store) error {
		var ids []store.AccountID
		if err := then.Accounts(ctx, func(id store.AccountID) error { ids = append(ids, id); return nil }); err != nil {
			return err
		}
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, id := range ids[:min(len(ids), drillAccounts)] {
			same, err := c.drillAccount(ctx, then, id)
			n += same
			if err != nil {
				return fmt.Errorf("snapshot %s, account %d: %w", s.Name(), id, err)
			}
		}
		return nil
	})
	return n, err
}

// drillAccount compares a sample of an account's messages.
func (c *Core) drillAccount(ctx context.Context, then *store.Store, id store.AccountID) (n int, err error) {
	old, err := then.Account(ctx, id)
	if err != nil {
		return 0, err
	}
	defer old.Close()
	now, err := c.store.Account(ctx, id)
	if errors.Is(err, store.ErrNoAccount) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer now.Close()
	boxes := old.View().Mailboxes()
	for range drillMessages {
		m := boxes[rand.IntN(len(boxes))]
		if m.Len() == 0 {
			continue
		}
		at := rand.IntN(m.Len())
		if err := m.LoadPlaces(ctx, at, at+1); err != nil {
			return n, err
		}
		same, err := sameMessage(ctx, old, now, m.At(at).Message)
		if err != nil {
			return n, fmt.Errorf("%s: %w", m.Path(), err)
		}
		if same {
			n++
		}
	}
	return n, nil
}

var errOtherOctets = errors.New("it is not the same in the backup and on the server")

// sameMessage says whether the server still has a message, and fails when it is another one there.
func sameMessage(ctx context.Context, old, now *store.Account, id store.MessageID) (bool, error) {
	sum := func(h *store.Account) ([]byte, error) {
		m, err := h.Message(ctx, id, 0)
		if err != nil {
			return nil, err
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, m.Reader(0, m.Size())); err != nil {
			return nil, err
		}
		return hash.Sum(nil), nil
	}
	was, err := sum(old)
	if err != nil {
		return false, fmt.Errorf("message %d in the backup: %w", id, err)
	}
	is, err := sum(now)
	if errors.Is(err, store.ErrNoMessage) {
		return false, nil
	}
	if err == nil && !bytes.Equal(was, is) {
		err = errOtherOctets
	}
	if err != nil {
		return false, fmt.Errorf("message %d: %w", id, err)
	}
	return true, nil
}
