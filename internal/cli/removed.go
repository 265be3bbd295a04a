package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/serve/admind"
	"restante/internal/store/retention"
)

type removedCmd struct {
	List    removedList    `cmd:"" help:"List what an account has removed and can put back."`
	Restore removedRestore `cmd:"" help:"Put messages back, with folder, flags and dates."`
	Erase   removedErase   `cmd:"" help:"Erase removed messages for good, now."`
}

// removedFlags choose among removed messages.
type removedFlags struct {
	Address   string `arg:"" help:"The account."`
	Since     string `placeholder:"WHEN" help:"Removed in the last period, such as 2h or 7d, or since a day or time: 2026-05-03, 2026-05-03T14:00."`
	Device    string `help:"Removed by this device."`
	Mailbox   string `help:"Removed from this mailbox."`
	ID        string `name:"id" aliases:"uidl" placeholder:"ID" xor:"which" help:"The message with this id, as removed list shows it."`
	MessageID string `name:"message-id" placeholder:"ID" xor:"which" help:"The message with this Message-ID."`
}

func (f *removedFlags) filter() (admind.RemovedFilter, error) {
	out := admind.RemovedFilter{Address: f.Address, Device: f.Device, Mailbox: f.Mailbox, ID: f.ID, MessageID: f.MessageID}
	if f.Since == "" {
		return out, nil
	}
	var err error
	if out.Since, err = parseWhen(f.Since); err != nil {
		return out, fmt.Errorf("--since %s: %w", f.Since, err)
	}
	return out, nil
}

// parseWhen reads a period, which means so long ago, or a day or a time.
func parseWhen(s string) (time.Time, error) {
	if k, err := retention.ParseKeep(s); err == nil && k != retention.KeepForever {
		return time.Now().Add(-time.Duration(k)), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("write a period such as 2h or 7d, or a time such as 2026-05-03T14:00")
}

type removedList struct {
	where
	removedFlags
}

func (c *removedList) Run(ctx context.Context, con *console) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return list(con, c.JSON, b.Removed(ctx, f), "REMOVED UNTIL MAILBOX BY SIZE ID SUBJECT", func(r admind.Removed) []string {
			return []string{date(r.Removed), date(r.Until), r.Mailbox, r.By, octets(r.Size), r.ID, r.Subject}
		})
	})
}

type removedRestore struct {
	where
	removedFlags
	Into    string `placeholder:"MAILBOX" help:"Put them there instead; it is made when it is not there."`
	TakenBy string `placeholder:"DEVICE" help:"Undo what this device has taken over POP3: it is offered that again, and what rules have removed of it comes back. Goes with --since."`
}

func (removedRestore) Help() string {
	return `Without a choice it puts everything back. What comes back is what went: the same message for POP3 clients, with its flags and dates.
A computer that was lost after it had collected mail: --taken-by offers its mail to the device that has its name, and brings back what left since by the rules.
What somebody has removed or moved is left where it is.

Examples:
  restante removed restore anna@example.org --device "Office PC" --since 2d
  restante removed restore anna@example.org --mailbox Projects --into "Projects again"
  restante removed restore anna@example.org --message-id 20260503.1012@example.net
  restante removed restore anna@example.org --taken-by "Office PC" --since 2026-05-03`
}

var errTakenBy = &failure{exitUsage, errors.New("--taken-by goes with --since only")}

func (c *removedRestore) Run(ctx context.Context, con *console) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if c.TakenBy != "" && (c.Device+c.Mailbox+c.ID+c.MessageID+c.Into != "") {
		return errTakenBy
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		done, err := b.Restore(ctx, admind.RestoreRequest{RemovedFilter: f, Into: c.Into, TakenBy: c.TakenBy})
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(done)
		}
		con.print("%s put back\n", messages(done.Messages))
		for _, to := range done.Into {
			con.print("  %d into %s\n", to.Messages, to.Mailbox)
		}
		if c.TakenBy != "" {
			con.print("%s offered to %s again\n", messages(done.Offered), c.TakenBy)
		}
		return nil
	})
}

type removedErase struct {
	where
	removedFlags
	Yes bool `help:"Do it: nobody can put them back."`
}

func (c *removedErase) Run(ctx context.Context, con *console) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if !c.Yes {
		return fmt.Errorf("this erases for good: look first with removed list, then say --yes")
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		n, err := b.EraseRemoved(ctx, f)
		return con.counted(c.JSON, n, "erased", err)
	})
}

// counted says how many messages something was done to.
func (con *console) counted(asJSON bool, n int, what string, err error) error {
	if err != nil {
		return err
	}
	if asJSON {
		return con.json(map[string]int{"messages": n})
	}
	if n == 1 {
		con.print("1 message %s\n", what)
		return nil
	}
	con.print("%d messages %s\n", n, what)
	return nil
}
