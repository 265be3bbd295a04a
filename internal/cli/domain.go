package cli

import (
	"context"
	"fmt"

	"restante/internal/directory"
	"restante/internal/serve/admind"
	"restante/internal/store/retention"
)

type domainShow struct {
	where
	Domain string `arg:"" help:"The domain."`
}

func (c *domainShow) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		d, err := b.Domain(ctx, c.Domain)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(d)
		}
		t := con.table()
		t.row("domain", d.Name.Unicode())
		t.row("added", date(d.Created))
		t.row("accounts", fmt.Sprint(d.Accounts))
		t.row("they keep", limits(d.Used))
		if d.Rules.Total != (directory.Limits{}) {
			t.row("at most", limits(d.Rules.Total))
		}
		if !d.State.Full.IsZero() {
			t.row("FULL since", date(d.State.Full))
		}
		if d.Rules.Each != nil {
			t.row("each account", limits(*d.Rules.Each))
		}
		p := d.Rules.POP
		for _, f := range []struct{ name, value string }{
			{"copies stay", p.Keep}, {"then", p.Then}, {"wait for", p.WaitFor}, {"starts with", p.Start}, {"maildrop", p.Scope}, {"marked as read", p.MarkSeen},
			{"view", p.View}, {"between logins", p.LoginDelay}, {"Junk keeps", d.Rules.Junk}, {"Trash keeps", d.Rules.Trash},
		} {
			if f.value != "" {
				t.row(f.name, f.value)
			}
		}
		return t.w.Flush()
	})
}

// limits writes how much is kept, or may be.
func limits(l directory.Limits) string {
	switch {
	case l == directory.Limits{}:
		return "no limit"
	case l.Messages == 0:
		return octets(l.Octets)
	case l.Octets == 0:
		return fmt.Sprintf("%d messages", l.Messages)
	}
	return fmt.Sprintf("%d messages, %s", l.Messages, octets(l.Octets))
}

type domainPolicy struct {
	where
	Domain string `arg:"" optional:"" help:"The domain. Without it, a dry run of another rule of the server's, for all domains."`
	Reset  bool   `help:"Forget first what was said before: the server's rule holds."`
	Junk   string `placeholder:"PERIOD" help:"How long messages stay in Junk: 14d, forever, or default for what the server says."`
	Trash  string `placeholder:"PERIOD" help:"How long messages stay in Trash: 30d, forever, or default for what the server says."`
	tryFlags
	ruleFlags
}

func (domainPolicy) Help() string {
	return `What is said here holds for all accounts of the domain that have not been told otherwise. The nearest rule wins: the device's, the
account's (device policy), the domain's, the server's ([pop] and [retention]). What a mailbox was told (mailbox retention) stays.

Examples:
  restante domain policy example.org --keep 14d --then archive
  restante domain policy example.org --trash 7d --dry-run
  restante domain policy --keep 60d --dry-run
  restante domain policy example.org --reset`
}

func (c *domainPolicy) Run(ctx context.Context, con *console) error {
	p := admind.PolicyChange{Address: "@" + c.Domain, Rule: c.rule(), Junk: c.Junk, Trash: c.Trash, Reset: c.Reset}
	if len(c.Mailbox) > 0 {
		return &failure{exitUsage, fmt.Errorf("--mailbox: which mailboxes are chosen a device says, not a domain")}
	}
	p.Now = p.Rule == (retention.Rule{}) && c.Junk == "" && c.Trash == "" && !c.Reset
	switch {
	case p.Now && !c.DryRun:
		return fmt.Errorf("say what the rule is, such as --keep 14d, or --dry-run for what the present one does")
	case c.Domain == "" && !c.DryRun:
		return &failure{exitUsage, fmt.Errorf("which domain? The server's own rule is in its configuration, [pop] and [retention]; here it can be tried with --dry-run")}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.DryRun {
			return con.releases(&c.tryFlags, c.JSON, b.Releases(ctx, p))
		}
		if err := b.SetPolicy(ctx, p); err != nil {
			return err
		}
		return con.done(c.JSON, "rule of %s set", c.Domain)
	})
}

type domainQuota struct {
	where
	Domain        string  `arg:"" help:"The domain."`
	Total         *quota  `placeholder:"SIZE" help:"Most octets that all its accounts keep together; 0B is no limit."`
	TotalMessages *uint64 `placeholder:"N" help:"Most messages that all its accounts keep together; 0 is no limit."`
	Each          *quota  `placeholder:"SIZE" help:"Most octets that an account keeps which has no quota of its own; 0B is no limit."`
	EachMessages  *uint64 `placeholder:"N" help:"Most messages that an account keeps which has no quota of its own; 0 is no limit."`
	Reset         bool    `help:"Forget first what was said for each account: the server's (quota.account) holds."`
}

func (domainQuota) Help() string {
	return `Mail that would be over either of them is deferred for quota.grace, then refused. The postmaster of the domain gets a letter when all
its accounts together have used up 80, 90 and 95 per cent. Limits that are not named stay as they are.

Examples:
  restante domain quota example.org --total 500GiB
  restante domain quota example.org --each 5GiB`
}

// over is l with the limits that were given in the place of its own, nil if none was.
func over(l directory.Limits, octets *quota, messages *uint64) *directory.Limits {
	if octets == nil && messages == nil {
		return nil
	}
	if octets != nil {
		l.Octets = uint64(*octets)
	}
	if messages != nil {
		l.Messages = *messages
	}
	return &l
}

func (c *domainQuota) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		d, err := b.Domain(ctx, c.Domain)
		if err != nil {
			return err
		}
		var each directory.Limits
		if d.Rules.Each != nil && !c.Reset {
			each = *d.Rules.Each
		}
		q := admind.DomainQuota{
			Domain: c.Domain, Reset: c.Reset, Each: over(each, c.Each, c.EachMessages), Total: over(d.Rules.Total, c.Total, c.TotalMessages),
		}
		if q.Each == nil && q.Total == nil && !c.Reset {
			return fmt.Errorf("say how much, such as --total 500GiB or --each 5GiB; restante domain show %s tells what holds", c.Domain)
		}
		if err := b.SetDomainQuota(ctx, q); err != nil {
			return err
		}
		return con.done(c.JSON, "quota of %s set", c.Domain)
	})
}
