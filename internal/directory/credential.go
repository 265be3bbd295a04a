package directory

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
)

// Cost is what it takes to check a password. Each zero field gets its default.
type Cost struct {
	Memory     uint32 // of one argon2id hash, in KiB; 19 MiB
	Time       uint32 // passes over it; 2
	Threads    uint8  // of one hash; 1
	Parallel   int    // hashes at once; 2
	Waiting    int    // hashes that may wait for their turn; 1000
	Iterations int    // of SCRAM; 10,000. The client's device does them at each login
}

func (c Cost) withDefaults() Cost {
	orDefault(&c.Memory, 19<<10)
	orDefault(&c.Time, 2)
	orDefault(&c.Threads, 1)
	orDefault(&c.Parallel, 2)
	orDefault(&c.Waiting, 1000)
	orDefault(&c.Iterations, 10_000)
	c.Iterations = max(c.Iterations, sasl.MinIterations)
	return c
}

func orDefault[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}

// Credential is what is stored of a password. Its zero value opens nothing. It
// may be given to several accounts: they then share a hash.
type Credential struct {
	Hash  string     `json:"hash"` // argon2id, in PHC format; of another kind until the first login (see Imported)
	Scram *scramKeys `json:"scram,omitempty"`
	Cram  []byte     `json:"cram,omitempty"` // sealed; see seal
	// Sealed is the password itself, for APOP; see sealPassword.
	Sealed []byte `json:"sealed,omitempty"`

	Set time.Time `json:"set"`
}

// scramKeys have one salt for all hashes, as the account's other passwords will
// share it: it goes out before the client has shown which one it has.
type scramKeys struct {
	Salt       []byte     `json:"salt"`
	Iterations int        `json:"iterations"`
	Keys       []scramKey `json:"keys"`
}

type scramKey struct {
	Hash      string `json:"hash"` // its IANA name: "SHA-256"
	StoredKey []byte `json:"stored"`
	ServerKey []byte `json:"server"`
}

// keysFor returns the keys for one hash; false when there are none.
func (k *scramKeys) keysFor(h sasl.Hash) (sasl.Keys, bool) {
	if k == nil {
		return sasl.Keys{}, false
	}
	out := sasl.Keys{Salt: k.Salt, Iterations: k.Iterations}
	for _, key := range k.Keys {
		if key.Hash == h.String() {
			out.Keys = append(out.Keys, sasl.Key{StoredKey: key.StoredKey, ServerKey: key.ServerKey})
		}
	}
	return out, len(out.Keys) > 0
}

// maxPassword bounds a password in octets, before and after preparation: RFC
// 4616 2 asks for 255 at least.
const maxPassword = 1024

// Derive makes the credential of a password; it waits for its turn to hash.
// ErrBadPassword wraps the reason why a password cannot be used.
func (d *Directory) Derive(ctx context.Context, password string) (Credential, error) {
	return d.deriveFor(ctx, password, nil)
}

// deriveFor is Derive for an account whose devices have SCRAM keys; see derive.
func (d *Directory) deriveFor(ctx context.Context, password string, shared *scramKeys) (Credential, error) {
	prepared, err := prepare(password)
	if err != nil {
		return Credential{}, fmt.Errorf("%w: it has characters that not every device can type", ErrBadPassword)
	}
	if n := len([]rune(prepared)); n < d.opts.MinPassword {
		return Credential{}, fmt.Errorf("%w: it has %d characters, at least %d are needed", ErrBadPassword, n, d.opts.MinPassword)
	}
	var c Credential
	if busy := d.hasher.run(ctx, d.opts.Cost.Memory, func() { c, err = d.derive(prepared, shared) }); busy != nil {
		return Credential{}, busy
	}
	return c, err
}

// prepare is the form in which passwords are hashed and compared.
func prepare(password string) (string, error) {
	if len(password) > maxPassword {
		return "", sasl.ErrPrep
	}
	return sasl.Prep(password)
}

// ChangePassword gives an account another password; see Derive and SetPassword. The passwords of its devices stay what they are.
func (d *Directory) ChangePassword(ctx context.Context, a addr.Address, password string) error {
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return naming(a, err)
	}
	c, err := d.deriveFor(ctx, password, row.sharedScram())
	if err != nil {
		return err
	}
	return d.SetPassword(ctx, a, c)
}

// keepScram makes the SCRAM keys of the devices and of a new credential have one salt, as they must. A credential without keys gets the
// salt, for its keys to come; one that was made for another salt takes SCRAM from the devices, whose passwords nobody has here.
func (u *userRow) keepScram(next *Credential) {
	shared := u.sharedScram()
	switch {
	case shared == nil:
	case next.Scram == nil:
		next.Scram = &scramKeys{Salt: shared.Salt, Iterations: shared.Iterations}
	case !bytes.Equal(next.Scram.Salt, shared.Salt) || next.Scram.Iterations != shared.Iterations:
		for i := range u.Devices {
			u.Devices[i].Scram = nil
		}
	}
}

// sharedScram is what the SCRAM keys of the account's devices have in common, and a new password must keep; nil when there is nothing.
func (u *userRow) sharedScram() *scramKeys {
	for i := range u.Devices {
		if len(u.Devices[i].Scram) > 0 && u.Credential != nil {
			return u.Credential.Scram
		}
	}
	return nil
}

// derive makes the credential of a prepared password, in its caller's turn. shared, if not nil, has the salt and the iterations of
// SCRAM that it must have.
func (d *Directory) derive(password string, shared *scramKeys) (Credential, error) {
	salts := make([]byte, 32)
	_, _ = rand.Read(salts) // never fails (crypto/rand)
	c := Credential{
		Hash:  newPHC(password, d.opts.Cost, salts[:16]).String(),
		Scram: &scramKeys{Salt: salts[16:], Iterations: d.opts.Cost.Iterations},
		Set:   d.opts.Clock().UTC().Truncate(time.Second),
	}
	if shared != nil {
		c.Scram.Salt, c.Scram.Iterations = shared.Salt, shared.Iterations
	}
	if d.opts.Offer.Has(sasl.CramMD5) {
		c.Cram = d.seal(password, c.Hash)
	}
	if d.opts.Offer.Has(MechanismAPOP) {
		c.Sealed = d.sealPassword(password, c.Hash)
	}
	for _, h := range d.hashes() {
		key, err := sasl.DeriveKey(h, password, c.Scram.Salt, c.Scram.Iterations)
		if err != nil {
			return Credential{}, err
		}
		c.Scram.Keys = append(c.Scram.Keys, scramKey{h.String(), key.StoredKey, key.ServerKey})
	}
	return c, nil
}

// outdated says whether c was made at another cost than that of today.
func (d *Directory) outdated(c *Credential, shared *scramKeys, h secretHash) bool {
	p, ours := h.(phc)
	if !ours || !p.costs(d.opts.Cost) || c.Scram == nil || shared == nil && c.Scram.Iterations != d.opts.Cost.Iterations {
		return true
	}
	if (c.Cram != nil) != d.opts.Offer.Has(sasl.CramMD5) || (c.Sealed != nil) != d.opts.Offer.Has(MechanismAPOP) {
		return true
	}
	for _, h := range d.hashes() {
		if _, ok := c.Scram.keysFor(h); !ok {
			return true
		}
	}
	return false
}
