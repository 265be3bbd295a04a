package directory

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"log/slog"
	"net/netip"

	"restante/internal/proto/sasl"
)

// MechanismAPOP stands for POP3's APOP among the mechanisms of an Offer, though it is none of SASL.
const MechanismAPOP = "APOP"

// sealPassword encrypts a password for APOP, which can do with nothing less (RFC 1939 7). It belongs to what the hash is of, and opens
// nowhere else.
func (d *Directory) sealPassword(password, hash string) []byte {
	return d.sealer.Seal(nil, nil, []byte(password), []byte("apop\x00"+hash))
}

// apopFits says whether a digest is what somebody makes of a timestamp who knows the password that was sealed.
func (d *Directory) apopFits(sealed []byte, hash, timestamp string, digest []byte) (bool, error) {
	password, err := d.sealer.Open(nil, nil, sealed, []byte("apop\x00"+hash))
	if err != nil {
		return false, errors.New("directory: what is kept for APOP does not open: was its key changed?")
	}
	sum := md5.Sum(append([]byte(timestamp), password...))
	return hmac.Equal(sum[:], digest), nil
}

// APOP says whose login and digest these are (RFC 1939 7): the digest is of the timestamp, and the account's password or that of one of
// its devices. Else it is as Authenticate, and may only be asked when the Offer has MechanismAPOP.
func (d *Directory) APOP(ctx context.Context, login, timestamp string, digest []byte, peer netip.Addr) (Identity, error) {
	if d.sealer == nil || !d.opts.Offer.Has(MechanismAPOP) {
		return Identity{}, d.count(sasl.ErrMechanism)
	}
	m, err := d.meaning(ctx, login)
	if err != nil {
		return Identity{}, d.count(err)
	}
	if err := d.begin(ctx, m.name, peer); err != nil {
		return Identity{}, d.count(err)
	}
	row, err := d.account(ctx, m.name)
	if err != nil && !errors.Is(err, ErrUnknownUser) {
		return Identity{}, d.count(err)
	}
	fits := func(sealed []byte, hash string) bool {
		ok, err := d.apopFits(sealed, hash, timestamp, digest)
		if err != nil {
			// Sealed with another key: the next login with the password itself mends it, but not a device's.
			d.opts.Log.Warn("no APOP", slog.String("login", loginOf(m.name)), slog.Any("error", err))
		}
		return ok
	}
	if c := row.Credential; c != nil && c.Sealed != nil && fits(c.Sealed, c.Hash) {
		if row.Access != Active {
			return Identity{}, d.count(ErrDisabled)
		}
		id, err := d.opensMain(ctx, m, &row, peer)
		return id, d.count(err)
	}
	for i := range row.Devices {
		if dev := &row.Devices[i]; dev.Sealed != nil && fits(dev.Sealed, string(dev.Key)) {
			id, err := d.opensDevice(m, &row, dev, peer)
			return id, d.count(err)
		}
	}
	d.opts.Guard.Failed(m.name, peer)
	return Identity{}, d.count(ErrCredentials)
}
