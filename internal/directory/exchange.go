package directory

import (
	"context"
	"errors"
	"net/netip"

	"restante/internal/proto/sasl"
)

// Exchange is the directory as the SASL mechanisms see it, for one connection.
// It is not safe for concurrent use.
type Exchange struct {
	password func(authcid, password string) (Identity, error)
	keys     func(authcid string, h sasl.Hash) (keys sasl.Keys, unproved func() bool, err error)
	proved   func(authcid string, h sasl.Hash, salt []byte) (Identity, error)
	same     func(authzid, login string) bool
	token    func(token string) (Identity, error)
	external func(authzid string, names []string) (Identity, error)
	digest   func(authcid, challenge string, digest []byte) (Identity, error)

	salt     []byte      // of the keys that were given out
	unproved func() bool // takes back the failure that is counted if nothing is proved
	identity Identity
}

var _ sasl.Backend = (*Exchange)(nil)

// Exchange returns a backend for the exchanges of one connection: ctx is the
// connection's and ends with it, peer is its address. Once an exchange has
// succeeded, Identity says who it was.
func (d *Directory) Exchange(ctx context.Context, peer netip.Addr) *Exchange {
	return &Exchange{
		password: func(authcid, password string) (Identity, error) {
			return d.Authenticate(ctx, authcid, password, peer)
		},
		keys: func(authcid string, h sasl.Hash) (sasl.Keys, func() bool, error) {
			return d.scramKeys(ctx, authcid, h, peer)
		},
		proved: func(authcid string, h sasl.Hash, salt []byte) (Identity, error) {
			return d.scramProved(ctx, authcid, h, salt, peer)
		},
		same:  func(authzid, login string) bool { return d.loginName(authzid) == d.loginName(login) },
		token: func(token string) (Identity, error) { return d.tokenLogin(ctx, token) },
		external: func(authzid string, names []string) (Identity, error) {
			return d.certificateLogin(ctx, authzid, names)
		},
		digest: func(authcid, challenge string, digest []byte) (Identity, error) {
			return d.cramLogin(ctx, authcid, challenge, digest, peer)
		},
	}
}

// Identity is who has logged in; zero before.
func (e *Exchange) Identity() Identity { return e.identity }

// Password implements sasl.Backend.
func (e *Exchange) Password(authzid, authcid, password string) error {
	id, err := e.password(authcid, password)
	if err != nil {
		return err
	}
	return e.accept(id, authzid)
}

// Keys implements sasl.Backend.
func (e *Exchange) Keys(authcid string, h sasl.Hash) (sasl.Keys, error) {
	keys, unproved, err := e.keys(authcid, h)
	e.salt, e.unproved = keys.Salt, unproved
	return keys, err
}

// Proved implements sasl.Backend.
func (e *Exchange) Proved(authzid, authcid string, h sasl.Hash, _ int) error {
	e.unproved()
	id, err := e.proved(authcid, h, e.salt)
	if err != nil {
		return err
	}
	return e.accept(id, authzid)
}

// Token implements sasl.Backend.
func (e *Exchange) Token(user, token string) error {
	id, err := e.token(token)
	if err != nil {
		return err
	}
	return e.accept(id, user)
}

// External implements sasl.Backend.
func (e *Exchange) External(authzid string, names []string) error {
	id, err := e.external(authzid, names)
	if err != nil {
		return err
	}
	return e.accept(id, authzid)
}

// Digest implements sasl.Backend.
func (e *Exchange) Digest(authcid, challenge string, digest []byte) error {
	id, err := e.digest(authcid, challenge, digest)
	if err != nil {
		return err
	}
	return e.accept(id, "")
}

// accept lets everybody act as themselves only.
func (e *Exchange) accept(id Identity, authzid string) error {
	if authzid != "" && !e.same(authzid, id.Login) {
		return ErrCredentials
	}
	e.identity = id
	return nil
}

// scramKeys returns an account's keys, or nobody's. A wrong proof is told to
// nobody, so a try that is not proved counts as a failure when the connection
// ends; unproved takes that back.
func (d *Directory) scramKeys(ctx context.Context, login string, h sasl.Hash, peer netip.Addr) (keys sasl.Keys, unproved func() bool, err error) {
	name := d.loginName(login)
	if err := d.begin(ctx, name, peer); err != nil {
		return sasl.Keys{}, nil, d.count(err)
	}
	row, err := d.account(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknownUser) {
		return sasl.Keys{}, nil, d.count(err)
	}
	unproved = context.AfterFunc(ctx, func() {
		d.opts.Guard.Failed(name, peer)
		d.results[resultWrong].Inc()
	})
	if row.Credential != nil {
		if keys, ok := row.Credential.Scram.keysFor(h); ok {
			return keys, unproved, nil
		}
	}
	return sasl.FakeKeys(d.secret, name, h, d.opts.Cost.Iterations), unproved, nil
}

// scramProved reads the account again: much may have happened since its keys
// were given out.
func (d *Directory) scramProved(ctx context.Context, login string, h sasl.Hash, salt []byte, peer netip.Addr) (Identity, error) {
	name := d.loginName(login)
	row, err := d.account(ctx, name)
	if errors.Is(err, ErrUnknownUser) {
		err = ErrCredentials
	}
	if err == nil {
		var keys sasl.Keys
		if row.Credential != nil {
			keys, _ = row.Credential.Scram.keysFor(h)
		}
		switch {
		case string(keys.Salt) != string(salt):
			err = ErrCredentials // the password was changed meanwhile
		case row.Access != Active:
			err = ErrDisabled
		}
	}
	if err != nil {
		return Identity{}, d.count(err)
	}
	d.opts.Guard.Succeeded(name, peer)
	return row.byPassword(name), d.count(nil)
}
