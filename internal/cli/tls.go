package cli

import (
	"context"
	"fmt"
	"time"

	"restante/internal/ops/zone"
	"restante/internal/serve/admind"
)

type tlsCmd struct {
	List  tlsList  `cmd:"" help:"List the names that certificates are shown for: from where, and until when."`
	Renew tlsRenew `cmd:"" help:"Ask the authority for certificates now."`
	Check tlsCheck `cmd:"" help:"Tell what is wrong with certificates, and what to do; for monitoring."`
}

type tlsList struct{ where }

func (tlsList) Help() string {
	return `A name is "missing" until the authority has issued its certificate, and "elsewhere" if the DNS leads it to another server: then nobody is asked for one.

Example:
  restante tls list`
}

func (c *tlsList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		now := time.Now()
		return list(con, c.JSON, b.Certificates(ctx), "NAME STATE FROM UNTIL WHY", func(c admind.Certificate) []string {
			return []string{c.Name, c.State, from(&c), until(c.Until, now), clip(why(&c, now), 90)}
		})
	})
}

// from is who a certificate is from.
func from(c *admind.Certificate) string {
	switch {
	case c.Source == "file":
		return c.File
	case c.Source == "acme" && c.Issuer == "":
		return "-"
	case c.Source == "acme":
		return clip(c.Issuer, 28) + " (acme)"
	}
	return c.Source
}

func until(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case now.After(t):
		return date(t)
	}
	return fmt.Sprintf("%s (%s)", date(t), period(t.Sub(now)))
}

// why is what is to be known about a certificate beside its state.
func why(c *admind.Certificate, now time.Time) string {
	text := c.Error
	if text == "" {
		text = c.Advice
	}
	if !c.Next.IsZero() {
		text += " [tried again " + nextTry(c.Next, now) + "]"
	}
	return text
}

type tlsRenew struct {
	where
	Names []string `arg:"" optional:"" name:"name" help:"The names. Without one: all that have failed, and those whose time has come."`
}

func (tlsRenew) Help() string {
	return `The server does this by itself. It helps after something has been mended that failed: the server waits longer and longer before it tries again. Authorities
count: do not have good certificates renewed for fun.

Examples:
  restante tls renew
  restante tls renew imap.example.org`
}

func (c *tlsRenew) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		var all []admind.Certificate
		failed := false
		for cert, err := range b.RenewCertificates(ctx, c.Names) {
			if err != nil {
				return err
			}
			all = append(all, cert)
			failed = failed || cert.Error != ""
			if !c.JSON {
				con.renewed(&cert)
			}
		}
		if c.JSON {
			if err := con.json(append([]admind.Certificate{}, all...)); err != nil {
				return err
			}
		} else if len(all) == 0 {
			con.print("nothing is due\n")
		}
		if failed {
			return &failure{code: exitFailed}
		}
		return nil
	})
}

// renewed says what has come of a name.
func (con *console) renewed(c *admind.Certificate) {
	if c.Error == "" {
		con.print("%s: certificate from %s until %s\n", c.Name, c.Issuer, date(c.Until))
		return
	}
	con.print("%s: %s\n", c.Name, clip(c.Error, 300))
	if c.Advice != "" {
		con.print("  -> %s\n", c.Advice)
	}
}

type tlsCheck struct{ where }

func (tlsCheck) Help() string {
	return `A line for each name, and what to do below it. The exit code is 1 if a certificate is missing, has expired, or ends within 20 days and is not renewed
(of certificates that are good for less than 90 days, sooner in proportion).

Example:
  restante tls check`
}

func (c *tlsCheck) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		rows, wrong, err := certificateRows(ctx, b)
		if err != nil {
			return err
		}
		if c.JSON {
			err = con.json(rows)
		} else {
			err = con.checked(rows)
		}
		if err == nil && wrong {
			err = &failure{code: exitFailed}
		}
		return err
	})
}

// certificateRows are the certificates of a running server as the outcome of checks, and whether something has to be done.
func certificateRows(ctx context.Context, b admind.Backend) (rows []zone.Row, wrong bool, err error) {
	now := time.Now()
	rows = []zone.Row{}
	for c, err := range b.Certificates(ctx) {
		if err != nil {
			return nil, false, err
		}
		r := zone.Row{State: zone.Good, What: "certificate " + c.Name, Found: c.State}
		if !c.Until.IsZero() {
			r.Found = fmt.Sprintf("%s, until %s", c.State, until(c.Until, now))
		}
		if c.Error != "" {
			r.Found += ": " + c.Error
		}
		switch {
		case c.Wrong():
			r.State, wrong = zone.Bad, true
		case c.State == admind.CertificateUnknown:
			r.State = zone.Unknown
		case c.State != admind.CertificateGood:
			r.State = zone.Advice
		}
		if r.State != zone.Good {
			r.Fix = c.Advice
		}
		rows = append(rows, r)
	}
	return rows, wrong, nil
}

// printCertificates says how it stands with certificates.
func (con *console) printCertificates(s *admind.CertificateStatus) {
	if s.Names > 0 {
		con.print("certificates: %d %s, the first ends %s\n", s.Names, map[bool]string{true: "name", false: "names"}[s.Names == 1], date(s.Until))
	}
	for _, w := range s.Wrong {
		con.print("CERTIFICATE of %s: see restante tls check\n", w)
	}
}
