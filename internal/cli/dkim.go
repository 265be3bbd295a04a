package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"restante/internal/ops/zone"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

type dkimCmd struct {
	List   dkimList   `cmd:"" help:"List the keys that domains sign with."`
	New    dkimNew    `cmd:"" help:"Make new keys for a domain, to be published."`
	Use    dkimUse    `cmd:"" help:"Sign with new keys, once they are published."`
	Retire dkimRetire `cmd:"" help:"Sign with a key no more."`
	Remove dkimRemove `cmd:"" help:"Forget a key that is not used any more."`
}

// Help tells of the life of a key.
func (dkimCmd) Help() string {
	return `Mail that people send is signed in the name of their domain (DKIM), with two keys: RSA, which everybody knows, and Ed25519. The life of a key:

  next     made by "domain add" or "dkim new"; its record is to be published
  active   mail is signed with it; the server begins by itself, within an hour or with "dns check", when it sees the record
           (where another key signs already, an hour later: then all name servers have it; "dkim use" begins at once)
  retired  another has taken its place; its record stays for two weeks, as long as mail that it has signed is under way
  removed  after that, with its record

Change keys every half a year:
  restante dkim new example.org
  restante dns check example.org
  restante dkim list example.org
  restante dkim remove example.org r20260522`
}

type dkimList struct {
	where
	Domain string `arg:"" optional:"" help:"Only those of this domain."`
}

func (c *dkimList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return list(con, c.JSON, b.SigningKeys(ctx, c.Domain), "DOMAIN SELECTOR ALGORITHM STATE SINCE", func(k admind.SigningKey) []string {
			return []string{addr.Domain(k.Domain).Unicode(), k.Selector, k.Algorithm, k.State, date(k.Since)}
		})
	})
}

type dkimNew struct {
	where
	Domain string `arg:"" help:"The domain."`
}

func (dkimNew) Help() string {
	return `Makes a pair and shows the records to publish. Keys that sign now go on until the new ones are used. New keys that were never used are replaced.

Example:
  restante dkim new example.org`
}

func (c *dkimNew) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		keys, err := b.NewSigningKeys(ctx, c.Domain)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(keys)
		}
		records := make([]zone.Record, len(keys))
		for i, k := range keys {
			records[i] = zone.Key{Selector: k.Selector, Text: k.Text}.Record(addr.Domain(k.Domain))
		}
		if err := zone.Write(con.out, records); err != nil {
			return err
		}
		con.print("\nPublish these, then: restante dns check %s\n", c.Domain)
		return nil
	})
}

type dkimUse struct {
	where
	Domain    string   `arg:"" help:"The domain."`
	Selectors []string `arg:"" optional:"" name:"selector" help:"The keys, by their selectors; without any, all that are new."`
	Force     bool     `help:"Also keys that the DNS does not have: nobody can check what they sign."`
}

func (dkimUse) Help() string {
	return `Asks the DNS first, and changes nothing where a key is not published. Keys of the same algorithm that were used before retire. A retired key can be used again.

Examples:
  restante dkim use example.org
  restante dkim use example.org r20261122`
}

func (c *dkimUse) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		keys, err := b.UseSigningKeys(ctx, admind.SigningUse{Domain: c.Domain, Selectors: c.Selectors, Force: c.Force})
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(keys)
		}
		return con.done(false, "mail of %s is signed with %s", c.Domain, selectors(keys))
	})
}

func selectors(keys []admind.SigningKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Selector
	}
	return strings.Join(names, " and ")
}

type dkimRetire struct {
	where
	Domain   string `arg:"" help:"The domain."`
	Selector string `arg:"" help:"The key."`
}

func (dkimRetire) Help() string {
	return `Leave its record in the DNS as long as mail that it has signed is under way, unless somebody has stolen the key: then take the record away at once.

Example:
  restante dkim retire example.org e20260522`
}

func (c *dkimRetire) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.RetireSigningKey(ctx, c.Domain, c.Selector); err != nil {
			return err
		}
		return con.done(c.JSON, "nothing is signed with %s any more", c.Selector)
	})
}

type dkimRemove struct {
	where
	Domain   string `arg:"" help:"The domain."`
	Selector string `arg:"" help:"The key."`
	Force    bool   `help:"Even if mail that it has signed may be under way."`
}

func (dkimRemove) Help() string {
	return "Example:\n  restante dkim remove example.org r20260522"
}

func (c *dkimRemove) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.RemoveSigningKey(ctx, c.Domain, c.Selector, c.Force); err != nil {
			return err
		}
		return con.done(c.JSON, "%s removed. Take %s._domainkey.%s out of the DNS", c.Selector, c.Selector, c.Domain)
	})
}

// signedRow is the row of a check that says whether mail of a domain is signed.
func signedRow(domain addr.Domain, keys []admind.SigningKey, remind time.Duration, now time.Time) zone.Row {
	row := zone.Row{State: zone.Good, What: "signing for " + string(domain)}
	var used, past []admind.SigningKey
	created, rsa := now, false
	for _, k := range keys {
		if k.Past {
			past = append(past, k)
		}
		if k.State == "active" {
			used = append(used, k)
			rsa = rsa || k.Algorithm == "rsa"
			if k.Created.Before(created) {
				created = k.Created
			}
		}
	}
	row.Found = selectors(used)
	switch age := now.Sub(created); {
	case len(keys) == 0:
		row.State, row.Fix = zone.Bad, fmt.Sprintf("mail is not signed, and many take it for spam: restante dkim new %s", domain)
	case len(used) == 0:
		row.State, row.Fix = zone.Bad, fmt.Sprintf("mail is not signed yet: publish the keys, then ask again, or: restante dkim use %s", domain)
	case !rsa:
		row.State, row.Fix = zone.Bad, "many know RSA alone, and take the mail for unsigned: publish the RSA key, too, then ask again"
	case remind > 0 && age > remind:
		row.State, row.Fix = zone.Advice, fmt.Sprintf("the keys are %s old, and may be guessed or stolen in the end: restante dkim new %s", period(age), domain)
	case len(past) > 0:
		row.State, row.Fix = zone.Advice, fmt.Sprintf("nobody needs %s any more: take the record away, then: restante dkim remove %s %s", past[0].Selector, domain, past[0].Selector)
	}
	return row
}

// printSigning says whose mail is signed.
func (con *console) printSigning(s *admind.SigningStatus) {
	if s.Domains == 0 {
		return
	}
	con.print("signed (DKIM): mail of %d of %d domains", s.Signed, s.Domains)
	for i, d := range s.Unsigned {
		if i == 0 {
			con.print("; not yet:")
		}
		con.print(" %s", d)
	}
	if n := s.Domains - s.Signed - len(s.Unsigned); n > 0 {
		con.print(" and %d more", n)
	}
	con.print("\n")
	for _, d := range s.Old {
		con.print("  the keys of %s are old: restante dkim new %s\n", d, d)
	}
}
