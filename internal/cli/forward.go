package cli

import (
	"context"
	"errors"
	"strings"

	"restante/internal/directory"
	"restante/internal/serve/admind"
)

type accountForward struct {
	where
	Address string   `arg:"" help:"The account."`
	To      []string `sep:"none" placeholder:"ADDRESS" help:"Where its mail goes on to, here or elsewhere; may be given several times. It takes the place of what was said before."`
	NoCopy  bool     `help:"The account itself keeps no copy."`
	Stop    bool     `help:"Its mail goes on to nowhere any more."`
}

func (accountForward) Help() string {
	return `The account keeps a copy of all that goes on, unless --no-copy. What is taken for junk does not go on. Without flags it is told where mail goes on to.

Examples:
  restante account forward anna@example.org --to anna.berg@mail.example
  restante account forward anna@example.org --to anna.berg@mail.example --no-copy
  restante account forward anna@example.org --stop`
}

func (c *accountForward) Run(ctx context.Context, con *console) error {
	switch {
	case c.Stop && len(c.To) > 0:
		return &failure{exitUsage, errors.New("either --to or --stop")}
	case c.NoCopy && len(c.To) == 0:
		return &failure{exitUsage, errors.New("--no-copy goes with --to: the whole list, as it is to be from now on")}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.Stop || len(c.To) > 0 {
			if err := b.SetForward(ctx, c.Address, c.To, c.NoCopy); err != nil {
				return err
			}
		}
		fw, err := b.Forward(ctx, c.Address)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(fw)
		}
		if len(fw.To)+len(fw.Outside) == 0 {
			return con.done(false, "mail for %s stays here", c.Address)
		}
		return con.done(false, "mail for %s goes on to %s", c.Address, forwardWords(&fw))
	})
}

// forwardWords say where mail goes on to.
func forwardWords(fw *directory.Forward) string {
	copies := "a copy stays here"
	if fw.Only {
		copies = "no copy stays here"
	}
	return strings.Join(append(fw.To, fw.Outside...), ", ") + "; " + copies
}
