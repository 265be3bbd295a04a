package directory

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// Identity is who has logged in, and with which credential.
type Identity struct {
	Account store.AccountID
	Login   string // the account's address, in canonical form
	Device  store.DeviceID
	// DeviceName is what the device is called.
	DeviceName string
	// Folder is the mailbox that the login names, as it names it: the whole maildrop, for POP3; nobody else minds it. Empty: none.
	Folder string

	scopes   uint8     // see Scope.bit
	expires  time.Time // of the device; zero: never
	name     string    // of the account's row
	password int64     // when the password was set that was given, as Unix time; 0 for a token or a certificate
}

// MainDevice is the device of an account's own password. Programs that share
// it are one device.
const MainDevice store.DeviceID = 1 // called "password"

// Results of logins, for the counters.
const (
	resultOK       = "ok"
	resultWrong    = "wrong"
	resultDisabled = "disabled"
	resultLater    = "later"
	resultError    = "error"
)

// Authenticate says whose login and password these are. login is an account's
// address, or its local part when there is a default domain, perhaps with a folder and with a
// device behind a slash (see meaning); the password is the account's, or one of its devices'; peer is the
// client's address, for the guard. Errors: see ErrCredentials and after; any
// other means that it could not be decided.
func (d *Directory) Authenticate(ctx context.Context, login, password string, peer netip.Addr) (Identity, error) {
	m, err := d.meaning(ctx, login)
	if err != nil {
		return Identity{}, d.count(err)
	}
	name := m.name
	if err := d.begin(ctx, name, peer); err != nil {
		return Identity{}, d.count(err)
	}
	row, err := d.account(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknownUser) {
		return Identity{}, d.count(err)
	}
	if dev := d.deviceOf(&row, password); dev != nil {
		id, err := d.opensDevice(m, &row, dev, peer)
		return id, d.count(err)
	}
	fits, again, err := d.checkPassword(ctx, name, &row, password)
	if err == nil && !fits {
		// A device that has an old password tries it again and again: that is
		// no guessing, and must not lock its owner out.
		if !again {
			d.opts.Guard.Failed(name, peer)
		}
		err = ErrCredentials
	}
	if err == nil && row.Access != Active {
		err = ErrDisabled
	}
	if err != nil {
		return Identity{}, d.count(err)
	}
	id, err := d.opensMain(ctx, m, &row, peer)
	return id, d.count(err)
}

// opensMain is the identity of one who has shown the account's own password, perhaps as a device that it is shared with.
func (d *Directory) opensMain(ctx context.Context, m meaning, row *userRow, peer netip.Addr) (Identity, error) {
	d.opts.Guard.Succeeded(m.name, peer)
	if m.device != "" {
		return d.byName(ctx, m, row, peer)
	}
	id := row.byPassword(m.name)
	id.Folder = m.folder
	return id, nil
}

// opensDevice is the identity of a device that has shown its own password.
func (d *Directory) opensDevice(m meaning, row *userRow, dev *deviceRow, peer netip.Addr) (Identity, error) {
	if row.Access != Active {
		return Identity{}, ErrDisabled
	}
	if err := d.usable(dev, peer); err != nil {
		return Identity{}, err
	}
	d.opts.Guard.Succeeded(m.name, peer)
	id := row.identity(m.name)
	id.Folder = m.folder
	id.setDevice(&dev.Device)
	return id, nil
}

// begin waits for as long as the past failures of name and peer demand, or
// refuses the try.
func (d *Directory) begin(ctx context.Context, name string, peer netip.Addr) error {
	wait, err := d.opts.Guard.Check(name, peer)
	if err != nil {
		return ErrThrottled
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (row *userRow) identity(name string) Identity {
	id := Identity{Account: row.Account, Login: loginOf(name), name: name}
	main := row.main()
	id.setDevice(&main)
	return id
}

// byPassword is identity for one who has shown the account's password.
func (row *userRow) byPassword(name string) Identity {
	id := row.identity(name)
	id.password = row.Credential.Set.Unix()
	return id
}

// count counts a result and returns it.
func (d *Directory) count(err error) error {
	var later interface{ Temporary() bool }
	result := resultError
	switch {
	case err == nil:
		result = resultOK
	case errors.Is(err, ErrDisabled):
		result = resultDisabled
	case errors.Is(err, sasl.ErrFailed):
		result = resultWrong
	case errors.As(err, &later) && later.Temporary():
		result = resultLater
	}
	d.results[result].Inc()
	return err
}

// checkPassword says whether a password opens the account of a row, which is
// zero for an unknown name; again means that the same was asked lately.
func (d *Directory) checkPassword(ctx context.Context, name string, row *userRow, password string) (fits, again bool, err error) {
	password, err = prepare(password)
	usable := err == nil
	hash, apart := secretHash(d.nobody), name
	if row.Credential != nil && usable {
		if hash, err = parseHash(row.Credential.Hash); err != nil {
			return false, false, err
		}
		apart = ""
	}
	q := d.hasher.ask(apart, hash.String(), password)
	fits, again = d.hasher.recall(q)
	if !again {
		if fits, err = d.hasher.check(ctx, q, hash, password); err != nil {
			return false, false, err
		}
	}
	fits = fits && usable && row.Credential != nil
	if shared := row.sharedScram(); fits && d.outdated(row.Credential, shared, hash) {
		d.renew(ctx, name, *row.Credential, shared, password)
	}
	return fits, again, nil
}

// renew makes the credential of a password anew at today's cost. The login goes
// on without it if that fails.
func (d *Directory) renew(ctx context.Context, name string, old Credential, shared *scramKeys, password string) {
	var c Credential
	var err error
	busy := d.hasher.run(ctx, d.opts.Cost.Memory, func() { c, err = d.derive(password, shared) })
	if err == nil {
		err = busy
	}
	if err == nil {
		c.Set = old.Set // the password is the same
		err = d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
			row, err := getAccount(tx, name)
			if err != nil || row.Credential == nil || row.Credential.Hash != old.Hash {
				return err // it was changed meanwhile
			}
			row.Credential = &c
			return tx.Put(store.UserRows, name, encodeRow(row))
		})
	}
	if err != nil {
		d.opts.Log.Warn("password not hashed anew", slog.String("login", loginOf(name)), slog.Any("error", err))
	}
}
