package cli

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"restante/internal/app"
	"restante/internal/config"
	"restante/internal/ops/zone"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

type dnsCmd struct {
	Show  dnsShow  `cmd:"" help:"Show the records that a domain has to have, as a fragment of a zone file."`
	Check dnsCheck `cmd:"" help:"Compare the records with what is published, and say what to do."`
}

// zoned is a domain of a server.
type zoned struct {
	where
	Domain string `arg:"" help:"The domain."`
}

// zoneOf is what there is to say about a domain's zone.
type zoneOf struct {
	config  *config.Config
	domain  addr.Domain
	records []zone.Record
	keys    []admind.SigningKey
}

// find finds the records of the domain, which must be one of the server's. With look, its new keys are used if they are published.
func (z *zoned) find(ctx context.Context, con *console, look bool) (out zoneOf, err error) {
	if z.Dir != "" {
		return out, &failure{exitUsage, errors.New("records have the server's name, which is in its configuration: name that, --config FILE")}
	}
	if out.config, err = z.config(); err != nil {
		return out, err
	}
	return out, z.with(ctx, con, false, func(b admind.Backend) error {
		d, err := b.Domain(ctx, z.Domain)
		if err == nil && look {
			_, err = b.LookForSigningKeys(ctx, z.Domain)
		}
		if err == nil {
			out.keys, err = collected(b.SigningKeys(ctx, z.Domain))
		}
		out.domain, out.records = d.Name, zone.Records(app.Zone(out.config, d.Name, out.keys))
		return err
	})
}

// collected is a list in one piece.
func collected[T any](items iter.Seq2[T, error]) (out []T, err error) {
	for v, err := range items {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

type dnsShow struct{ zoned }

func (dnsShow) Help() string {
	return `The lines go into the zone of the domain, or are typed into the forms of whoever keeps it. What is in quotes is one text, even in several pairs.

Example:
  restante dns show example.org`
}

func (c *dnsShow) Run(ctx context.Context, con *console) error {
	z, err := c.find(ctx, con, false)
	if err != nil {
		return err
	}
	if c.JSON {
		return con.json(z.records)
	}
	return zone.Write(con.out, z.records)
}

type dnsCheck struct {
	zoned
	Probe string `default:"gmail.com" placeholder:"DOMAIN" help:"Whose mail server is connected to, to see whether port 25 is open for outgoing mail; empty: nobody's."`
}

func (dnsCheck) Help() string {
	return `Asks the resolver of the configuration for every record, and looks at this machine: its addresses and their names, port 25 out, the resolver,
the clock, the disk. Mail is signed from then on with new keys that are published, where the configuration says so (dkim.automatic). Run it on the server's machine. What is there need not look as "dns show" has it, it must work. Advice is no error; the
exit code is 1 where something is wrong or cannot be told.

Example:
  restante dns check example.org`
}

func (c *dnsCheck) Run(ctx context.Context, con *console) error {
	z, err := c.find(ctx, con, true)
	if err != nil {
		return err
	}
	checks := app.ZoneChecks(z.config, c.Probe)
	rows := zone.Check(ctx, checks.Resolver, z.records)
	rows = append(rows, signedRow(z.domain, z.keys, time.Duration(z.config.DKIM.Remind), time.Now()))
	rows = append(rows, zone.Machine(ctx, checks)...)
	more, err := c.certificates(ctx, con)
	if err != nil {
		return err
	}
	rows = append(rows, more...)
	wrong := 0
	for _, r := range rows {
		if r.State == zone.Bad || r.State == zone.Unknown {
			wrong++
		}
	}
	if c.JSON {
		err = con.json(rows)
	} else {
		err = con.checked(rows)
	}
	if err == nil && wrong > 0 {
		err = &failure{code: exitFailed}
	}
	return err
}

// certificates are those of the running server; none if it does not run.
func (c *dnsCheck) certificates(ctx context.Context, con *console) (rows []zone.Row, err error) {
	err = c.with(ctx, con, false, func(b admind.Backend) error {
		rows, _, err = certificateRows(ctx, b)
		if errors.Is(err, admind.ErrNotRunning) {
			return nil
		}
		return err
	})
	return rows, err
}

// checked writes the outcome of checks: a line for each, and what to do below it.
func (con *console) checked(rows []zone.Row) error {
	for _, r := range rows {
		found := r.Found
		if found == "" {
			found = "nothing"
		}
		con.print("%-8s %s: %s\n", r.State, r.What, clip(strings.Map(visible, found), 200))
		if r.Fix != "" {
			con.print("         -> %s\n", r.Fix)
		}
	}
	return nil
}

// visible keeps what others have written from moving the cursor.
func visible(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return '?'
	}
	return r
}
