package app

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/signing"
	"restante/internal/ops/zone"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

// hosted is a domain of this server.
func (c *Core) hosted(ctx context.Context, name string) (addr.Domain, error) {
	d, err := parseDomain(name)
	if err != nil {
		return d, err
	}
	hosted, err := c.directory.Load().Hosts(ctx, d)
	if err == nil && !hosted {
		err = fmt.Errorf("%s: %w", d, directory.ErrNotLocal)
	}
	return d, err
}

// SigningKeys implements admind.Backend.
func (c *Core) SigningKeys(ctx context.Context, domain string) iter.Seq2[admind.SigningKey, error] {
	return told(func(tell func(admind.SigningKey) error) error {
		var domains []addr.Domain
		if domain != "" {
			d, err := c.hosted(ctx, domain)
			if err != nil {
				return err
			}
			domains = []addr.Domain{d}
		} else {
			all, err := c.signing.Domains(ctx)
			if err != nil {
				return err
			}
			domains = slices.Sorted(maps.Keys(all))
		}
		for _, d := range domains {
			list, err := c.signing.List(ctx, d)
			if err != nil {
				return err
			}
			for _, k := range c.signingKeys(list) {
				if err := tell(k); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// signingKeys are the keys of one domain for people.
func (c *Core) signingKeys(list []signing.Entry) []admind.SigningKey {
	used, past := signedBy(list), c.opts.Clock().Add(-lingers(time.Duration(c.config.Send.Expire)))
	out := make([]admind.SigningKey, 0, len(list))
	for i := range list {
		e := &list[i]
		out = append(out, admind.SigningKey{
			Domain: string(e.Domain), Selector: e.Selector, Algorithm: e.Algorithm, State: string(e.State),
			Created: e.Created, Since: e.Since, Name: e.Name, Text: e.Text,
			Needed: e.State == signing.Active || e.State == signing.Next && used == 0,
			Past:   e.State == signing.Retired && e.Since.Before(past),
		})
	}
	return out
}

// signedBy is how many keys of a domain are in use.
func signedBy(list []signing.Entry) (n int) {
	for i := range list {
		if list[i].State == signing.Active {
			n++
		}
	}
	return n
}

// NewSigningKeys implements admind.Backend.
func (c *Core) NewSigningKeys(ctx context.Context, domain string) ([]admind.SigningKey, error) {
	d, err := c.hosted(ctx, domain)
	if err != nil {
		return nil, err
	}
	list, err := c.signing.Generate(ctx, d)
	return c.signingKeys(list), err
}

// firstKeys makes the keys of a domain that has none. It waits for nothing but the machine: a key is of use once it is published.
func (c *Core) firstKeys(ctx context.Context, d addr.Domain) error {
	list, err := c.signing.List(ctx, d)
	if err == nil && len(list) == 0 {
		_, err = c.signing.Generate(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("%s is there, but has no keys to sign with (restante dkim new %s): %w", d, d, err)
	}
	return nil
}

// UseSigningKeys implements admind.Backend.
func (c *Core) UseSigningKeys(ctx context.Context, u admind.SigningUse) ([]admind.SigningKey, error) {
	d, err := c.hosted(ctx, u.Domain)
	if err != nil {
		return nil, err
	}
	list, err := c.signing.List(ctx, d)
	if err != nil {
		return nil, err
	}
	for i := range list {
		e := &list[i]
		wanted := e.State == signing.Next
		if len(u.Selectors) > 0 {
			wanted = slices.Contains(u.Selectors, e.Selector)
		}
		if !wanted || u.Force {
			continue
		}
		if row := c.published(ctx, e); row.State != zone.Good {
			return nil, fmt.Errorf("%w: %s: %s", admind.ErrNotPublished, e.Name, asked(row))
		}
	}
	if err := c.signing.Use(ctx, d, u.Selectors...); err != nil {
		return nil, err
	}
	if list, err = c.signing.List(ctx, d); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e signing.Entry) bool { return e.State != signing.Active })
	return c.signingKeys(list), nil
}

// asked says what the DNS has said about a key.
func asked(r zone.Row) string {
	switch {
	case r.Found == "":
		return "there is no such record, or nobody has heard of it yet"
	case r.State == zone.Unknown:
		return r.Found
	}
	return fmt.Sprintf("there is %.80q; %s", r.Found, strings.SplitN(r.Fix, ":", 2)[0])
}

// published asks the DNS for the record of a key.
func (c *Core) published(ctx context.Context, e *signing.Entry) zone.Row {
	return zone.Check(ctx, c.resolver, []zone.Record{zone.Key{Selector: e.Selector, Text: e.Text}.Record(e.Domain)})[0]
}

// RetireSigningKey implements admind.Backend.
func (c *Core) RetireSigningKey(ctx context.Context, domain, selector string) error {
	d, err := c.hosted(ctx, domain)
	if err == nil {
		err = c.signing.Retire(ctx, d, selector)
	}
	return err
}

// RemoveSigningKey implements admind.Backend.
func (c *Core) RemoveSigningKey(ctx context.Context, domain, selector string, force bool) error {
	d, err := c.hosted(ctx, domain)
	if err != nil {
		return err
	}
	list, err := c.signing.List(ctx, d)
	if err != nil {
		return err
	}
	for i := range list {
		e := &list[i]
		if until := e.Since.Add(lingers(time.Duration(c.config.Send.Expire))); e.Selector == selector && e.State == signing.Retired && !force && c.opts.Clock().Before(until) {
			return fmt.Errorf("%w until %s", admind.ErrUnderWay, until.Format(time.DateOnly))
		}
	}
	return c.signing.Remove(ctx, d, selector)
}

// lingers is how long mail may be under way after it was signed, which is when it was submitted: it may be scheduled, then wait in the queue, then with
// somebody who passes it on.
func lingers(expire time.Duration) time.Duration { return maxHold + expire + 2*24*time.Hour }

// maxNamed bounds the domains that a status names.
const maxNamed = 20

// signingStatus says whose mail is signed.
func (c *Core) signingStatus(ctx context.Context) (s admind.SigningStatus, err error) {
	uses, err := c.signing.Domains(ctx)
	if err != nil {
		return s, err
	}
	now, remind := c.opts.Clock(), time.Duration(c.config.DKIM.Remind)
	for d, err := range c.directory.Domains(ctx) {
		if err != nil {
			return s, err
		}
		s.Domains++
		switch u := uses[d.Name]; {
		case u.Active > 0:
			s.Signed++
			if remind > 0 && now.Sub(u.Oldest) > remind && len(s.Old) < maxNamed {
				s.Old = append(s.Old, string(d.Name))
			}
		case len(s.Unsigned) < maxNamed:
			s.Unsigned = append(s.Unsigned, string(d.Name))
		}
	}
	return s, nil
}
