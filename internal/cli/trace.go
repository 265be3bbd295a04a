package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/serve/admind"
)

type traceCmd struct {
	where
	Query  string `arg:"" optional:"" help:"A queue id, a Message-ID, an address or a domain."`
	From   string `placeholder:"ADDRESS" help:"Only messages from this address or domain."`
	To     string `placeholder:"ADDRESS" help:"Only messages to this address or domain."`
	Since  string `placeholder:"WHEN" help:"Only what came in the last period, such as 2h or 7d, or since a day or time: 2026-05-03, 2026-05-03T14:00."`
	Until  string `placeholder:"WHEN" help:"Only what came before that."`
	Failed bool   `help:"Only messages that somebody has not got, or that a sender was told no about."`
	Limit  int    `default:"50" help:"How many, the newest first."`
	Full   bool   `help:"Tell the whole life of each, and not only where one is found."`
}

func (traceCmd) Help() string {
	return `What has become of a message: who brought it and how the connection was protected, what was found out about it, where it went, what other hosts said at each attempt, who was told; and then, of a copy here, which device took it, where it was moved and when it leaves. Mail that was refused is there, too. It is kept for 30 days (trace.keep).

The queue id stands in the log, in Received fields, and in what SMTP clients were told: "queued as 3a9p5kq0h1s02".

Examples:
  restante trace 3a9p5kq0h1s02
  restante trace 20260503.1012@example.net
  restante trace anna@example.org --since 2h
  restante trace example.net --failed
  restante trace --from bob@example.net --to anna@example.org --full
  restante trace --failed --since 1d --json`
}

var errLimit = &failure{exitUsage, errors.New("--limit is 1 at least")}

func (c *traceCmd) Run(ctx context.Context, con *console) error {
	r := admind.TraceRequest{Query: c.Query, From: c.From, To: c.To, Failed: c.Failed, Limit: c.Limit, Full: c.Full}
	if c.Limit < 1 {
		return errLimit
	}
	for _, w := range []struct {
		flag, text string
		at         *time.Time
	}{{"--since", c.Since, &r.Since}, {"--until", c.Until, &r.Until}} {
		if w.text == "" {
			continue
		}
		var err error
		if *w.at, err = parseWhen(w.text); err != nil {
			return &failure{exitUsage, fmt.Errorf("%s %s: %w", w.flag, w.text, err)}
		}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.JSON {
			return listJSON(con.out, b.Trace(ctx, r))
		}
		return con.traces(ctx, b, r)
	})
}

var errUntraced = errors.New("nothing is known of such a message")

// traces prints what is found: the life of one, or a table.
func (con *console) traces(ctx context.Context, b admind.Backend, r admind.TraceRequest) error {
	t := con.table()
	n := 0
	for m, err := range b.Trace(ctx, r) {
		if err != nil {
			return err
		}
		n++
		if len(m.Lines) > 0 {
			if n > 1 {
				con.print("\n")
			}
			con.life(&m)
			continue
		}
		if n == 1 {
			t.row("ID", "CAME", "STATE", "FROM", "TO", "SIZE")
		}
		size := "-" // it never came
		if m.Size > 0 {
			size = octets(uint64(m.Size))
		}
		t.row(m.ID, date(m.Came), m.State, clip(sender(m.From), 34), clip(traced(&m), 40), size)
	}
	if n == 0 {
		return errUntraced
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	if n == r.Limit && n > 1 {
		con.print("\nThere may be more: --limit %d\n", 10*n)
	}
	return nil
}

// traced is whom a message was for: the first, and how many others.
func traced(m *admind.Trace) string {
	if len(m.To) == 0 {
		return "-"
	}
	if more := len(m.To) - 1 + m.More; more > 0 {
		return fmt.Sprintf("%s +%d", clip(m.To[0], 34), more)
	}
	return m.To[0]
}

// life prints a message's life.
func (con *console) life(m *admind.Trace) {
	con.print("%s  %s\n", m.ID, m.State)
	if m.MessageID != "" {
		con.print("<%s>\n", m.MessageID)
	}
	con.print("\n")
	last := ""
	for _, line := range m.Lines {
		at := "now"
		if !line.At.IsZero() {
			at = line.At.Local().Format(time.DateTime)
		}
		if at == last {
			at = ""
		} else {
			last = at
		}
		con.print("%-19s  %s\n", at, line.Text)
	}
}
