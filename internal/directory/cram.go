package directory

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"restante/internal/proto/sasl"
)

// newSealer makes the cipher that CRAM-MD5's keys are kept under: AES-256-GCM.
func newSealer(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, errors.New("directory: the key for CRAM-MD5 must have 32 octets")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("directory: the key for CRAM-MD5: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts what CRAM-MD5 needs of a prepared password. It belongs to the credential with that hash and opens nowhere else.
func (d *Directory) seal(password, hash string) []byte {
	key := sasl.DeriveCramKey(password)
	return d.sealer.Seal(nil, nil, append(key.Outer[:], key.Inner[:]...), []byte(hash))
}

// cramKey opens what seal has made. Of nobody it is a key that nobody knows.
func (d *Directory) cramKey(c *Credential) (key sasl.CramKey, err error) {
	_, _ = rand.Read(key.Outer[:]) // never fails (crypto/rand)
	if c == nil || c.Cram == nil {
		return key, nil
	}
	b, err := d.sealer.Open(nil, nil, c.Cram, []byte(c.Hash))
	if err != nil || len(b) != len(key.Outer)+len(key.Inner) {
		return key, errors.New("directory: what is kept for CRAM-MD5 does not open: was its key changed?")
	}
	copy(key.Outer[:], b)
	copy(key.Inner[:], b[len(key.Outer):])
	return key, nil
}

// cramLogin says whether a digest shows an account's password. Those of devices are kept in no form that CRAM-MD5 could use.
func (d *Directory) cramLogin(ctx context.Context, login, challenge string, digest []byte, peer netip.Addr) (Identity, error) {
	if !d.opts.Offer.Has(sasl.CramMD5) {
		return Identity{}, d.count(sasl.ErrMechanism)
	}
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
	key, err := d.cramKey(row.Credential)
	if err != nil {
		// Set when there was another key: the next login with the password itself mends it.
		d.opts.Log.Warn("no CRAM-MD5", slog.String("login", loginOf(name)), slog.Any("error", err))
	}
	switch {
	case !key.Fits(challenge, digest):
		d.opts.Guard.Failed(name, peer)
		err = ErrCredentials
	case row.Access != Active:
		err = ErrDisabled
	}
	if err != nil {
		return Identity{}, d.count(err)
	}
	id, err := d.opensMain(ctx, m, &row, peer)
	return id, d.count(err)
}
