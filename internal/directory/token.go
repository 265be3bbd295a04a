package directory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"restante/internal/base/oauth"
	"restante/internal/proto/sasl"
)

// Tokens checks bearer tokens: oauth.Verifier.
type Tokens interface {
	// Verify says whose token it is, as a login. oauth.ErrInvalid and oauth.ErrScope refuse it; any other error means that
	// it could not be decided.
	Verify(ctx context.Context, token string) (login string, err error)
}

// tokenLogin says whose account a token opens. It is not the guard's business: nobody guesses tokens, and a client with one that
// has expired does nothing wrong.
func (d *Directory) tokenLogin(ctx context.Context, token string) (Identity, error) {
	if d.opts.Tokens == nil {
		return Identity{}, d.count(ErrCredentials)
	}
	login, err := d.opts.Tokens.Verify(ctx, token)
	switch {
	case errors.Is(err, oauth.ErrScope):
		err = errors.Join(sasl.ErrScope, err)
	case errors.Is(err, oauth.ErrInvalid):
		err = errors.Join(ErrCredentials, err)
	}
	if err != nil {
		return Identity{}, d.count(err)
	}
	id, err := d.opened(ctx, d.loginName(login))
	return id, d.count(err)
}

// opened is the identity of an account that nobody needs to show a password for any more.
func (d *Directory) opened(ctx context.Context, name string) (Identity, error) {
	row, err := d.account(ctx, name)
	switch {
	case errors.Is(err, ErrUnknownUser):
		return Identity{}, ErrCredentials
	case err != nil:
		return Identity{}, err
	case row.Access != Active:
		return Identity{}, ErrDisabled
	}
	return row.identity(name), nil
}

// maxCertificateNames bounds the names of a certificate that are looked at.
const maxCertificateNames = 16

// certificateLogin says whose account a client's certificate opens. Names that the operator has given logins win; else its e-mail
// addresses stand for themselves. Of several accounts the client must say which.
func (d *Directory) certificateLogin(ctx context.Context, authzid string, names []string) (Identity, error) {
	var mapped, own []string // names of rows
	for _, name := range names[:min(len(names), maxCertificateNames)] {
		name = strings.ToLower(name)
		if login := d.opts.Certificates[name]; login != "" {
			mapped = append(mapped, d.loginName(login))
		} else if strings.Contains(name, "@") {
			own = append(own, d.loginName(name))
		}
	}
	if len(mapped) > 0 {
		own = mapped
	}
	slices.Sort(own)
	own = slices.Compact(own)
	if authzid != "" {
		wanted, err := d.meaning(ctx, authzid)
		if err != nil {
			return Identity{}, d.count(err)
		}
		own = slices.DeleteFunc(own, func(name string) bool { return name != wanted.name })
	}
	var id Identity
	err := error(ErrCredentials)
	for _, name := range own {
		found, ferr := d.opened(ctx, name)
		switch {
		case ferr != nil && !errors.Is(ferr, ErrCredentials):
			return Identity{}, d.count(ferr)
		case ferr != nil:
		case err == nil: // a second one
			return Identity{}, d.count(ErrCredentials)
		default:
			id, err = found, nil
		}
	}
	return id, d.count(err)
}
