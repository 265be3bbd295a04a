package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"restante/internal/serve/admind"
)

type reindexCmd struct {
	where
	Address string `arg:"" optional:"" name:"account" help:"The account."`
	All     bool   `help:"All accounts, one after the other."`
}

func (reindexCmd) Help() string {
	return `Nothing has to be indexed by hand: the server keeps the index up to date, and finds what is wrong with it. This is for
those who do not trust that. Searches find everything meanwhile, but slowly. It works beside a running server or without one.

Examples:
  restante reindex anna@example.org
  restante reindex --all`
}

var errWhichAccount = &failure{exitUsage, errors.New("which account? Name one, or say --all")}

func (c *reindexCmd) Run(ctx context.Context, con *console) error {
	if c.All == (c.Address != "") {
		return errWhichAccount
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.JSON {
			return listJSON(con.out, b.Reindex(ctx, c.Address))
		}
		bar := con.bar()
		var last admind.Reindexed
		for r, err := range b.Reindex(ctx, c.Address) {
			if err != nil {
				bar.clear()
				return err
			}
			if last.Account != "" && r.Account != last.Account {
				bar.clear()
				con.print("%s: %d messages\n", last.Account, last.Done)
			}
			bar.show(r.Account, r.Done, r.Total)
			last = r
		}
		bar.clear()
		if last.Account == "" {
			return con.done(false, "no accounts")
		}
		return con.done(false, "%s: %d messages", last.Account, last.Done)
	})
}

// bar is a line on the terminal that says how far something is. Where there is no
// terminal it is nothing.
type bar struct {
	out  *os.File // nil: nothing
	last string
}

// bar makes a bar on standard error.
func (con *console) bar() *bar {
	if f, ok := con.err.(*os.File); ok && isTerminal(f) {
		return &bar{out: f}
	}
	return new(bar)
}

const barWidth = 30

func (b *bar) show(what string, done, total uint64) {
	if b.out == nil {
		return
	}
	full := barWidth
	percent := uint64(100)
	if total > 0 {
		percent = min(100*done/total, 100)
		full = int(barWidth * percent / 100)
	}
	line := fmt.Sprintf("[%s%s] %3d %%  %d of %d  %s", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), percent, done, total, what)
	if line != b.last {
		fmt.Fprintf(b.out, "\r\x1b[K%s", line)
		b.last = line
	}
}

// clear takes the line away.
func (b *bar) clear() {
	if b.out != nil && b.last != "" {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.last = ""
	}
}
