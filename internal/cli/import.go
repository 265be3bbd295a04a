package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"restante/internal/ops/transfer"
	"restante/internal/serve/admind"
)

type importCmd struct {
	where
	Address      string   `arg:"" name:"account" help:"The account."`
	Path         string   `arg:"" name:"source" help:"A Maildir, an mbox or a folder of them, a folder with .eml files; or a server that runs, imaps://USER@HOST or pop3s://USER@HOST."`
	Format       string   `enum:"auto,maildir,mbox,eml" default:"auto" help:"What files it has: maildir, mbox, eml; auto looks."`
	DryRun       bool     `help:"Show which folder goes where, how much it is, and whether the quota suffices. Nothing is changed."`
	Into         string   `placeholder:"MAILBOX" help:"Put all folders below this mailbox. Without it each goes where it belongs: Sent Items to Sent, Papierkorb to Trash."`
	Map          []string `sep:"none" placeholder:"FOLDER=MAILBOX" help:"Put this folder, as the dry run calls it, into this mailbox; nothing behind = leaves it out. May be given more than once."`
	NewestFirst  bool     `help:"Begin with the newest messages. They stand first in their mailboxes then, with new UIDs."`
	NewUIDs      bool     `name:"new-uids" help:"Give new UIDs also where those of the old server can be kept."`
	UIDL         string   `name:"uidl" placeholder:"FORMAT" help:"How the old server made the ids of POP3 that it did not keep, as Dovecot's pop3_uidl_format; - for none."`
	UIDLFrom     string   `name:"uidl-from" placeholder:"URL" help:"The POP3 address of the IMAP server that mail comes from, pop3s://USER@HOST: the messages of its inbox get the ids that they have there."`
	PasswordFile string   `placeholder:"FILE" help:"Read the server's password from the first line of FILE. Without it, it is what RESTANTE_IMPORT_PASSWORD says, or asked for, or read from standard input if that is not a terminal."`
	Insecure     bool     `help:"Take any certificate of the server, and do without TLS if it has none: who listens on the way reads the password and the mail."`
	Quoting      string   `enum:"rd,o,none" default:"rd" help:"How the mbox keeps lines that begin with From: rd, o, none."`
}

func (importCmd) Help() string {
	return `Flags, dates and folders come along, and so do the ids that POP3 programs know messages by: none of them downloads anything again. IMAP programs
find what they have too where the mailbox here is new or empty: UIDs are kept, from IMAP servers and from Maildirs of Dovecot and Courier. A second
run adds what is new and nothing twice, also after one that was cut short. What cannot be read is listed and left out, and the exit code is 1.
It works beside a running server, which then must be allowed to read the files, or without one.

A server is asked over TLS: imaps and pop3s from the first octet, imap and pop3 by STARTTLS. Nothing is changed there. A folder behind the host,
imaps://anna@old.example.org/Projects, is brought in alone.

Examples:
  restante import anna@example.org /srv/old/anna/Maildir
  restante import anna@example.org /var/mail/anna --format mbox
  restante import anna@example.org ~/Thunderbird/Mail --into Old
  restante import anna@example.org Maildir --uidl %u-%v
  restante import anna@example.org imaps://anna@old.example.org --dry-run
  restante import anna@example.org imaps://anna@old.example.org --uidl-from pop3s://anna@old.example.org --password-file old.password
  restante import anna@example.org imaps://anna@old.example.org --map "Alte Post=Archive" --map "Public="
  restante import anna@example.org pop3s://anna@old.example.org`
}

func (c *importCmd) Run(ctx context.Context, con *console) error {
	r := admind.ImportRequest{
		Address: c.Address, Path: c.Path, Into: c.Into, UIDL: c.UIDL, UIDLFrom: c.UIDLFrom, Quoting: c.Quoting, Insecure: c.Insecure,
		NewestFirst: c.NewestFirst, NewUIDs: c.NewUIDs, DryRun: c.DryRun,
	}
	if c.Format != "auto" {
		r.Format = c.Format
	}
	for _, m := range c.Map {
		from, to, ok := strings.Cut(m, "=")
		if !ok {
			return &failure{exitUsage, fmt.Errorf("--map %s: it is FOLDER=MAILBOX", m)}
		}
		if r.Map == nil {
			r.Map = make(map[string]string)
		}
		r.Map[from] = to
	}
	var err error
	if !transfer.IsURL(c.Path) {
		r.Path, err = filepath.Abs(c.Path)
	} else {
		err = c.server(ctx, con, &r)
	}
	if err != nil {
		return err
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return con.transfer(c.JSON, "added", b.Import(ctx, r))
	})
}

// passwordVariable has the password of the server that mail comes from.
const passwordVariable = "RESTANTE_IMPORT_PASSWORD"

// server is what is to be known of a server.
func (c *importCmd) server(ctx context.Context, con *console, r *admind.ImportRequest) (err error) {
	for _, u := range []string{c.Path, c.UIDLFrom} {
		if u == "" {
			continue
		}
		if err := transfer.CheckURL(u); err != nil {
			return &failure{exitUsage, err}
		}
	}
	if r.Format != "" {
		return &failure{exitUsage, errors.New("--format is for files")}
	}
	r.Password = os.Getenv(passwordVariable)
	switch {
	case c.PasswordFile == "" && r.Password != "":
	case c.PasswordFile == "" && isTerminal(con.in):
		r.Password, err = con.ask(ctx, "Password at "+c.Path+": ")
	default:
		r.Password, err = (&passwordFlags{PasswordFile: c.PasswordFile}).read(ctx, con, "")
	}
	return err
}

// plan shows what a dry run has found.
func (con *console) plan(t admind.Transferred) error {
	rows := con.table("FOLDER", "MAILBOX", "MESSAGES", "SIZE", "HERE")
	for _, p := range t.Plan {
		to := p.Mailbox
		if to == "" {
			to = "(left out)"
		}
		rows.row(p.Folder, to, fmt.Sprint(p.Messages), octets(p.Octets), fmt.Sprint(p.Before))
	}
	if err := rows.w.Flush(); err != nil {
		return err
	}
	con.print("%d messages would be added, about %s\n", t.Messages, octets(t.Octets))
	return nil
}

// tooMuch is why an import cannot be.
func tooMuch(t admind.Transferred) error {
	return &failure{exitFailed, fmt.Errorf("the quota does not suffice: %d messages, %s, and there is room for %s (restante account quota)",
		t.Messages, octets(t.Octets), octets(t.Room))}
}
