package app

import (
	"context"
	"iter"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// suppressions are the addresses that accounts cannot write to; nil where the configuration wants none.
func (c *Core) suppressions() *submission.Suppressions {
	stays := time.Duration(c.config.Send.Suppress)
	if stays == 0 {
		return nil
	}
	return submission.NewSuppressions(c.store, stays, c.opts.Clock)
}

// accountID is the account of an address, 0 for the empty one.
func (c *Core) accountID(ctx context.Context, address string) (id store.AccountID, err error) {
	if address == "" {
		return 0, nil
	}
	err = c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		found, err := d.Account(ctx, a)
		id = found.ID
		return err
	})
	return id, err
}

// Suppressed implements admind.Backend.
func (c *Core) Suppressed(ctx context.Context, account string) iter.Seq2[admind.Suppressed, error] {
	return told(func(tell func(admind.Suppressed) error) error {
		id, err := c.accountID(ctx, account)
		if err != nil || c.suppressed == nil {
			return err
		}
		return c.suppressed.List(ctx, id, func(g submission.Suppressed) error {
			login, _ := c.directory.LoginOf(ctx, g.Account) // who has gone has no name any more
			return tell(admind.Suppressed{Account: login, To: g.To.String(), Times: g.Times, First: g.First, Last: g.Last, Until: g.Until, Said: g.Said})
		})
	})
}

// Unsuppress implements admind.Backend.
func (c *Core) Unsuppress(ctx context.Context, account, to string) (int, error) {
	id, err := c.accountID(ctx, account)
	if err != nil {
		return 0, err
	}
	a, err := addr.Parse(to)
	if err != nil {
		return 0, badAddress(to, err)
	}
	if c.suppressed == nil {
		return 0, nil
	}
	return c.suppressed.Forget(ctx, id, a)
}
