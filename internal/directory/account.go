package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Account is an account as the directory has it.
type Account struct {
	Login   string          `json:"login"` // its address, in canonical form
	ID      store.AccountID `json:"id"`
	Access  Access          `json:"access"`
	Created time.Time       `json:"created"`
	// PasswordSet is when the password was set; zero when there is none.
	PasswordSet time.Time `json:"password_set,omitzero"`
}

func (row *userRow) public(name string) Account {
	a := Account{Login: loginOf(name), ID: row.Account, Access: row.Access, Created: row.Created}
	if row.Credential != nil {
		a.PasswordSet = row.Credential.Set
	}
	return a
}

// NewAccount is what a new account begins with.
type NewAccount struct {
	Credential Credential // of Derive; zero: nobody can log in until a password is set
	Quota      store.Quota
}

// CreateAccount makes an account. ErrNotLocal, ErrExists or ErrBadAddress
// before anything is done.
func (d *Directory) CreateAccount(ctx context.Context, a addr.Address, n NewAccount) (Account, error) {
	if err := checkNew(a); err != nil {
		return Account{}, err
	}
	if err := d.free(ctx, a); err != nil {
		return Account{}, naming(a, err)
	}
	row := userRow{V: rowVersion, Kind: kindAccount, Created: d.now()}
	if err := d.giveQuota(ctx, a.Domain, &n.Quota, &row); err != nil {
		return Account{}, naming(a, err)
	}
	id, err := d.store.CreateAccount(ctx, store.AccountOptions{Quota: n.Quota})
	if err != nil {
		return Account{}, naming(a, err)
	}
	row.Account = id
	if n.Credential.Hash != "" {
		row.Credential = &n.Credential
	}
	err = d.store.UpdateRows(ctx, func(tx *store.RowTx) error { return addAccount(tx, a, row) })
	if err != nil { // somebody was quicker
		return Account{}, naming(a, errors.Join(err, d.erase(context.WithoutCancel(ctx), id)))
	}
	return row.public(rowName(a)), nil
}

// checkNew refuses addresses that nobody should have.
func checkNew(a addr.Address) error {
	s := a.String()
	switch {
	case a.Local == "" || a.Domain == "" || a.Domain.IsLiteral():
		return fmt.Errorf("%w: %q is not local-part@domain", ErrBadAddress, s)
	case strings.HasPrefix(s, `"`):
		return fmt.Errorf("%w: %s needs quoting", ErrBadAddress, s)
	case strings.Contains(a.Local, "/"):
		return fmt.Errorf("%w: %s: a slash separates login and device", ErrBadAddress, s)
	case len(rowName(a)) > maxName:
		return fmt.Errorf("%w: %s is too long", ErrBadAddress, s)
	}
	return nil
}

// free says whether a could be added now.
func (d *Directory) free(ctx context.Context, a addr.Address) error {
	hosted, err := d.Hosts(ctx, a.Domain)
	if err != nil {
		return err
	}
	if !hosted {
		return ErrNotLocal
	}
	_, err = d.user(ctx, rowName(a))
	if errors.Is(err, ErrUnknownUser) {
		return nil
	}
	if err == nil {
		return ErrExists
	}
	return err
}

// Account returns an account. ErrUnknownUser when the address has none.
func (d *Directory) Account(ctx context.Context, a addr.Address) (Account, error) {
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return Account{}, naming(a, err)
	}
	return row.public(rowName(a)), nil
}

