package app

import (
	"time"

	"restante/internal/flow/check"
)

// checker is who looks at mail from strangers; nil where the configuration wants none of it.
func (c *Core) checker() *check.Checker {
	conf := &c.config.Check
	if !conf.SPF && !conf.DKIM && !conf.DMARC && !conf.ARC {
		return nil
	}
	return check.New(check.Options{
		Resolver: c.resolver, SPF: conf.SPF, DKIM: conf.DKIM, DMARC: conf.DMARC, ARC: conf.ARC,
		Forwarders: prefixes(conf.Forwarders), Total: time.Duration(conf.Time),
	})
}
