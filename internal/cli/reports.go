package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"restante/internal/serve/admind"
)

type reportsCmd struct {
	DMARC reportsDMARC `cmd:"" name:"dmarc" help:"Who has sent mail that says to be from your domains, and whether it was."`
	TLS   reportsTLS   `cmd:"" name:"tls" help:"Who could not reach your mail servers by TLS, and why."`
}

// reported is what to show reports of.
type reported struct {
	where
	Domain string `arg:"" optional:"" help:"Only those about this domain and what is below it."`
	Since  string `default:"30d" placeholder:"PERIOD" help:"Only those about the last days (30d, 12w) or since a day (2026-11-01)."`
}

func (r *reported) request(names bool) (admind.ReportsRequest, error) {
	since, err := sinceDay(r.Since, time.Now())
	if err != nil {
		return admind.ReportsRequest{}, &failure{exitUsage, err}
	}
	return admind.ReportsRequest{Domain: r.Domain, Since: since, Names: names}, nil
}

// sinceDay reads a number of days or weeks before now, or a day.
func sinceDay(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	for unit, days := range map[string]int{"d": 1, "w": 7} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			if n, err := strconv.ParseUint(digits, 10, 12); err == nil {
				return now.AddDate(0, 0, -int(n)*days), nil
			}
		}
	}
	return time.Time{}, errors.New("--since is a number of days or weeks (30d, 12w) or a day (2026-11-01)")
}

type reportsDMARC struct {
	reported
	Names bool `default:"true" negatable:"" help:"Ask the DNS for the names of the sources."`
}

func (reportsDMARC) Help() string {
	return `Other mail servers count the mail that says to be from your domains and tell dmarc-reports@ of each of them, once a day, if the DMARC record asks for it
("restante dns show"). SPF and DKIM are the messages that they stood for. What was not yours was refused where the record says p=reject.

Example:
  restante reports dmarc example.org --since 7d`
}

func (c *reportsDMARC) Run(ctx context.Context, con *console) error {
	r, err := c.request(c.Names)
	if err != nil {
		return err
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		out, err := b.DMARCReports(ctx, r)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return con.json(out)
		}
		return con.dmarcReports(c.Domain, &out)
	})
}

// spanned begins a summary; false: there is nothing to sum up.
func (con *console) spanned(domain, what string, s *admind.ReportsSpan) bool {
	if domain == "" {
		domain = "all domains"
	}
	if s.Reports == 0 {
		con.print("nobody has reported on %s yet\n", domain)
		return false
	}
	con.print("%s, %s to %s: %s\n%s by %s", domain, s.First, s.Last, what, plural(s.Reports, "report"), clip(strings.Join(s.Reporters, ", "), 150))
	if s.Unverified > 0 {
		con.print("; who sent %d of them could not be verified", s.Unverified)
	}
	con.print("\n\n")
	return true
}

func (con *console) dmarcReports(domain string, r *admind.DMARCReports) error {
	if !con.spanned(domain, fmt.Sprintf("%d messages said to be from there, %d of them were", r.Messages, r.Passed), &r.ReportsSpan) {
		return nil
	}
	t := con.table("SOURCE", "NAME", "MESSAGES", "SPF", "DKIM", "DONE", "WHOSE")
	for i := range r.Sources {
		s := &r.Sources[i]
		name := s.Name
		if name == "" {
			name = "-"
		}
		t.row(s.IP, clip(name, 40), fmt.Sprint(s.Messages), fmt.Sprint(s.SPF), fmt.Sprint(s.DKIM), done(s), clip(s.Whose, 100))
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	if r.Others > 0 {
		con.print("and %s from sources that were too many\n", messages(int(r.Others)))
	}
	con.print("\n")
	for i := range r.Sources {
		if s := &r.Sources[i]; s.Whose == "not yours" {
			con.print("%s from %s said to be from you and %s not (%s).\n", messages(int(s.Messages)), s.IP, wasOrWere(s.Messages), done(s))
		}
	}
	return nil
}

func wasOrWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// done is what was done with the messages of a source.
func done(s *admind.DMARCSource) string {
	var parts []string
	if s.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d refused", s.Refused))
	}
	if s.Junk > 0 {
		parts = append(parts, fmt.Sprintf("%d to Junk", s.Junk))
	}
	if n := s.Messages - s.Refused - s.Junk; n > 0 && len(parts) > 0 {
		parts = append(parts, fmt.Sprintf("%d taken", n))
	}
	if len(parts) == 0 {
		return "taken"
	}
	return strings.Join(parts, ", ")
}

type reportsTLS struct{ reported }

func (reportsTLS) Help() string {
	return `Other mail servers count how often they could reach those of your domains by TLS, and tell tls-reports@ of each domain, once a day, if its TLS-RPT record
asks for it ("restante dns show").

Example:
  restante reports tls example.org`
}

func (c *reportsTLS) Run(ctx context.Context, con *console) error {
	r, err := c.request(false)
	if err != nil {
		return err
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		out, err := b.TLSReports(ctx, r)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return con.json(out)
		}
		return con.tlsReports(c.Domain, &out)
	})
}

func (con *console) tlsReports(domain string, r *admind.TLSReports) error {
	if !con.spanned(domain, fmt.Sprintf("%d sessions by TLS, and %d that failed", r.Successes, r.Failures), &r.ReportsSpan) {
		return nil
	}
	if len(r.Failed) == 0 {
		return nil
	}
	t := con.table("REPORTER", "LAST", "FAILED", "HOST", "POLICY", "WHY")
	for _, f := range r.Failed {
		host := f.Host
		if host == "" {
			host = "-"
		}
		why := f.Why
		if f.Reason != "" {
			why += ": " + f.Reason
		}
		t.row(clip(f.Reporter, 30), f.Last, fmt.Sprint(f.Sessions), clip(host, 40), map[string]string{"sts": "MTA-STS", "tlsa": "DANE"}[f.Policy]+noPolicy(f.Policy), clip(why, 100))
	}
	return t.w.Flush()
}

func noPolicy(policy string) string {
	if policy == "sts" || policy == "tlsa" {
		return ""
	}
	return "none"
}
