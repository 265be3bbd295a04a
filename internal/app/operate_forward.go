package app

import (
	"context"

	"restante/internal/directory"
	"restante/internal/proto/addr"
)

// Forward implements admind.Backend.
func (c *Core) Forward(ctx context.Context, address string) (fw directory.Forward, err error) {
	err = c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		fw, err = d.Forward(ctx, a)
		return err
	})
	return fw, err
}

// SetForward implements admind.Backend.
func (c *Core) SetForward(ctx context.Context, address string, to []string, only bool) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		list, err := addresses(to)
		if err != nil {
			return err
		}
		return d.SetForward(ctx, a, list, only)
	})
}

func addresses(list []string) (out []addr.Address, err error) {
	for _, s := range list {
		a, err := addr.Parse(s)
		if err != nil {
			return nil, badAddress(s, err)
		}
		out = append(out, a)
	}
	return out, nil
}
