package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"restante/internal/app"
	"restante/internal/serve/admind"
)

type restoreCmd struct {
	where
	Dest      string `arg:"" optional:"" help:"The folder of the backups. Without it, the configured one (backup.to)."`
	Server    bool   `help:"All of the server, into a new data folder (--dir), while no server runs there."`
	Account   string `placeholder:"ADDR" help:"What this account has lost, into the running server."`
	At        string `placeholder:"WHEN" help:"As it was then: a period such as 2d, which means so long ago, or a day or time such as 2026-05-03T14:00. The last backup before it is taken; without it, the newest."`
	Mailbox   string `placeholder:"NAME" help:"Only this mailbox, as it was called then, and those below it."`
	MessageID string `name:"message-id" placeholder:"ID" xor:"message" help:"Only the message with this Message-ID."`
	ID        string `name:"id" placeholder:"ID" xor:"message" help:"Only the message with this id: IMAP's EMAILID, as history shows it."`
	Into      string `placeholder:"MAILBOX" xor:"to" help:"Put everything below this mailbox, also what is still there."`
	Beside    bool   `xor:"to" help:"The same, into a mailbox that is named after the day of the backup: Restored 2026-05-03."`
	Yes       bool   `help:"Do it. Without it, an account's restore only tells what would come back."`
	DryRun    bool   `help:"Only tell what would come back."`
}

func (restoreCmd) Help() string {
	return `An account gets back what it has lost since the backup, with flags, dates and the ids that POP3 clients know. What is still there,
wherever it is, is left alone. What was removed lately is put back from there. Doing it twice brings nothing twice.

A whole server goes into a data folder of its own. IMAP programs read their folders anew, and POP3 programs
download nothing again; what came after the backup is not there.

Examples:
  restante restore /mnt/backup/mail --account anna@example.org --at 2d
  restante restore /mnt/backup/mail --account anna@example.org --mailbox Projects --yes
  restante restore /mnt/backup/mail --account anna@example.org --message-id 20260503.1012@example.net --yes
  restante restore /mnt/backup/mail --account anna@example.org --mailbox Projects --beside --at 2026-05-03 --yes
  restante restore /mnt/backup/mail --account anna@example.org --into "As it was on Sunday" --at 2026-05-03 --yes
  restante restore /mnt/backup/mail --server --dir /var/lib/restante.new`
}

var errRestoreWhat = &failure{exitUsage, errors.New("restore what? Say --server and --dir NEWDIR, or --account ADDR")}

func (c *restoreCmd) Run(ctx context.Context, con *console) error {
	if c.Server == (c.Account != "") || c.Server && (c.Mailbox+c.Into+c.MessageID+c.ID != "" || c.Beside) {
		return errRestoreWhat
	}
	if c.Yes && c.DryRun {
		return &failure{exitUsage, errors.New("--yes and --dry-run: which one?")}
	}
	var at time.Time
	if c.At != "" {
		var err error
		if at, err = parseWhen(c.At); err != nil {
			return fmt.Errorf("--at %s: %w", c.At, err)
		}
	}
	dest := c.Dest
	if dest != "" {
		var err error
		if dest, err = filepath.Abs(dest); err != nil {
			return err
		}
	}
	if c.Server {
		return c.server(ctx, con, dest, at)
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		items := b.BringBack(ctx, admind.BackupRequest{
			From: dest, At: at, Address: c.Account, Mailbox: c.Mailbox, ID: c.ID, MessageID: c.MessageID, Into: c.Into, Beside: c.Beside, Do: c.Yes,
		})
		if c.JSON {
			return listJSON(con.out, items)
		}
		return con.printBrought(items, c.Yes)
	})
}

// server makes a data folder of a backup.
func (c *restoreCmd) server(ctx context.Context, con *console, from string, at time.Time) error {
	if c.Dir == "" {
		return errRestoreWhat
	}
	if from == "" {
		return errWhichBackups
	}
	bar := con.bar()
	s, done, err := app.Restore(ctx, app.RestoreOptions{From: from, At: at, Data: c.Dir, Progress: func(done, total int64) {
		bar.show("MiB", uint64(done)>>20, uint64(total)>>20)
	}})
	bar.clear()
	if err != nil {
		return err
	}
	if c.JSON {
		return con.json(map[string]any{"snapshot": s.Name(), "time": s.Time, "accounts": done.Accounts, "mailboxes": done.Mailboxes, "held": done.Held})
	}
	con.print("%s has the server as it was at %s: %d accounts, %d mailboxes\n", c.Dir, date(s.Time), done.Accounts, done.Mailboxes)
	if done.Held > 0 {
		con.print("%s held in the queue, which may have been sent since then: restante queue list, release, drop\n", messages(done.Held))
	}
	con.print("Next: restante verify --dir %s, then name it in the configuration (data) and start.\n", c.Dir)
	return nil
}

// printBrought sums up by mailbox what has come back, or would.
func (con *console) printBrought(items iter.Seq2[admind.BroughtBack, error], did bool) error {
	type sum struct {
		n                     int
		backup, removed, copy int
		size                  uint64
	}
	sums := make(map[string]*sum)
	var order []string
	all, snapshot := sum{}, ""
	var failed error
	for m, err := range items {
		if err != nil {
			failed = err
			break
		}
		s := sums[m.Mailbox]
		if s == nil {
			s = new(sum)
			sums[m.Mailbox] = s
			order = append(order, m.Mailbox)
		}
		snapshot = m.Snapshot
		for _, s := range []*sum{s, &all} {
			s.n++
			s.size += m.Size
			switch m.From {
			case "backup":
				s.backup++
			case "removed":
				s.removed++
			default:
				s.copy++
			}
		}
	}
	if all.n == 0 {
		if failed == nil {
			con.print("nothing is missing\n")
		}
		return failed
	}
	t := con.table("MAILBOX", "MESSAGES", "SIZE", "FROM BACKUP", "RECENTLY REMOVED", "COPIES")
	for _, name := range order {
		s := sums[name]
		t.row(name, fmt.Sprint(s.n), octets(s.size), fmt.Sprint(s.backup), fmt.Sprint(s.removed), fmt.Sprint(s.copy))
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	if did {
		con.print("\nsnapshot %s: %d messages brought back\n", snapshot, all.n)
	} else {
		con.print("\nsnapshot %s: %d messages would come back; nothing was done yet, say --yes\n", snapshot, all.n)
	}
	return failed
}
