package cli

import (
	"context"
	"strings"
	"time"

	"restante/internal/config"
	"restante/internal/directory"
	"restante/internal/serve/admind"
)

type domainCmd struct {
	Add    domainAdd    `cmd:"" help:"Begin to take mail for a domain."`
	List   domainList   `cmd:"" help:"List the domains."`
	Show   domainShow   `cmd:"" help:"Show a domain, its rules and what it keeps."`
	Policy domainPolicy `cmd:"" help:"Say how long mail is kept that the domain's accounts have collected or thrown away."`
	Quota  domainQuota  `cmd:"" help:"Say how much the domain's accounts may keep, each and together."`
	Remove domainRemove `cmd:"" help:"Stop taking mail for a domain that has no addresses left."`
}

type domainAdd struct {
	where
	Domain string `arg:"" help:"The domain, such as example.org."`
}

func (domainAdd) Help() string {
	return "Example:\n  restante domain add example.org --config /etc/restante/restante.toml"
}

func (c *domainAdd) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, true, func(b admind.Backend) error {
		if err := b.AddDomain(ctx, c.Domain); err != nil {
			return err
		}
		return con.done(c.JSON, "%s added. Next: restante account add NAME@%s\nWhat it needs in the DNS: restante dns show %s", c.Domain, c.Domain, c.Domain)
	})
}

type domainList struct{ where }

func (c *domainList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return list(con, c.JSON, b.Domains(ctx), "DOMAIN ADDED STATE", func(d directory.Domain) []string {
			state := "active"
			if d.Closing {
				state = "being removed"
			}
			return []string{d.Name.Unicode(), date(d.Created), state}
		})
	})
}

type domainRemove struct {
	where
	Domain string `arg:"" help:"The domain."`
}

func (c *domainRemove) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.RemoveDomain(ctx, c.Domain); err != nil {
			return err
		}
		return con.done(c.JSON, "%s removed", c.Domain)
	})
}

type aliasCmd struct {
	Add    aliasAdd    `cmd:"" help:"Make an address stand for others."`
	List   aliasList   `cmd:"" help:"List the aliases."`
	Remove aliasRemove `cmd:"" help:"Remove an alias."`
}

type aliasAdd struct {
	where
	Address     string   `arg:"" help:"The new address, or @domain for all that no other address takes."`
	Targets     []string `arg:"" name:"target" help:"Addresses that get its mail, of this server or of others."`
	OnlyMembers bool     `xor:"senders" help:"Only the accounts that it leads to may write to it, logged in."`
	OnlyHere    bool     `xor:"senders" help:"Only accounts of this server may write to it, logged in."`
	Force       bool     `help:"Let a catch-all send everything on to other servers, spam too."`
}

func (aliasAdd) Help() string {
	return `Mail for addresses of other servers is sent on to them, but for what is taken for junk.

Examples:
  restante alias add sales@example.org anna@example.org ben@example.org
  restante alias add sales@example.org anna@example.org someone@mail.example
  restante alias add board@example.org anna@example.org ben@example.org --only-members
  restante alias add @example.org anna@example.org`
}

func (c *aliasAdd) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		a, err := b.AddAlias(ctx, c.Address, admind.NewAlias{Targets: c.Targets, Senders: c.senders(), Force: c.Force})
		if err != nil {
			return err
		}
		also := ""
		if len(a.Outside) > 0 {
			also = "; mail is sent on to other servers for " + strings.Join(a.Outside, ", ")
		}
		return con.done(c.JSON, "%s stands for %s%s", c.Address, strings.Join(c.Targets, ", "), also)
	})
}

func (c *aliasAdd) senders() directory.Senders {
	switch {
	case c.OnlyMembers:
		return directory.Members
	case c.OnlyHere:
		return directory.Here
	}
	return directory.Everybody
}

type aliasList struct {
	where
	Domain string `arg:"" optional:"" help:"Only those of this domain."`
}

func (c *aliasList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return list(con, c.JSON, b.Aliases(ctx, c.Domain), "ALIAS FROM TARGETS", func(a directory.Alias) []string {
			from := "everybody"
			if a.Senders != directory.Everybody {
				from = string(a.Senders)
			}
			return []string{a.Address, from, strings.Join(append(a.Targets, a.Outside...), ", ")}
		})
	})
}

type aliasRemove struct {
	where
	Address string `arg:"" help:"The alias."`
}

func (c *aliasRemove) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.RemoveAlias(ctx, c.Address); err != nil {
			return err
		}
		return con.done(c.JSON, "%s removed", c.Address)
	})
}

type statusCmd struct{ where }

func (c *statusCmd) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		s, err := b.Status(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(s)
		}
		con.print("restante %s, process %d, up since %s (%s)\ndata in %s\n",
			s.Version, s.PID, date(s.Started), time.Since(s.Started).Round(time.Second), s.Data)
		con.printQueue(&s.Queue)
		con.printSigning(&s.Signing)
		con.printCertificates(&s.Certificates)
		con.printBackups(s.Backup)
		t := con.table("PROTOCOL", "ADDRESS")
		for _, l := range s.Listeners {
			t.row(l.Protocol, l.Address)
		}
		return t.w.Flush()
	})
}

// printBackups says how it stands with backups, and ends the paragraph.
func (con *console) printBackups(b *admind.BackupStatus) {
	if b == nil {
		con.print("backups: none; set backup.to\n\n")
		return
	}
	con.print("last good backup: %s", date(b.Last))
	if b.To != "" {
		con.print(", to %s", b.To)
	}
	con.print("\n")
	if b.Error != "" {
		con.print("BACKUP FAILED at %s: %s\n", date(b.Failed), b.Error)
	}
	switch {
	case b.DrillError != "":
		con.print("BACKUP DRILL FAILED at %s: %s\n", date(b.Drilled), b.DrillError)
	case !b.Drilled.IsZero():
		con.print("last drill: %s, %d messages brought back and compared\n", date(b.Drilled), b.DrillMessages)
	}
	con.print("\n")
}

type reloadCmd struct{ where }

func (c *reloadCmd) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.Reload(ctx); err != nil {
			return err
		}
		return con.done(c.JSON, "reloaded")
	})
}

// quota is a size in a flag.
type quota uint64

// UnmarshalText implements encoding.TextUnmarshaler.
func (q *quota) UnmarshalText(b []byte) error {
	var s config.Size
	if err := s.UnmarshalText(b); err != nil {
		return err
	}
	*q = quota(s)
	return nil
}
