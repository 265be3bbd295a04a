package admind

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// BackupBackend is what an operator can do with backups that needs the store. Looking at a repository needs none.
type BackupBackend interface {
	// Backup adds a snapshot to the repository in a folder, an absolute path or "" for the configured one, and removes those that need not be
	// kept. It yields how far it is, and last the result.
	Backup(ctx context.Context, to string) iter.Seq2[BackupProgress, error]
	// BringBack brings what an account has lost since a backup back from it, and yields each message.
	BringBack(ctx context.Context, r BackupRequest) iter.Seq2[BroughtBack, error]
}

// BackupRequest says what of an account is to be brought back, and from where.
type BackupRequest struct {
	From    string    `json:"from,omitempty"` // the repository's folder; "" is the configured one
	At      time.Time `json:"at,omitzero"`    // the last snapshot that is not later; zero: the newest
	Address string    `json:"address"`
	Mailbox string    `json:"mailbox,omitempty"` // only this one and those below it, as they were called then
	// ID and MessageID name one message: its id, as History has it, or that of its header, with or without angle brackets.
	ID        string `json:"id,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	// Into is a mailbox below which everything goes, also what is still there. Empty: only what is missing, to where it was.
	Into string `json:"into,omitempty"`
	// Beside is Into for a mailbox that is named after the day of the snapshot: "Restored 2026-05-03".
	Beside bool `json:"beside,omitempty"`
	// Do does it; otherwise it is only told what would come back.
	Do bool `json:"do,omitempty"`
}

// BroughtBack is a message that has come back, or would.
type BroughtBack struct {
	Snapshot string `json:"snapshot"`
	Mailbox  string `json:"mailbox"` // where it goes
	UIDL     string `json:"uidl"`
	Size     uint64 `json:"size"`
	From     string `json:"from"` // "backup", "removed" for recently removed, "copy" of one that is still there
	Subject  string `json:"subject,omitempty"`
}

// BackupProgress says how far a backup is.
type BackupProgress struct {
	Doing string `json:"doing"` // in a word or two
	Done  uint64 `json:"done"`  // octets
	Total uint64 `json:"total"`
	// Made is the result, in the last one only.
	Made *BackupMade `json:"made,omitempty"`
}

// BackupMade is a snapshot that has been made.
type BackupMade struct {
	To    string    `json:"to"` // the repository's folder
	Name  string    `json:"name"`
	Time  time.Time `json:"time"`
	Files int       `json:"files"`
	Size  uint64    `json:"size"`  // octets of the store at that moment
	Added uint64    `json:"added"` // octets that were not in the repository yet
	// Whole says that all of it was read back, not only what is new.
	Whole bool `json:"whole"`
	// Removed are old snapshots, Freed the octets that only they had.
	Removed int    `json:"removed"`
	Freed   uint64 `json:"freed"`
}

// BackupStatus says how it stands with the backups to the configured place, or with any where there is none.
type BackupStatus struct {
	To       string    `json:"to,omitempty"`      // where they go; empty: none is made by itself
	Last     time.Time `json:"last,omitzero"`     // the last good one
	Verified time.Time `json:"verified,omitzero"` // the last time that one was read back whole
	Failed   time.Time `json:"failed,omitzero"`   // since then there was no good one
	Error    string    `json:"error,omitempty"`

	// Drilled is when a sample of it was last brought back to a scratch folder and compared, DrillMessages how many messages were the same.
	Drilled       time.Time `json:"drilled,omitzero"`
	DrillMessages int       `json:"drill_messages,omitempty"`
	DrillError    string    `json:"drill_error,omitempty"`
}

type backupRequest struct {
	To string `json:"to,omitempty"`
}

func backupRoutes(mux *http.ServeMux, b BackupBackend) {
	stream(mux, "backup-restore", b.BringBack)
	stream(mux, "backup", func(ctx context.Context, r backupRequest) iter.Seq2[BackupProgress, error] {
		return b.Backup(ctx, r.To)
	})
}

// Backup implements Backend.
func (c *Client) Backup(ctx context.Context, to string) iter.Seq2[BackupProgress, error] {
	return list[BackupProgress](ctx, c, "backup", backupRequest{to})
}

// BringBack implements Backend.
func (c *Client) BringBack(ctx context.Context, r BackupRequest) iter.Seq2[BroughtBack, error] {
	return list[BroughtBack](ctx, c, "backup-restore", r)
}
