package cli

import (
	"context"
	"errors"
	"time"

	"restante/internal/serve/admind"
)

type historyCmd struct {
	where
	Address   string `arg:"" help:"The account."`
	MessageID string `name:"message-id" placeholder:"ID" xor:"which" help:"The message with this Message-ID."`
	Mailbox   string `placeholder:"NAME" xor:"which" help:"The message of this mailbox with --uid."`
	UID       uint32 `name:"uid" placeholder:"N" help:"Its UID there, with --mailbox."`
	ID        string `name:"id" placeholder:"ID" xor:"which" help:"The message with this id: IMAP's EMAILID, what removed list shows, POP3's UIDL where it was not brought from elsewhere."`
}

func (historyCmd) Help() string {
	return `What happened to a message: when it arrived, who has taken, flagged, moved or removed it, with which device, and what will become of it. The log that this is read from reaches 90 days back.

Examples:
  restante history anna@example.org --message-id 20260503.1012@example.net
  restante history anna@example.org --mailbox INBOX --uid 17`
}

func (c *historyCmd) Run(ctx context.Context, con *console) error {
	if c.ID == "" && c.MessageID == "" && (c.Mailbox == "" || c.UID == 0) {
		return &failure{exitUsage, errors.New("which message? Say --message-id, --id, or --mailbox with --uid")}
	}
	r := admind.HistoryRequest{Address: c.Address, ID: c.ID, MessageID: c.MessageID, Mailbox: c.Mailbox, UID: c.UID}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.JSON {
			return listJSON(con.out, b.History(ctx, r))
		}
		first := true
		for h, err := range b.History(ctx, r) {
			if err != nil {
				return err
			}
			if !first {
				con.print("\n")
			}
			if err := con.history(&h); err != nil {
				return err
			}
			first = false
		}
		return nil
	})
}

func (con *console) history(h *admind.History) error {
	if h.Subject+h.From != "" {
		con.print("%s, from %s\n", clip(h.Subject, 50), h.From)
	}
	con.print("id %s\n\n", h.ID)
	if !h.Since.IsZero() {
		con.print("What was before %s is not known: the log is kept for 90 days.\n\n", day(h.Since))
	}
	t := con.table()
	for _, e := range h.Events {
		t.row("  "+e.At.Local().Format("2 Jan 2006 15:04"), e.Text)
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	con.print("\n")
	for _, line := range h.Outlook {
		con.print("It %s.\n", line)
	}
	return nil
}

func day(t time.Time) string { return t.Local().Format(time.DateOnly) }
