package app

import (
	"context"
	"slices"
	"time"

	"restante/internal/config"
	"restante/internal/flow/guard"
	"restante/internal/flow/inbound"
	"restante/internal/flow/milter"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/proto/dnslist"
	"restante/internal/store"
)

// openStrangers makes who looks at those who bring mail by SMTP.
func (c *Core) openStrangers() *guard.Guard {
	conf := &c.config.Guard
	o := guard.Options{
		Host: c.config.Host, Resolver: c.resolver,
		Allow: append(prefixes(conf.Allow), prefixes(c.config.Check.Forwarders)...), AllowNames: conf.AllowNames,
		Hello: map[string]guard.Hello{"sane": guard.HelloSane, "strict": guard.HelloStrict}[conf.Hello],
		Greet: time.Duration(conf.GreetDelay),
		Limits: guard.Limits{
			Connections: conf.Connections, Messages: conf.Messages, Recipients: conf.Recipients, Unknown: conf.Unknown, Faults: conf.Errors,
		},
		Time: time.Duration(conf.Time), Clock: c.opts.Clock, Log: c.opts.Log, Metrics: c.metrics,
	}
	for _, l := range conf.List {
		o.Lists = append(o.Lists, listOf(l))
	}
	if conf.Greylist {
		o.Greylist = &guard.Greylist{
			Delay: time.Duration(conf.GreylistDelay), Keep: time.Duration(conf.GreylistKeep), Store: c.store,
			Wrote: func(ctx context.Context, id store.AccountID, to addr.Address) (bool, error) {
				return submission.Wrote(ctx, c.store, id, to)
			},
		}
	}
	return guard.New(o)
}

// listOf is a list of a configuration that has been checked.
func listOf(l config.GuardList) guard.List {
	out := guard.List{Zone: l.Zone, Domains: l.Of == "domain", Allow: l.Allow, Weight: l.Weight}
	if out.Weight == 0 {
		out.Weight = 10
	}
	for _, a := range l.Answers {
		if p, err := dnslist.ParsePattern(a); err == nil {
			out.Answers = append(out.Answers, p)
		}
	}
	return out
}

// filters are the programs that are asked about mail by SMTP, or that is submitted.
func (c *Core) filters(at string) *milter.Client {
	o := milter.Options{Host: c.config.Host, Log: c.opts.Log}
	for _, m := range c.config.Milters {
		if !slices.Contains(m.At, at) && (at != "smtp" || len(m.At) > 0) {
			continue
		}
		f := milter.Filter{Pass: m.Failure == "pass", Command: time.Duration(m.Timeout), Message: time.Duration(m.MessageTimeout)}
		f.Network, f.Address = m.Network()
		o.Filters = append(o.Filters, f)
	}
	return milter.New(o)
}

// policy is what is done with what is found out about mail from others.
func (c *Core) policy() inbound.Policy {
	var sealers []addr.Domain
	for _, s := range c.config.Check.TrustedSealers {
		d, _ := addr.ParseDomain(s) // config has checked it
		sealers = append(sealers, d)
	}
	return inbound.Policy{
		Sealers: sealers,
		Reject:  c.config.Check.DMARCReject, Defer: c.config.Check.DMARCDefer, Refuse: c.config.Guard.Refuse, Junk: c.config.Guard.Junk,
	}
}
