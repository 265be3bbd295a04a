package app

import (
	"context"
	"time"

	"restante/internal/config"
	"restante/internal/proto/addr"
	"restante/internal/serve/confd"
	"restante/internal/trust/tlspolicy"
)

// programs is what tells mail programs and other servers how to come here, and an authority that the names are ours.
func (c *Core) programs(source *reloadable) *confd.Server {
	return confd.New(confd.Options{
		Host: c.config.Host, Hosts: func(ctx context.Context, d addr.Domain) (bool, error) { return c.directory.Load().Hosts(ctx, d) },
		Services: services(&c.config.Listen), Policy: policyForOthers(c.config),
		Token: source.token, Sign: func(profile []byte) ([]byte, error) { return source.sign(c.config.Host, profile, c.opts.Clock()) },
		Clock: c.opts.Clock, Metrics: c.metrics,
	})
}

// services are those for people that the server has, the best first, at the ports that programs expect them at: a proxy or a router may stand before
// the server, and only these are promised to the world (RFC 8314 7.3).
func services(l *config.Listen) []confd.Service {
	var list []confd.Service
	for _, s := range []struct {
		addresses []config.Address
		service   confd.Service
	}{
		{l.IMAPS, confd.Service{Kind: confd.IMAP, Port: 993}},
		{l.IMAP, confd.Service{Kind: confd.IMAP, Port: 143, StartTLS: true}},
		{l.POP3S, confd.Service{Kind: confd.POP3, Port: 995}},
		{l.POP3, confd.Service{Kind: confd.POP3, Port: 110, StartTLS: true}},
		{l.Submissions, confd.Service{Kind: confd.SMTP, Port: 465}},
		{l.Submission, confd.Service{Kind: confd.SMTP, Port: 587, StartTLS: true}},
	} {
		if len(s.addresses) > 0 {
			list = append(list, s.service)
		}
	}
	return list
}

// policyForOthers is the MTA-STS policy of the server's domains; none if it is off.
func policyForOthers(c *config.Config) tlspolicy.Policy {
	if c.MTASTS.Mode == "off" {
		return tlspolicy.Policy{}
	}
	p := tlspolicy.Policy{Mode: tlspolicy.Mode(c.MTASTS.Mode), MX: c.MTASTS.MX, MaxAge: time.Duration(c.MTASTS.MaxAge)}
	if len(p.MX) == 0 {
		p.MX = []string{c.Host}
	}
	return p
}
