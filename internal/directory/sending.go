package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// maxSendAs bounds the addresses that an account may send as by its owner's or an operator's word.
const maxSendAs = 100

// Address is the account's address.
func (id *Identity) Address() addr.Address {
	a, _ := addr.Parse(id.Login) // a login is an address
	return a
}

// MaySend says whether somebody may send as an address: his own, with or without a detail; an alias or a catch-all that stands for him alone; and what he
// has been granted (SetSendAs).
func (d *Directory) MaySend(ctx context.Context, id Identity, a addr.Address) (bool, error) {
	own := rowName(id.Address())
	if rowName(a) == own {
		return true, nil // most often, and nothing has to be read
	}
	t, err := d.Mailboxes(ctx, a)
	switch {
	case err == nil && len(t.Recipients) == 1 && len(t.Outside) == 0 && t.Recipients[0].Account == id.Account:
		return true, nil
	case err != nil && !errors.Is(err, ErrNotLocal) && !errors.Is(err, ErrUnknownUser) && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrAliasLoop):
		return false, err
	}
	row, err := d.account(ctx, own)
	if err != nil {
		return false, err
	}
	return slices.Contains(row.SendAs, a.Key()) || slices.Contains(row.SendAs, "@"+string(a.Domain)), nil
}

// SendAs returns the addresses that an account has been granted to send as; "@domain" is all of a domain.
func (d *Directory) SendAs(ctx context.Context, a addr.Address) ([]string, error) {
	row, err := d.account(ctx, rowName(a))
	return row.SendAs, naming(a, err)
}

// SetSendAs grants an account to send as addresses that mail for it does not come to, and takes back all that it had been granted before. A CatchAll address is all of
// its domain.
func (d *Directory) SetSendAs(ctx context.Context, a addr.Address, as []addr.Address) error {
	if len(as) > maxSendAs {
		return naming(a, fmt.Errorf("%w: at most %d addresses", ErrBadAddress, maxSendAs))
	}
	var keys []string
	for _, one := range as {
		key := one.Key()
		if one.Local == "" {
			key = "@" + string(one.Domain)
		}
		keys = append(keys, key)
	}
	return d.updateAccount(ctx, a, func(row *userRow) error {
		row.SendAs = keys
		return nil
	})
}

// SavesSent says whether what a device sends is saved in Sent: unless its owner has said that the program does that itself and better.
func (d *Directory) SavesSent(ctx context.Context, id Identity) (bool, error) {
	row, err := d.account(ctx, rowName(id.Address()))
	if err != nil {
		return false, err
	}
	if dev := row.device(id.Device); dev != nil {
		return !dev.NoSent, nil
	}
	return !row.NoSent, nil
}

// SetSent says whether what a device sends is saved in Sent; the name of MainDevice is the account's own password.
func (d *Directory) SetSent(ctx context.Context, a addr.Address, device string, saved bool) error {
	if device == mainDeviceName {
		return d.updateAccount(ctx, a, func(row *userRow) error {
			row.NoSent = !saved
			return nil
		})
	}
	return d.changeDevice(ctx, a, device, func(row *deviceRow) { row.NoSent = !saved })
}

// NoteUse notes a login for its owner to see.
func (d *Directory) NoteUse(ctx context.Context, id Identity, u store.Use) error {
	h, err := d.store.Account(ctx, id.Account)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.NoteUse(ctx, id.Device, u)
}
