package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"restante/internal/serve/admind"
	"restante/internal/store/retention"
)

// deviceTable is one device, a line a fact.
func deviceTable(con *console, d *admind.DeviceDetail) error {
	t := con.table()
	row := func(name, value string) {
		if value != "" && value != "-" {
			t.row(name, value)
		}
	}
	row("device", d.Name)
	row("it", d.Does)
	row("may use", scopesOf(d.Device))
	if d.NoSent {
		row("what it sends", "is not copied to Sent")
	}
	var from []string
	for _, p := range d.Networks {
		from = append(from, p.String())
	}
	row("only from", strings.Join(from, ", "))
	row("made", date(d.Created))
	row("until", date(d.Expires))
	row("revoked", date(d.Revoked))
	row("first use", date(d.FirstUse))
	row("last use", date(d.LastUse))
	if d.Logins > 0 {
		row("by", d.Protocol)
		row("client", d.Client)
		row("from", d.From)
		row("TLS", d.TLS)
		row("logins", fmt.Sprint(d.Logins))
	}
	if d.Rule != (retention.Rule{}) {
		row("messages taken", fmt.Sprint(d.Taken))
		printRule(t.w, d)
	}
	return t.w.Flush()
}

// printRule says a rule in words, and where each part of it comes from.
func printRule(w *tabwriter.Writer, d *admind.DeviceDetail) {
	for _, f := range []struct{ name, value, said string }{
		{"copies stay", d.Rule.Keep, d.Said.Keep},
		{"then", d.Rule.Then, d.Said.Then},
		{"wait for", d.Rule.WaitFor, d.Said.WaitFor},
		{"starts with", d.Rule.Start, d.Said.Start},
		{"maildrop", strings.Join(append([]string{d.Rule.Scope}, d.Mailboxes...), ", "), d.Said.Scope},
		{"marked as read", d.Rule.MarkSeen, d.Said.MarkSeen},
		{"view", d.Rule.View, d.Said.View},
		{"between logins", d.Rule.LoginDelay, d.Said.LoginDelay},
	} {
		if f.said != "" {
			f.value += "\tsays the " + f.said
		}
		fmt.Fprintf(w, "%s\t%s\n", f.name, f.value)
	}
}

type devicePolicy struct {
	where
	Address string `arg:"" help:"The account; or @DOMAIN for all of a domain's, as domain policy does."`
	Name    string `arg:"" optional:"" help:"The device; without it, all of the account's that have no rule of their own."`
	Reset   bool   `help:"Forget first what was said before: the account's rule, then the domain's, then the server's, holds."`
	tryFlags
	sentFlag
	ruleFlags
}

func (devicePolicy) Help() string {
	return `What a device deletes over POP3 it is not shown again. The message itself stays for all others until the rules of all
devices let it go: by default 30 days after the first has taken it, when all have, to Trash. What is flagged or was answered stays.

Examples:
  restante device policy anna@example.org "Office PC" --keep 14d --then archive
  restante device policy anna@example.org --keep forever
  restante device policy anna@example.org "Office PC" --keep none --dry-run
  restante device policy anna@example.org scanner --sent-copy off`
}

func (c *devicePolicy) Run(ctx context.Context, con *console) error {
	p := admind.PolicyChange{Address: c.Address, Device: c.Name, Rule: c.rule(), Mailboxes: c.Mailbox, Reset: c.Reset}
	p.Now = p.Rule == (retention.Rule{}) && !c.Reset && len(c.Mailbox) == 0
	if c.SentCopy != "" && c.Name == "" {
		return &failure{exitUsage, errors.New("--sent-copy: which device? The account's own password is called \"password\"")}
	}
	if p.Now && !c.DryRun && c.SentCopy != "" {
		return c.with(ctx, con, false, func(b admind.Backend) error {
			if err := c.set(ctx, b, c.Address, c.Name); err != nil {
				return err
			}
			return con.done(c.JSON, "copies in Sent of %q: %s", c.Name, c.SentCopy)
		})
	}
	if p.Now && !c.DryRun {
		return fmt.Errorf("say what the rule is, such as --keep 14d, or --dry-run for what the present one does")
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.DryRun {
			return con.releases(&c.tryFlags, c.JSON, b.Releases(ctx, p))
		}
		if err := b.SetPolicy(ctx, p); err != nil {
			return err
		}
		if err := c.set(ctx, b, c.Address, c.Name); err != nil {
			return err
		}
		if c.Name == "" {
			return con.done(c.JSON, "rule of %s set", c.Address)
		}
		return con.done(c.JSON, "rule of %q set", c.Name)
	})
}

type deviceRevoke struct {
	where
	Address string `arg:"" help:"The account."`
	Name    string `arg:"" help:"The device."`
}

func (c *deviceRevoke) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.RevokeDevice(ctx, c.Address, c.Name); err != nil {
			return err
		}
		return con.done(c.JSON, "%q revoked", c.Name)
	})
}
