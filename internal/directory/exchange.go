package directory

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"

	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// Exchange is the directory as the SASL mechanisms see it, for one connection.
// It is not safe for concurrent use.
type Exchange struct {
	password func(authcid, password string) (Identity, error)
	keys     func(authcid string, h sasl.Hash) (keys accountKeys, unproved func() bool, err error)
	proved   func(authcid string, h sasl.Hash, given accountKeys, key int) (Identity, error)
	meaning  func(login string) (meaning, error)
	token    func(token string) (Identity, error)
	external func(authzid string, names []string) (Identity, error)
	digest   func(authcid, challenge string, digest []byte) (Identity, error)

	given    accountKeys // that were given out
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
		keys: func(authcid string, h sasl.Hash) (accountKeys, func() bool, error) {
			return d.scramKeys(ctx, authcid, h, peer)
		},
		proved: func(authcid string, h sasl.Hash, given accountKeys, key int) (Identity, error) {
			return d.scramProved(ctx, authcid, h, given, key, peer)
		},
		meaning: func(login string) (meaning, error) { return d.meaning(ctx, login) },
		token:   func(token string) (Identity, error) { return d.tokenLogin(ctx, token) },
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
	e.given, e.unproved = keys, unproved
	return keys.Keys, err
}

// Proved implements sasl.Backend.
func (e *Exchange) Proved(authzid, authcid string, h sasl.Hash, key int) error {
	e.unproved()
	if key >= len(e.given.owners) {
		return ErrCredentials // nobody's keys
	}
	id, err := e.proved(authcid, h, e.given, key)
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

// accept lets everybody act as themselves only, in a folder if they say so.
func (e *Exchange) accept(id Identity, authzid string) error {
	if authzid != "" {
		m, err := e.meaning(authzid)
		switch {
		case err != nil:
			return err
		case m.name != id.name:
			return ErrCredentials
		case m.folder != "":
			id.Folder = m.folder
		}
	}
	e.identity = id
	return nil
}

// scramKeys returns an account's keys, or nobody's. A wrong proof is told to
// nobody, so a try that is not proved counts as a failure when the connection
// ends; unproved takes that back.
func (d *Directory) scramKeys(ctx context.Context, login string, h sasl.Hash, peer netip.Addr) (keys accountKeys, unproved func() bool, err error) {
	m, err := d.meaning(ctx, login)
	if err != nil {
		return keys, nil, d.count(err)
	}
	name := m.name
	if err := d.begin(ctx, name, peer); err != nil {
		return keys, nil, d.count(err)
	}
	row, err := d.account(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknownUser) {
		return keys, nil, d.count(err)
	}
	unproved = context.AfterFunc(ctx, func() {
		d.opts.Guard.Failed(name, peer)
		d.results[resultWrong].Inc()
	})
	if keys = row.keysFor(h); len(keys.owners) > 0 {
		return keys, unproved, nil
	}
	return accountKeys{Keys: sasl.FakeKeys(d.secret, name, h, d.opts.Cost.Iterations)}, unproved, nil
}

// accountKeys are the SCRAM keys of an account: of its own password, if there are such, and of its devices'.
type accountKeys struct {
	sasl.Keys
	owners []store.DeviceID // of each key; none for nobody's
}

// keysFor returns the keys for one hash. All have one salt.
func (u *userRow) keysFor(h sasl.Hash) accountKeys {
	if u.Credential == nil {
		return accountKeys{}
	}
	own, _ := u.Credential.Scram.keysFor(h) // none of a password that another server has hashed, until it was given
	out := accountKeys{Keys: own}
	for range own.Keys {
		out.owners = append(out.owners, MainDevice)
	}
	for i := range u.Devices {
		for _, key := range u.Devices[i].Scram {
			if key.Hash == h.String() {
				out.Keys.Keys = append(out.Keys.Keys, sasl.Key{StoredKey: key.StoredKey, ServerKey: key.ServerKey})
				out.owners = append(out.owners, u.Devices[i].ID)
			}
		}
	}
	return out
}

// has says whether a key that was given out is still one of these. The salt alone does not tell: a new password keeps it when there are devices.
func (k *accountKeys) has(given accountKeys, key int) bool {
	if string(k.Salt) != string(given.Salt) {
		return false
	}
	return slices.ContainsFunc(k.Keys.Keys, func(now sasl.Key) bool { return bytes.Equal(now.StoredKey, given.Keys.Keys[key].StoredKey) })
}

// scramProved reads the account again: much may have happened since its keys were given out.
func (d *Directory) scramProved(ctx context.Context, login string, h sasl.Hash, given accountKeys, key int, peer netip.Addr) (Identity, error) {
	m, err := d.meaning(ctx, login)
	if err != nil {
		return Identity{}, d.count(err)
	}
	row, err := d.account(ctx, m.name)
	if errors.Is(err, ErrUnknownUser) {
		err = ErrCredentials
	}
	if err == nil {
		switch keys := row.keysFor(h); {
		case !keys.has(given, key):
			err = ErrCredentials // the password was changed meanwhile
		case row.Access != Active:
			err = ErrDisabled
		}
	}
	if err != nil {
		return Identity{}, d.count(err)
	}
	if owner := given.owners[key]; owner != MainDevice {
		dev := row.device(owner)
		if dev == nil {
			return Identity{}, d.count(ErrCredentials)
		}
		id, err := d.opensDevice(m, &row, dev, peer)
		return id, d.count(err)
	}
	id, err := d.opensMain(ctx, m, &row, peer)
	return id, d.count(err)
}
