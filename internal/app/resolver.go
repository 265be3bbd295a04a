package app

import "restante/internal/base/dns"

// openResolver is who is asked for names.
func (c *Core) openResolver() dns.Resolver {
	if c.opts.Resolver != nil {
		return c.opts.Resolver
	}
	opts := dns.Options{Trusted: c.config.DNS.Trusted, Metrics: c.metrics}
	for _, s := range c.config.DNS.Servers {
		opts.Servers = append(opts.Servers, s.AddrPort())
	}
	return dns.New(opts)
}
