package cli

import (
	"fmt"
	"iter"
	"time"

	"restante/internal/serve/admind"
)

// tryFlags are of verbs that set a rule.
type tryFlags struct {
	DryRun bool `help:"Change nothing; tell what would leave, when and why."`
	Rows   int  `default:"50" placeholder:"N" help:"Show so many messages in a dry run; the sums are of all."`
}

// leaving sums up messages of a dry run.
type leaving struct {
	messages    int
	octets      uint64
	first, last time.Time
}

func (l *leaving) add(r *admind.Release) {
	l.messages++
	l.octets += r.Size
	if r.At.IsZero() {
		return
	}
	if l.first.IsZero() || r.At.Before(l.first) {
		l.first = r.At
	}
	if r.At.After(l.last) {
		l.last = r.At
	}
}

// releases prints a dry run: some of the messages, and the sums of all.
func (con *console) releases(f *tryFlags, asJSON bool, items iter.Seq2[admind.Release, error]) error {
	if asJSON {
		return listJSON(con.out, items)
	}
	t := con.table()
	var leave, stay leaving
	accounts := make(map[string]bool)
	for r, err := range items {
		if err != nil {
			return err
		}
		n := leave.messages + stay.messages
		if n == 0 && f.Rows > 0 {
			header := []string{"MAILBOX", "LEAVES", "TO", "WHY", "SIZE", "SUBJECT"}
			if r.Account != "" {
				header = append([]string{"ACCOUNT"}, header...)
			}
			t.row(header...)
		}
		if n < f.Rows {
			cells := []string{r.Mailbox, date(r.At), r.Then, r.Why, octets(r.Size), r.Subject}
			if r.Account != "" {
				cells = append([]string{r.Account}, cells...)
			}
			t.row(cells...)
		}
		if r.At.IsZero() {
			stay.add(&r)
			continue
		}
		accounts[r.Account] = true
		leave.add(&r)
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	n := leave.messages + stay.messages
	if n == 0 {
		con.print("none\n")
		return nil
	}
	if n > f.Rows && f.Rows > 0 {
		con.print("... and %d more\n", n-f.Rows)
	}
	con.print("\n")
	if leave.messages > 0 {
		con.print("leaving: %s, %s", messages(leave.messages), octets(leave.octets))
		if !accounts[""] {
			con.print(", of %s", plural(len(accounts), "account"))
		}
		con.print(", from %s to %s\n", date(leave.first), date(leave.last))
	}
	if stay.messages > 0 {
		con.print("staying: %s, %s\n", messages(stay.messages), octets(stay.octets))
	}
	con.print("nothing was changed\n")
	return nil
}

func messages(n int) string { return plural(n, "message") }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
