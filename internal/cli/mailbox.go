package cli

import (
	"context"
	"fmt"

	"restante/internal/serve/admind"
)

type mailboxCmd struct {
	List      mailboxList      `cmd:"" help:"List an account's mailboxes, what they hold and for how long."`
	Retention mailboxRetention `cmd:"" help:"Say how long messages stay in a mailbox."`
}

type mailboxList struct {
	where
	Address string `arg:"" help:"The account."`
}

func (c *mailboxList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		a, err := b.Account(ctx, c.Address)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(a.Mailboxes)
		}
		t := con.table("MAILBOX", "FOR", "MESSAGES", "UNSEEN", "SIZE", "KEEPS", "SAYS")
		for _, m := range a.Mailboxes {
			t.row(m.Path, m.Role, fmt.Sprint(m.Messages), fmt.Sprint(m.Unseen), octets(m.Used), m.Retention, says(&m))
		}
		return t.w.Flush()
	})
}

// says is who has said how long a mailbox keeps messages.
func says(m *admind.MailboxDetail) string {
	switch {
	case m.OwnRetention:
		return "its owner"
	case m.Retention != "forever":
		return "the domain or server"
	}
	return ""
}

type mailboxRetention struct {
	where
	Address string `arg:"" help:"The account."`
	Mailbox string `arg:"" help:"The mailbox."`
	Stay    string `arg:"" optional:"" help:"How long messages stay: a period such as 14d, forever, or default for what the domain or the server says."`
	Flagged bool   `help:"Flagged messages leave as well."`
	tryFlags
}

func (mailboxRetention) Help() string {
	return `Counted from when a message came into the mailbox. What leaves can be put back for a while (restante removed). Flagged messages stay, and so
does what nobody has read in INBOX. Owners can say the same over IMAP: SETMETADATA Lists (/shared/vendor/vendor.restante/retention "14d").

Examples:
  restante mailbox retention anna@example.org Lists 60d
  restante mailbox retention anna@example.org Trash 7d --flagged --dry-run
  restante mailbox retention anna@example.org Lists default`
}

func (c *mailboxRetention) Run(ctx context.Context, con *console) error {
	r := admind.RetentionChange{Address: c.Address, Mailbox: c.Mailbox, Stay: c.Stay}
	if c.Flagged {
		if c.Stay == "" || c.Stay == "default" || c.Stay == "forever" {
			return &failure{exitUsage, fmt.Errorf("--flagged goes with a period, such as 14d")}
		}
		r.Stay += " flagged"
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		switch {
		case c.DryRun:
			return con.releases(&c.tryFlags, c.JSON, b.Retains(ctx, r))
		case c.Stay != "":
			if err := b.SetRetention(ctx, r); err != nil {
				return err
			}
			return con.done(c.JSON, "retention of %s set", c.Mailbox)
		}
		a, err := b.Account(ctx, c.Address)
		if err != nil {
			return err
		}
		for _, m := range a.Mailboxes {
			if m.Path != c.Mailbox {
				continue
			}
			if c.JSON {
				return con.json(m)
			}
			con.print("%s   %s\n", m.Retention, says(&m))
			return nil
		}
		return fmt.Errorf("%s has no mailbox %q; see restante mailbox list %s", c.Address, c.Mailbox, c.Address)
	})
}
