package feedback

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/proto/addr"
	"restante/internal/proto/dmarcreport"
	"restante/internal/proto/packed"
	"restante/internal/proto/tlsrpt"
	"restante/internal/trust/dmarc"
	"restante/internal/trust/tlspolicy"
)

// sendTLS sends the TLS report of a page. One of the places that the domain names has to take it (RFC 8460 3).
func (c *Courier) sendTLS(ctx context.Context, p page) error {
	if !c.opts.TLS {
		return errNobody
	}
	texts, _, err := dns.TXTs(ctx, c.opts.Resolver, "_smtp._tls."+p.domain)
	if err != nil && !dns.Absent(err) {
		return fmt.Errorf("its TLS-RPT record cannot be looked up: %w", err)
	}
	wish, ok := tlspolicy.ParseReport(texts)
	if !ok {
		return errNobody
	}
	report := c.tlsReport(p)
	text, err := report.Append(nil)
	if err != nil {
		return err
	}
	data := packed.Gzip(text)
	var failed error
	for _, uri := range wish.URIs {
		if err := c.sendTLSTo(ctx, uri, &report, p, data); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", uri, err))
			continue
		}
		c.opts.Log.Info("report sent", "kind", "tls", "domain", p.domain, "day", p.day, "to", uri)
		return nil
	}
	return failed
}

var errPlace = errors.New("reports cannot be sent there")

func (c *Courier) sendTLSTo(ctx context.Context, uri string, r *tlsrpt.Report, p page, data []byte) error {
	if scheme, _, _ := strings.Cut(uri, ":"); strings.EqualFold(scheme, "https") {
		if c.opts.Post == nil {
			return errPlace
		}
		return c.opts.Post.Post(ctx, "https"+uri[len(scheme):], tlsrpt.TypeGzip, data) // RFC 8460 5.4
	}
	to, ok := dmarc.MailTo(uri)
	if !ok {
		return errPlace
	}
	if c.opts.Here(ctx, to) {
		return c.opts.Archive.addTLS(ctx, p.domain, r, string(c.opts.From.Domain))
	}
	submitter := string(c.opts.Contact.Domain) // RFC 8460 5.3: that of contact-info
	return c.mail(ctx, &letter{
		to: []addr.Address{to}, subject: tlsrpt.Subject(p.domain, submitter, r.ID), kind: "multipart/report; report-type=\"tlsrpt\"", signed: true,
		// RFC 8689 3: the report is to arrive though TLS fails, of which it may tell (RFC 8460 3).
		header: "TLS-Report-Domain: " + p.domain + "\r\nTLS-Report-Submitter: " + submitter + "\r\nTLS-Required: No\r\n",
		text: fmt.Sprintf("This is an aggregate TLS report from %s for mail to %s\nbetween %s and %s.\n", submitter, p.domain,
			r.Start.Format("2006-01-02 15:04:05"), r.End.Format("2006-01-02 15:04:05 MST")),
		file: tlsrpt.Filename(submitter, p.domain, r.Start, r.End, ""), fileType: tlsrpt.TypeGzip, data: data,
	})
}

// sendDMARC sends the report about mail that says to be from a domain to everybody whom it names (RFC 9990 3.5).
func (c *Courier) sendDMARC(ctx context.Context, p page) error {
	if !c.opts.DMARC {
		return errNobody
	}
	record, err := dmarc.Published(ctx, c.opts.Resolver, p.domain)
	switch {
	case err != nil:
		return fmt.Errorf("its DMARC record cannot be looked up: %w", err)
	case record == nil:
		return errNobody
	}
	to, err := dmarc.Destinations(ctx, c.opts.Resolver, p.domain, record)
	switch {
	case err != nil:
		return fmt.Errorf("whether others want reports about it cannot be looked up: %w", err)
	case len(to) == 0:
		return errNobody
	}
	r := c.dmarcReport(p, record)
	submitter := string(c.opts.From.Domain)
	l := letter{
		subject: dmarcreport.Subject(p.domain, submitter, r.ID), kind: "multipart/mixed",
		text: fmt.Sprintf("This is an aggregate DMARC report from %s for mail from %s\nbetween %s and %s.\n", submitter, p.domain,
			r.Begin.Format("2006-01-02 15:04:05"), r.End.Format("2006-01-02 15:04:05 MST")),
		file: dmarcreport.Filename(submitter, p.domain, r.Begin, r.End, ""), fileType: "application/gzip", data: packed.Gzip(r.Append(nil)),
	}
	size := uint64(len(c.compose(&l, "")) + 8<<10) // the signatures, and what hosts on the way add
	for _, d := range to {
		switch {
		case c.opts.Here(ctx, d.To):
			if err := c.opts.Archive.addDMARC(ctx, &r, string(c.opts.From.Domain)); err != nil {
				return err
			}
		case d.Limit == 0 || size <= d.Limit:
			l.to = append(l.to, d.To)
		default:
			c.opts.Log.Info("report is too large for who wants it", "kind", "dmarc", "domain", p.domain, "day", p.day, "to", d.To.String(), "size", size)
		}
	}
	if len(l.to) == 0 {
		return nil
	}
	if err := c.mail(ctx, &l); err != nil {
		return err
	}
	c.opts.Log.Info("report sent", "kind", "dmarc", "domain", p.domain, "day", p.day, "to", fmt.Sprint(l.to))
	return nil
}
