package app

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

var _ admind.Backend = (*Core)(nil)

// Status implements admind.Backend: without a Server nothing runs.
func (c *Core) Status(context.Context) (admind.Status, error) {
	return admind.Status{}, admind.ErrNotRunning
}

// Reload implements admind.Backend.
func (c *Core) Reload(context.Context) error { return admind.ErrNotRunning }

func badAddress(s string, err error) error {
	return fmt.Errorf("%w: %q: %w", directory.ErrBadAddress, s, err)
}

// parseAddress reads an address, or "@domain" for a domain's catch-all.
func parseAddress(s string) (addr.Address, error) {
	if domain, ok := strings.CutPrefix(s, "@"); ok {
		d, err := parseDomain(domain)
		return directory.CatchAll(d), err
	}
	a, err := addr.Parse(s)
	if err != nil {
		return a, badAddress(s, err)
	}
	return a, nil
}

func parseDomain(s string) (addr.Domain, error) {
	d, err := addr.ParseDomain(s)
	if err != nil {
		return d, badAddress(s, err)
	}
	return d, nil
}

// withAddress parses an address and goes on with it.
func (c *Core) withAddress(s string, do func(*directory.Directory, addr.Address) error) error {
	a, err := parseAddress(s)
	if err != nil {
		return err
	}
	return do(c.directory.Load(), a)
}

// AddDomain implements admind.Backend. The domain gets keys to sign with, which are not used before they are published.
func (c *Core) AddDomain(ctx context.Context, name string) error {
	d, err := parseDomain(name)
	if err != nil {
		return err
	}
	if err := c.directory.Load().AddDomain(ctx, d); err != nil {
		return err
	}
	return c.firstKeys(ctx, d)
}

// RemoveDomain implements admind.Backend.
func (c *Core) RemoveDomain(ctx context.Context, name string) error {
	d, err := parseDomain(name)
	if err != nil {
		return err
	}
	if err := c.directory.Load().RemoveDomain(ctx, d); err != nil {
		return err
	}
	return c.signing.RemoveAll(ctx, d)
}

// Domains implements admind.Backend.
func (c *Core) Domains(ctx context.Context) iter.Seq2[directory.Domain, error] {
	return c.directory.Load().Domains(ctx)
}

// AddAccount implements admind.Backend.
func (c *Core) AddAccount(ctx context.Context, n admind.NewAccount) (out directory.Account, err error) {
	err = c.withAddress(n.Address, func(d *directory.Directory, a addr.Address) error {
		account := directory.NewAccount{Quota: quotaOf(n.Quota)}
		if n.Password != "" {
			if account.Credential, err = d.Derive(ctx, n.Password); err != nil {
				return err
			}
		}
		out, err = d.CreateAccount(ctx, a, account)
		return err
	})
	return out, err
}

// Account implements admind.Backend.
func (c *Core) Account(ctx context.Context, address string) (out admind.AccountDetail, err error) {
	err = c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		if out.Account, err = d.Account(ctx, a); err != nil {
			return err
		}
		fw, err := d.Forward(ctx, a)
		if len(fw.To)+len(fw.Outside) > 0 {
			out.Forward = &fw
		}
		return err
	})
	if err != nil {
		return out, err
	}
	h, err := c.store.Account(ctx, out.ID)
	if err != nil {
		return out, err
	}
	defer h.Close()
	v := h.View()
	used, q := v.Used(), v.Quota()
	out.Used, out.Messages = used.Octets, used.Messages
	out.Quota = admind.Quota{Octets: q.Octets, Messages: q.Messages, Mailboxes: q.Mailboxes}
	for _, m := range v.Mailboxes() {
		out.Mailboxes = append(out.Mailboxes, mailboxDetail(m))
	}
	return out, nil
}

// Accounts implements admind.Backend.
func (c *Core) Accounts(ctx context.Context, domain string) iter.Seq2[directory.Account, error] {
	return listed(ctx, c, domain, func(d *directory.Directory, name addr.Domain) iter.Seq2[directory.Account, error] {
		return d.Accounts(ctx, name)
	})
}

// Aliases implements admind.Backend.
func (c *Core) Aliases(ctx context.Context, domain string) iter.Seq2[directory.Alias, error] {
	return listed(ctx, c, domain, func(d *directory.Directory, name addr.Domain) iter.Seq2[directory.Alias, error] {
		return d.Aliases(ctx, name)
	})
}

// listed is a list of a domain, which must be hosted, or of all when it is empty.
func listed[T any](ctx context.Context, c *Core, domain string, list func(*directory.Directory, addr.Domain) iter.Seq2[T, error]) iter.Seq2[T, error] {
	d := c.directory.Load()
	if domain == "" {
		return list(d, "")
	}
	name, err := parseDomain(domain)
	if err == nil {
		var hosted bool
		if hosted, err = d.Hosts(ctx, name); err == nil && !hosted {
			err = fmt.Errorf("%s: %w", name, directory.ErrNotLocal)
		}
	}
	if err != nil {
		return told(func(func(T) error) error { return err })
	}
	return list(d, name)
}

// SetHash implements admind.Backend.
func (c *Core) SetHash(ctx context.Context, address, hash string) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		credential, err := d.Imported(hash)
		if err != nil {
			return err
		}
		return d.SetPassword(ctx, a, credential)
	})
}

// SetPassword implements admind.Backend.
func (c *Core) SetPassword(ctx context.Context, address, password string) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		return d.ChangePassword(ctx, a, password)
	})
}

// SetAccess implements admind.Backend.
func (c *Core) SetAccess(ctx context.Context, address string, access directory.Access) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error { return d.SetAccess(ctx, a, access) })
}

func quotaOf(q admind.Quota) store.Quota {
	return store.Quota{Octets: q.Octets, Messages: q.Messages, Mailboxes: q.Mailboxes}
}

// SetQuota implements admind.Backend.
func (c *Core) SetQuota(ctx context.Context, address string, q admind.Quota) error {
	return c.withAccount(ctx, address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
		_, err := h.Update(ctx, store.Origin{}, func(tx *store.Tx) error { return tx.SetQuota(quotaOf(q)) })
		return err
	})
}

// RemoveAccount implements admind.Backend.
func (c *Core) RemoveAccount(ctx context.Context, address string) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error { return d.RemoveAccount(ctx, a) })
}

// AddAlias implements admind.Backend.
func (c *Core) AddAlias(ctx context.Context, address string, r admind.NewAlias) (made directory.Alias, err error) {
	err = c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		to, err := addresses(r.Targets)
		if err != nil {
			return err
		}
		made, err = d.AddAlias(ctx, a, directory.NewAlias{Targets: to, Senders: r.Senders, Force: r.Force})
		return err
	})
	return made, err
}

// RemoveAlias implements admind.Backend.
func (c *Core) RemoveAlias(ctx context.Context, address string) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error { return d.RemoveAlias(ctx, a) })
}
