package app

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"restante/internal/base/fetch"
	"restante/internal/flow"
	"restante/internal/flow/feedback"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
)

// reports are what mail servers tell each other: those of others, and ours.
type reports struct {
	archive *feedback.Archive
	desk    *feedback.Desk
	courier *feedback.Courier // nil where no server runs
}

func (c *Core) openReports() {
	c.archive = feedback.NewArchive(c.store, time.Duration(c.config.Report.Keep), c.opts.Clock)
	c.desk = feedback.NewDesk(c.archive, &c.directory, c.opts.Log)
}

// reportTimes are how long the queue tries to bring a report (RFC 8460 5.5); nobody is told that it is late.
var reportTimes = queue.Times{Expire: 24 * time.Hour, Warn: 48 * time.Hour}

// openCourier builds what counts and sends reports.
func (c *Core) openCourier() error {
	r := &c.config.Report
	from, err := c.reporterAddress()
	if err != nil {
		return fmt.Errorf("report.from: %w", err)
	}
	contact := from
	if r.Contact != "" {
		if contact, err = addr.Parse(r.Contact); err != nil {
			return fmt.Errorf("report.contact: %w", err)
		}
	}
	front := c.front()
	front.Times = reportTimes
	c.courier, err = feedback.NewCourier(context.Background(), feedback.Options{
		Store: c.store, Front: front, Signer: c.signing, Resolver: c.resolver, Post: fetch.New(fetch.Options{Resolver: c.resolver}), Archive: c.archive,
		TLS: r.TLS && !c.opts.AtHome, DMARC: r.DMARC && !c.opts.AtHome, From: from, Contact: contact,
		Organization: cmp.Or(r.Organization, string(from.Domain)), Host: c.config.Host, Here: c.desk.Here, Clock: c.opts.Clock, Log: c.opts.Log,
	})
	return err
}

// reporterAddress is who writes reports.
func (c *Core) reporterAddress() (addr.Address, error) {
	if c.config.Report.From != "" {
		return addr.Parse(c.config.Report.From)
	}
	domain := c.config.Host
	if p, err := addr.Parse(c.config.Postmaster); err == nil {
		domain = string(p.Domain)
	}
	return addr.New("postmaster", cmp.Or(c.config.DefaultDomain, domain))
}

// countDMARC counts a message for the reports on who sends mail that says to be from a domain.
func (c *Core) countDMARC(ctx context.Context, r *flow.Received, v *flow.Verdict) {
	if c.courier != nil {
		c.courier.CountDMARC(ctx, r, v)
	}
}
