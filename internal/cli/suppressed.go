package cli

import (
	"context"
	"fmt"

	"restante/internal/serve/admind"
)

type queueSuppressed struct {
	where
	Account string `placeholder:"ADDRESS" help:"Only those that this account cannot write to."`
}

func (queueSuppressed) Help() string {
	return `Whose host has said twice that there is nobody of that address is not bothered any more by the account that has written there: the account's programs
hear of it when they send. After two weeks (send.suppress) it may be tried again. "queue unsuppress" allows it at once.

Examples:
  restante queue suppressed
  restante queue suppressed --account anna@example.org`
}

func (c *queueSuppressed) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return list(con, c.JSON, b.Suppressed(ctx, c.Account), "ACCOUNT TO TIMES LAST UNTIL SAID", func(s admind.Suppressed) []string {
			return []string{s.Account, s.To, fmt.Sprint(s.Times), date(s.Last), date(s.Until), clip(s.Said, 70)}
		})
	})
}

type queueUnsuppress struct {
	where
	To      string `arg:"" help:"The address that may be written to again."`
	Account string `placeholder:"ADDRESS" help:"Only by this account."`
}

func (queueUnsuppress) Help() string {
	return `What was known of the address is forgotten: it is tried as if for the first time.

Example:
  restante queue unsuppress carl@example.net`
}

func (c *queueUnsuppress) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		n, err := b.Unsuppress(ctx, c.Account, c.To)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(struct {
				Count int `json:"count"`
			}{n})
		}
		if n == 0 {
			return con.done(false, "nobody was kept from writing to %s", c.To)
		}
		return con.done(false, "%s may be written to again", c.To)
	})
}
