package directory

import (
	"context"
	"errors"
	"fmt"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Rows in store.UserRows by which an account's login is found by its id. One that is
// missing is made when it is asked for.
const identityPrefix = "!id/"

type identityRow struct {
	V     int    `json:"v"`
	Login string `json:"login"`
}

func identityName(id store.AccountID) string { return fmt.Sprintf("%s%010d", identityPrefix, id) }

// Identify finds the account that a login means, as Authenticate does, whether or not
// anybody may log in to it. ErrUnknownUser when there is none.
func (d *Directory) Identify(ctx context.Context, login string) (Identity, error) {
	name := d.loginName(login)
	row, err := d.account(ctx, name)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Account: row.Account, Login: loginOf(name)}, nil
}

// LoginOf is the login of an account, or ErrUnknownUser.
func (d *Directory) LoginOf(ctx context.Context, id store.AccountID) (string, error) {
	var row identityRow
	b, err := d.store.Row(ctx, store.UserRows, identityName(id))
	if isNoRow(err) {
		return d.findLogin(ctx, id)
	}
	if err == nil {
		err = decodeRow(b, &row, &row.V)
	}
	return row.Login, err
}

// findLogin looks through all accounts, and remembers what it has found.
func (d *Directory) findLogin(ctx context.Context, id store.AccountID) (string, error) {
	name := ""
	err := d.eachUser(ctx, "", func(n string, row *userRow) error {
		if row.Kind == kindAccount && row.Account == id {
			name = n
			return errEnough
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", ErrUnknownUser
	}
	err = d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getAccount(tx, name)
		if err != nil {
			return err
		}
		if row.Account != id {
			return ErrUnknownUser // removed meanwhile, and another made
		}
		return putIdentity(tx, name, id)
	})
	if err != nil && !errors.Is(err, ErrUnknownUser) {
		return "", fmt.Errorf("directory: login of account %d: %w", id, err)
	}
	return loginOf(name), err
}

func putIdentity(tx *store.RowTx, name string, id store.AccountID) error {
	return tx.Put(store.UserRows, identityName(id), encodeRow(identityRow{V: rowVersion, Login: loginOf(name)}))
}

// addAccount adds an account's row and the way back to it.
func addAccount(tx *store.RowTx, a addr.Address, row userRow) error {
	if err := addUser(tx, a, row); err != nil {
		return err
	}
	return putIdentity(tx, rowName(a), row.Account)
}
