package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/config"
	"restante/internal/ops/backup"
	"restante/internal/serve/admind"
)

// deliver sends anna a message.
func (h *house) deliver(t *testing.T, subject string) {
	t.Helper()
	smtp := dial(t, "tcp", h.address("smtp"))
	defer smtp.Close()
	got := talk(t, smtp, "HELO me.test", "MAIL FROM:<a@elsewhere.test>", "RCPT TO:<anna@example.org>", "DATA",
		fmt.Sprintf("Subject: %s\r\n\r\n%s\r\n.", subject, strings.Repeat(subject, 1000)))
	if !strings.Contains(got, "\n250 2.0.0") {
		t.Fatal(got)
	}
}

// backedUp makes a backup and returns it.
func (h *house) backedUp(t *testing.T, to string) (made *admind.BackupMade) {
	t.Helper()
	for p, err := range h.Backup(t.Context(), to) {
		if err != nil {
			t.Fatal(err)
		}
		made = p.Made
	}
	if made == nil {
		t.Fatal("no result")
	}
	return made
}

func TestBackupBesideTheServer(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	h.deliver(t, "one")
	first := h.backedUp(t, to)
	h.deliver(t, "two")
	second := h.backedUp(t, to)
	if !first.Whole || first.Added == 0 || second.Added >= second.Size {
		t.Errorf("%+v, %+v", first, second)
	}
	r, err := backup.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{first.Name, second.Name} {
		all, err := r.Snapshots()
		if err != nil || all[i].Name() != name {
			t.Fatal(all, err)
		}
		data := filepath.Join(dir, "restored", name)
		if err := r.Restore(t.Context(), all[i], filepath.Join(data, "store"), nil); err != nil {
			t.Fatal(err)
		}
		core := openData(t, data)
		if v, err := core.Verify(t.Context(), true); err != nil || v.Total != 0 || v.Messages != i+1 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	status, err := h.Status(t.Context())
	if err != nil || status.Backup == nil || !status.Backup.Last.Equal(second.Time) {
		t.Errorf("%+v, %v", status.Backup, err)
	}
	if _, err := os.Stat(filepath.Join(h.config.Data, backupScratch)); !os.IsNotExist(err) {
		t.Error("the checkpoint stays behind")
	}
}

// openData opens a data folder without a server.
func openData(t *testing.T, data string) *Core {
	t.Helper()
	c := config.Default()
	c.Host, c.Data, c.Store.Cache = "mail.example.org", data, 8<<20
	core, err := OpenCore(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	})
	return core
}

func TestFailedBackupIsReported(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, dir).furnished(t)
	good := h.backedUp(t, filepath.Join(dir, "backup"))
	var failed error
	for _, err := range h.Backup(t.Context(), filepath.Join(file, "below")) {
		failed = err
	}
	s := h.backupStatus()
	if failed == nil || s == nil || s.Error != failed.Error() || s.Failed.IsZero() || !s.Last.Equal(good.Time) {
		t.Errorf("%+v, %v", s, failed)
	}
	h.deliver(t, "it goes on")
	h.backups.mu.BackupStatus = admind.BackupStatus{}
	if h.openBackups(); *h.backupStatus() != *s {
		t.Errorf("after a restart %+v, before %+v", h.backupStatus(), s)
	}
	h.backedUp(t, filepath.Join(dir, "backup"))
	if s := h.backupStatus(); s.Error != "" || !s.Failed.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestBackupsByThemselves goes through two days, with an hour in which the disk cannot be reached.
func TestBackupsByThemselves(t *testing.T) {
	dir := t.TempDir()
	to, away := filepath.Join(dir, "backup"), filepath.Join(dir, "away")
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	c := config.Default()
	c.Host, c.Data, c.Store.Cache, c.Backup.To = "mail.example.org", filepath.Join(dir, "data"), 8<<20, to
	c.Backup.Every = config.Duration(12 * time.Hour)
	log := new(journal)
	core, err := OpenCore(t.Context(), c, Options{Clock: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer core.Close()
	s := &Server{Core: core}
	var again time.Time
	made := 0
	last := core.backupStatus().Last
	for range 2 * 24 * 6 {
		again = s.backupIfDue(t.Context(), again)
		if l := core.backupStatus().Last; l != last {
			made, last = made+1, l
		}
		now = now.Add(10 * time.Minute)
		switch now.Sub(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)) {
		case 10 * time.Hour:
			err = errors.Join(err, os.Rename(to, away), os.WriteFile(to, nil, 0o600))
		case 13 * time.Hour:
			if core.backupStatus().Error == "" {
				t.Error("the failure is not told")
			}
			err = errors.Join(err, os.Remove(to), os.Rename(away, to))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if st := core.backupStatus(); made != 4 || st.Error != "" {
		t.Errorf("%d made, %+v", made, st)
	}
	if got := log.String(); strings.Count(got, "whole=true") != 2 || !strings.Contains(got, "no backup was made") {
		t.Error(got)
	}
}

// TestDrill brings a sample back, sees a message that is not what it was, and leaves nothing behind.
func TestDrill(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	h.deliver(t, "one")
	h.deliver(t, "two")
	h.config.Backup.To = to
	h.backedUp(t, to)
	h.drillIfDue(t.Context())
	s := h.backupStatus()
	if s.DrillError != "" || s.DrillMessages == 0 || s.Drilled.IsZero() {
		t.Errorf("%+v", s)
	}
	h.drillIfDue(t.Context()) // not again
	if again := h.backupStatus(); !again.Drilled.Equal(s.Drilled) {
		t.Errorf("%+v", again)
	}
	if _, err := os.Stat(filepath.Join(to, drillFolder)); !os.IsNotExist(err) {
		t.Error("the sample stays behind")
	}
	files, err := filepath.Glob(filepath.Join(to, "files", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		err = errors.Join(err, os.Chmod(f, 0o600), os.Truncate(f, 10))
	}
	if err != nil {
		t.Fatal(err)
	}
	h.noteBackup(func(b *admind.BackupStatus) { b.Drilled = time.Time{} })
	if h.drillIfDue(t.Context()); h.backupStatus().DrillError == "" {
		t.Error("damage is not seen")
	}
}
