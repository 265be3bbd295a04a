package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"restante/internal/serve/admind"
)

type exportCmd struct {
	where
	Address string `arg:"" name:"account" help:"The account."`
	Path    string `arg:"" help:"The folder to be made."`
	Format  string `enum:"maildir,mbox,eml" default:"maildir" help:"maildir, mbox, eml."`
	Mailbox string `help:"This mailbox only."`
}

func (exportCmd) Help() string {
	return `It writes what other servers and programs read, with flags and dates, and the ids of POP3. restante import brings all of it back as it was.
The folder has its name when all is in it. Beside a running server, that writes the files, as its own user.

Examples:
  restante export anna@example.org /srv/out/anna
  restante export anna@example.org anna-2025 --format mbox --mailbox Archive`
}

func (c *exportCmd) Run(ctx context.Context, con *console) error {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	r := admind.ExportRequest{Address: c.Address, Path: path, Format: c.Format, Mailbox: c.Mailbox}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return con.transfer(c.JSON, "written", b.Export(ctx, r))
	})
}

// transfer shows an import or an export while it goes on, and what came of it.
func (con *console) transfer(asJSON bool, what string, steps iter.Seq2[admind.Transferred, error]) error {
	bar, begun := con.bar(), time.Now()
	var last admind.Transferred
	for t, err := range steps {
		if err != nil {
			bar.clear()
			return err
		}
		if last = t; t.Problem != "" {
			bar.clear()
			fmt.Fprintf(con.err, "restante: %s\n", t.Problem)
			continue
		}
		if t.Note != "" {
			bar.clear()
			fmt.Fprintf(con.err, "%s\n", t.Note)
			continue
		}
		bar.show(pace(t, time.Since(begun)), t.Done, t.Total)
	}
	bar.clear()
	last.Problem, last.Note = "", ""
	if asJSON {
		if err := con.json(last); err != nil {
			return err
		}
	} else if last.Plan != nil {
		if err := con.plan(last); err != nil {
			return err
		}
	} else {
		con.print("%d messages %s, %s\n", last.Messages, what, octets(last.Octets))
		if last.Before > 0 {
			con.print("%d were there already\n", last.Before)
		}
		if last.NoUIDL > 0 {
			con.print("%d have a new id for POP3: other messages have theirs\n", last.NoUIDL)
		}
	}
	if last.TooMuch {
		return tooMuch(last)
	}
	if last.Problems > 0 {
		return &failure{exitFailed, errors.New(left(last.Problems))}
	}
	return nil
}

func left(n uint64) string {
	if n == 1 {
		return "1 problem, listed above"
	}
	return fmt.Sprintf("%d problems, listed above", n)
}

// pace says how fast it goes and how long it will take.
func pace(t admind.Transferred, since time.Duration) string {
	seconds := since.Seconds()
	if seconds < 1 || t.Done == 0 {
		return t.Mailbox
	}
	left := time.Duration(float64(since) * float64(t.Total-min(t.Done, t.Total)) / float64(t.Done)).Round(time.Second)
	return fmt.Sprintf("%s  %.0f messages/s, %s left", t.Mailbox, float64(t.Messages+t.Before)/seconds, left)
}
