package app

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/internal/base/dns"
	"restante/internal/directory"
	"restante/internal/flow/feedback"
	"restante/internal/serve/admind"
)

// reportsDomain is the domain of a request, which must be one of the server's.
func (c *Core) reportsDomain(ctx context.Context, r admind.ReportsRequest) (string, error) {
	if r.Domain == "" {
		return "", nil
	}
	name, err := parseDomain(r.Domain)
	if err != nil {
		return "", err
	}
	hosted, err := c.directory.Load().Hosts(ctx, name)
	if err == nil && !hosted {
		err = fmt.Errorf("%s: %w", name, directory.ErrNotLocal)
	}
	return string(name), err
}

func reportsSpan(s *feedback.Span) admind.ReportsSpan {
	out := admind.ReportsSpan{First: s.First, Last: s.Last, Reports: s.Reports, Unverified: s.Unverified, Reporters: []string{}}
	for _, name := range s.Reporters {
		out.Reporters = append(out.Reporters, printable(name))
	}
	return out
}

// namesTime bounds the questions for the names of sources, and maxNames how many there are.
const (
	namesTime = 5 * time.Second
	maxNames  = 50
)

// DMARCReports implements admind.Backend.
func (c *Core) DMARCReports(ctx context.Context, r admind.ReportsRequest) (out admind.DMARCReports, err error) {
	domain, err := c.reportsDomain(ctx, r)
	if err != nil {
		return out, err
	}
	sum, err := c.archive.DMARCSince(ctx, domain, r.Since)
	if err != nil {
		return out, err
	}
	out = admind.DMARCReports{ReportsSpan: reportsSpan(&sum.Span), Messages: sum.Messages, Passed: sum.Passed, Others: sum.Others, Sources: []admind.DMARCSource{}}
	names := make([]string, min(len(sum.Sources), maxNames))
	var here []netip.Addr
	if r.Names {
		here = c.sourceNames(ctx, sum.Sources, names)
	}
	for i := range sum.Sources {
		s := &sum.Sources[i]
		one := admind.DMARCSource{
			IP: s.IP, Messages: s.Messages, Passed: s.Passed, SPF: s.SPF, DKIM: s.DKIM, Refused: s.Refused, Junk: s.Junk,
		}
		for _, d := range s.Others {
			one.For = append(one.For, printable(d))
		}
		if i < len(names) {
			one.Name = printable(names[i])
		}
		ip, err := netip.ParseAddr(s.IP)
		for _, own := range here {
			one.Here = one.Here || err == nil && own == ip
		}
		one.Whose = whose(&one, s.Forwarded)
		out.Sources = append(out.Sources, one)
	}
	return out, nil
}

// sourceNames asks for the names of the first sources, and for this server's addresses.
func (c *Core) sourceNames(ctx context.Context, sources []feedback.SourceSum, names []string) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(10)
	for i := range names {
		ip, err := netip.ParseAddr(sources[i].IP)
		if err != nil {
			continue
		}
		g.Go(func() error {
			if list, err := dns.Reverse(ctx, c.resolver, ip); err == nil && len(list) > 0 {
				names[i] = list[0]
			}
			return nil
		})
	}
	own, _ := dns.Addrs(ctx, c.resolver, c.config.Host) // without them no source is this server
	_ = g.Wait()                                        // they do not fail
	return own.IPs
}

// whose says in words where the mail of a source came from.
func whose(s *admind.DMARCSource, forwarded int64) string {
	failed := s.Messages - s.Passed
	yours := "yours"
	if s.Here {
		yours = "yours: this server"
	}
	switch {
	case failed == 0:
		return yours
	case s.Here:
		return fmt.Sprintf("this server, but %d of them failed", failed)
	case forwarded >= failed:
		return "passed on by others"
	case len(s.For) > 0:
		return "of " + strings.Join(s.For, ", ") + ": a list, a forward or a service, or not yours"
	case s.Passed > 0:
		return fmt.Sprintf("yours, but %d of them failed", failed)
	}
	return "not yours"
}

// TLSReports implements admind.Backend.
func (c *Core) TLSReports(ctx context.Context, r admind.ReportsRequest) (out admind.TLSReports, err error) {
	domain, err := c.reportsDomain(ctx, r)
	if err != nil {
		return out, err
	}
	sum, err := c.archive.TLSSince(ctx, domain, r.Since)
	if err != nil {
		return out, err
	}
	out = admind.TLSReports{ReportsSpan: reportsSpan(&sum.Span), Successes: sum.Successes, Failures: sum.Failures, Failed: []admind.TLSFailure{}}
	for i := range sum.Failed {
		f := &sum.Failed[i]
		out.Failed = append(out.Failed, admind.TLSFailure{
			Reporter: printable(f.Reporter), Last: f.Day, Policy: printable(f.Policy), Type: printable(f.Type), Host: printable(f.MX), Sessions: f.Sessions,
			Reason: printable(f.Reason), Why: tlsWhy(f.Type),
		})
	}
	return out, nil
}

// tlsWhy says in words what a report calls a failure (RFC 8460 4.3).
func tlsWhy(failure string) string {
	words := map[string]string{
		"starttls-not-supported":    "STARTTLS was not offered",
		"certificate-host-mismatch": "the certificate is not for the host's name",
		"certificate-expired":       "the certificate had expired",
		"certificate-not-trusted":   "the certificate is by nobody whom they trust",
		"validation-failure":        "TLS failed",
		"tlsa-invalid":              "the certificate is none of those that the TLSA records name (DANE)",
		"dnssec-invalid":            "the TLSA records could not be proved (DNSSEC)",
		"dane-required":             "they ask for DANE, and there are no TLSA records",
		"sts-policy-fetch-error":    "the MTA-STS policy could not be fetched",
		"sts-policy-invalid":        "the MTA-STS policy could not be read",
		"sts-webpki-invalid":        "the web server with the MTA-STS policy has a wrong certificate",
	}
	if w, ok := words[failure]; ok {
		return w
	}
	return "TLS failed: " + printable(failure)
}