// Accounts yields the accounts of a domain by address, of all domains when it
// is empty. The first error is the last thing it yields.
func (d *Directory) Accounts(ctx context.Context, domain addr.Domain) iter.Seq2[Account, error] {
	return func(yield func(Account, error) bool) {
		err := d.eachUser(ctx, domain, func(name string, row *userRow) error {
			if row.Kind == kindAccount && !yield(row.public(name), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil {
			yield(Account{}, err)
		}
	}
}

// eachUser calls fn for the rows of a domain's addresses, or of all domains'.
// fn ends it with errEnough.
func (d *Directory) eachUser(ctx context.Context, domain addr.Domain, fn func(name string, row *userRow) error) error {
	domains := []addr.Domain{domain}
	if domain == "" {
		domains = nil
		for dom, err := range d.Domains(ctx) {
			if err != nil {
				return err
			}
			domains = append(domains, dom.Name)
		}
	}
	for _, dom := range domains {
		err := d.store.Rows(ctx, store.UserRows, string(dom)+"/", func(name string, value []byte) error {
			row, err := decodeUser(value)
			if err != nil {
				return fmt.Errorf("%s: %w", loginOf(name), err)
			}
			return fn(name, &row)
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SetPassword gives an account a new credential; the old one opens nothing from
// now on, and sessions that it has opened end (see Watch).
func (d *Directory) SetPassword(ctx context.Context, a addr.Address, c Credential) error {
	return d.changeAccount(ctx, a, func(row *userRow) {
		next := c
		if old := row.Credential; old != nil && !next.Set.After(old.Set) {
			next.Set = old.Set.Add(time.Second) // it is what tells sessions of the old one
		}
		row.keepScram(&next)
		row.Credential = &next
	})
}

// SetAccess opens or closes an account. Its sessions end when it is closed (see Watch).
func (d *Directory) SetAccess(ctx context.Context, a addr.Address, access Access) error {
	return d.changeAccount(ctx, a, func(row *userRow) { row.Access = access })
}

// changeAccount changes an account's row and has its sessions look.
func (d *Directory) changeAccount(ctx context.Context, a addr.Address, change func(*userRow)) error {
	var id store.AccountID
	err := d.updateAccount(ctx, a, func(row *userRow) error {
		id = row.Account
		change(row)
		return nil
	})
	if err == nil {
		d.hint(id)
	}
	return err
}

// RemoveAccount removes an account and erases its mail. The address is free at
// once; when erasing fails, FinishErasures goes on with it.
func (d *Directory) RemoveAccount(ctx context.Context, a addr.Address) error {
	name := rowName(a)
	var note eraseRow
	err := d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getAccount(tx, name)
		if err != nil {
			return err
		}
		id := row.Account
		note = eraseRow{V: rowVersion, Account: id, Login: loginOf(name), Removed: d.now()}
		if err := tx.Put(store.UserRows, eraseName(id), encodeRow(note)); err != nil {
			return err
		}
		if err := tx.Delete(store.UserRows, identityName(id)); err != nil {
			return err
		}
		return tx.Delete(store.UserRows, name)
	})
	if err == nil {
		d.hint(note.Account)
		err = d.finishErasure(ctx, note)
	}
	return naming(a, err)
}

// FinishErasures erases the accounts that were removed and are still in the
// store: after a crash, or because erasing failed. Call it at the start.
func (d *Directory) FinishErasures(ctx context.Context) error {
	var notes []eraseRow
	err := d.store.Rows(ctx, store.UserRows, erasePrefix, func(name string, value []byte) error {
		var row eraseRow
		if err := decodeRow(value, &row, &row.V); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		notes = append(notes, row)
		return nil
	})
	for _, note := range notes {
		if err != nil {
			break
		}
		err = d.finishErasure(ctx, note)
	}
	return err
}

func (d *Directory) finishErasure(ctx context.Context, note eraseRow) error {
	id := note.Account
	if err := d.erase(ctx, id); err != nil {
		return err
	}
	if d.opts.Erased != nil {
		if err := d.opts.Erased(ctx, id, note.Login); err != nil {
			return err
		}
	}
	return d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		return tx.Delete(store.UserRows, eraseName(id))
	})
}

// erase removes an account from the store; it need not be there.
func (d *Directory) erase(ctx context.Context, id store.AccountID) error {
	d.erasing.Lock()
	defer d.erasing.Unlock()
	if err := d.store.EraseAccount(ctx, id); err != nil && !errors.Is(err, store.ErrNoAccount) {
		return fmt.Errorf("directory: erasing account %d: %w", id, err)
	}
	return nil
}
