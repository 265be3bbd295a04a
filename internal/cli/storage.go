package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"restante/internal/serve/admind"
)

type storageCmd struct {
	where
	Address string `arg:"" help:"The account."`
	Top     int    `default:"10" help:"How many of the largest messages, and of the senders, to name: 1 to 1000."`
}

func (storageCmd) Help() string {
	return `What takes the room, what helps most to make some, and what leaves by itself: by the retention of Junk and Trash, and because POP devices have taken it.

Example:
  restante storage anna@example.org --top 5`
}

func (c *storageCmd) Run(ctx context.Context, con *console) error {
	if c.Top < 1 || c.Top > 1000 {
		return &failure{exitUsage, errors.New("--top is a number from 1 to 1000")}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		s, err := b.Storage(ctx, admind.StorageRequest{Address: c.Address, Top: c.Top})
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(s)
		}
		return con.storage(c.Address, &s)
	})
}

func (con *console) storage(address string, s *admind.Storage) error {
	con.print("%s: %s in %s", address, octets(s.Used), messages(int(s.Messages)))
	if s.Quota.Octets > 0 {
		con.print(", %d %% of %s", s.Used*100/s.Quota.Octets, octets(s.Quota.Octets))
	}
	con.print("\n")
	for _, section := range []func(*admind.Storage) error{con.storageHelps, con.storageMailboxes, con.storageLargest, con.storageSenders, con.storageReleases} {
		if err := section(s); err != nil {
			return err
		}
	}
	if r := s.Removed; r.Messages > 0 {
		con.print("\nRecently removed, not charged: %s in %s, erased from %s to %s\n", octets(r.Octets), messages(r.Messages), day(r.First), day(r.Last))
	}
	return nil
}

func (con *console) storageHelps(s *admind.Storage) error {
	if len(s.Helps) == 0 {
		return nil
	}
	con.print("\nWhat helps most\n")
	t := con.table()
	for _, h := range s.Helps {
		what := map[string]string{"empty": "empty " + h.Name, "largest": "the largest messages", "sender": "mail from " + h.Name}[h.Kind]
		t.row("  "+octets(h.Octets), clip(what, 48), messages(h.Messages))
	}
	return t.w.Flush()
}

func (con *console) storageMailboxes(s *admind.Storage) error {
	con.print("\n")
	t := con.table("MAILBOX", "MESSAGES", "SIZE", "KEEPS", "LEAVES-IN-7d", "IN-30d")
	for _, m := range s.Mailboxes {
		if m.Messages == 0 {
			continue
		}
		row := []string{clip(m.Path, 24), fmt.Sprint(m.Messages), octets(m.Octets), "-", "-", "-"}
		if m.Keeps != "" {
			row[3], row[4], row[5] = m.Keeps, octets(m.Leaving7.Octets), octets(m.Leaving30.Octets)
		}
		t.row(row...)
	}
	return t.w.Flush()
}

func (con *console) storageLargest(s *admind.Storage) error {
	if len(s.Largest) == 0 {
		return nil
	}
	con.print("\n")
	t := con.table("LARGEST", "DATE", "MAILBOX", "UID", "SUBJECT")
	for _, m := range s.Largest {
		t.row(octets(m.Size), day(m.Date), clip(m.Mailbox, 16), fmt.Sprint(m.UID), clip(m.Subject, 26))
	}
	return t.w.Flush()
}

func (con *console) storageSenders(s *admind.Storage) error {
	if len(s.Senders) == 0 {
		return nil
	}
	con.print("\n")
	t := con.table("FROM", "MESSAGES", "SIZE")
	for _, from := range s.Senders {
		name := from.Address
		if name == "" {
			name = "(nobody)"
		}
		t.row(clip(name, 48), fmt.Sprint(from.Messages), octets(from.Octets))
	}
	if more := s.AllFrom - len(s.Senders); more > 0 {
		t.row(fmt.Sprintf("and %d more", more))
	}
	return t.w.Flush()
}

// releaseDays is how many days' releases are told one by one.
const releaseDays = 14

func (con *console) storageReleases(s *admind.Storage) error {
	if len(s.Releases) == 0 {
		return nil
	}
	con.print("\nTaken by POP devices, and leaving\n")
	t := con.table()
	var rest admind.Sum
	for i, r := range s.Releases {
		if i >= releaseDays {
			rest.Messages, rest.Octets = rest.Messages+r.Messages, rest.Octets+r.Octets
			continue
		}
		t.row("  "+r.Day, messages(r.Messages), octets(r.Octets), map[string]string{"delete": "deleted"}[r.Then]+to(r.Then))
	}
	if rest.Messages > 0 {
		t.row("  later", messages(rest.Messages), octets(rest.Octets))
	}
	return t.w.Flush()
}

func to(then string) string {
	if then == "delete" {
		return ""
	}
	return "to " + strings.ToUpper(then[:1]) + then[1:]
}

// clip shortens text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
