package directory

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// ErrScope means a device that may not log in to what it has logged in to.
var ErrScope = fmt.Errorf("directory: this device may not do that: %w", sasl.ErrFailed)

// devicePassword is how long a device's password is: 26 letters and digits of base32, 128 bits and more. It is not chosen
// by people, so one keyed hash is enough to keep it.
const devicePassword = 26

func newDevicePassword() string { return strings.ToLower(rand.Text()) }

// looksLikeDevice says that a password may be one of a device's.
func looksLikeDevice(password string) bool {
	if len(password) != devicePassword {
		return false
	}
	for i := range len(password) {
		if c := password[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// deviceKey is what is kept of a device's password. It is no use to whoever has not the installation's secret as well.
func (d *Directory) deviceKey(id store.AccountID, password string) []byte {
	h := hmac.New(sha256.New, d.secret)
	h.Write([]byte("device password\x00"))
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(id)))
	h.Write([]byte(password))
	return h.Sum(nil)
}

// deviceScram derives the SCRAM keys of a device's password, with the salt that the account's other passwords have: it goes out
// before the client has shown which one it has.
func (d *Directory) deviceScram(u *userRow, password string) ([]scramKey, error) {
	if u.Credential == nil || u.Credential.Scram == nil {
		return nil, nil
	}
	var out []scramKey
	for _, h := range d.hashes() {
		key, err := sasl.DeriveKey(h, password, u.Credential.Scram.Salt, u.Credential.Scram.Iterations)
		if err != nil {
			return nil, err
		}
		out = append(out, scramKey{h.String(), key.StoredKey, key.ServerKey})
	}
	return out, nil
}

// deviceOf finds the device that a password belongs to, nil for none.
func (d *Directory) deviceOf(u *userRow, password string) *deviceRow {
	if len(u.Devices) == 0 || !looksLikeDevice(password) {
		return nil
	}
	key := d.deviceKey(u.Account, password)
	var found *deviceRow
	for i := range u.Devices {
		if dev := &u.Devices[i]; dev.Key != nil && hmac.Equal(dev.Key, key) {
			found = dev
		}
	}
	return found
}

// usable says whether a device can log in from an address now.
func (d *Directory) usable(dev *deviceRow, peer netip.Addr) error {
	switch {
	case !dev.Revoked.IsZero(), dev.expired(d.now()):
		return ErrCredentials
	case len(dev.Networks) > 0 && !slices.ContainsFunc(dev.Networks, func(p netip.Prefix) bool { return p.Contains(peer.Unmap()) }):
		return ErrScope
	}
	return nil
}

// byName is the identity of a device that has logged in with the account's password, under its name. One that is new is made.
func (d *Directory) byName(ctx context.Context, m meaning, u *userRow, peer netip.Addr) (Identity, error) {
	name, device := m.name, m.device
	dev := u.deviceByName(device)
	if dev == nil {
		if checkDeviceName(device) != nil {
			return Identity{}, ErrCredentials
		}
		row := deviceRow{Device: Device{Name: device, Scopes: Scopes(), Created: d.now()}}
		err := d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
			now, err := getAccount(tx, name)
			if err != nil {
				return err
			}
			if dev := now.deviceByName(device); dev != nil {
				row = *dev // another connection of it was quicker
				return nil
			}
			if err := d.addDevice(&now, &row, ""); err != nil {
				return err
			}
			return tx.Put(store.UserRows, name, encodeRow(now))
		})
		if errors.Is(err, ErrDeviceName) || errors.Is(err, ErrExists) {
			return Identity{}, ErrCredentials
		}
		if err != nil {
			return Identity{}, err
		}
		dev = &row
	}
	if dev.OwnPassword {
		return Identity{}, ErrCredentials // it has a password, and this was not it
	}
	if err := d.usable(dev, peer); err != nil {
		return Identity{}, err
	}
	id := u.byPassword(name)
	id.Folder = m.folder
	id.setDevice(&dev.Device)
	return id, nil
}

func (id *Identity) setDevice(dev *Device) {
	id.Device, id.DeviceName, id.expires, id.scopes = dev.ID, dev.Name, dev.Expires, 0
	for _, s := range dev.Scopes {
		id.scopes |= s.bit()
	}
}

// bit is a scope in the set of an Identity; 0 for what a newer version wrote.
func (s Scope) bit() uint8 {
	if i := slices.Index(Scopes(), s); i >= 0 {
		return 1 << i
	}
	return 0
}

// Allows says whether this login may use a protocol: nil or ErrScope. Each protocol asks, right after the login.
func (id *Identity) Allows(s Scope) error {
	if id.scopes&s.bit() == 0 {
		return ErrScope
	}
	return nil
}
