package directory

import (
	"context"
	"fmt"

	"restante/internal/proto/addr"
)

// Forward says where an account's mail goes on to. The zero value is nowhere.
type Forward struct {
	To      []string `json:"to"`      // addresses here
	Outside []string `json:"outside"` // addresses of other hosts
	Only    bool     `json:"only"`    // the account keeps no copy
}

// maxForward bounds where one account's mail goes on to.
const maxForward = 10

// Forward returns where an account's mail goes on to.
func (d *Directory) Forward(ctx context.Context, a addr.Address) (Forward, error) {
	row, err := d.account(ctx, rowName(a))
	return Forward{append([]string{}, row.Targets...), append([]string{}, row.Outside...), row.Only}, naming(a, err)
}

// SetForward says where an account's mail goes on to, in the place of what was said before; nowhere where there are no addresses. Addresses of hosted domains must be
// there. With only the account keeps no copy, but of what would otherwise go nowhere.
func (d *Directory) SetForward(ctx context.Context, a addr.Address, to []addr.Address, only bool) error {
	if len(to) > maxForward {
		return naming(a, fmt.Errorf("%w: mail goes on to at most %d addresses", ErrBadAddress, maxForward))
	}
	here, outside, err := d.sort(ctx, a, to)
	if err != nil {
		return err
	}
	return d.updateAccount(ctx, a, func(row *userRow) error {
		row.Targets, row.Outside, row.Only = here, outside, only && len(to) > 0
		return nil
	})
}
