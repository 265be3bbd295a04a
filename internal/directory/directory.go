package directory

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"restante/internal/base/limit"
	"restante/internal/base/metrics"
	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// Options are a directory's settings; the zero value works.
type Options struct {
	// DefaultDomain is the domain of logins without one, and of <Postmaster>.
	// Empty: such logins are unknown.
	DefaultDomain addr.Domain
	// Postmaster gets the mail for postmaster of every hosted domain that has
	// no such address of its own (RFC 5321 4.5.1). Zero: there is none.
	Postmaster addr.Address
	// Detail separates the detail of a subaddress, user+detail; "" is "+".
	Detail string
	// NoDetail takes every local part as it is.
	NoDetail bool

	// Cost of new passwords. Those made at another cost are made anew at their
	// next login with the password itself.
	Cost Cost
	// Hashes are those that SCRAM keys are made for; nil is SHA-256.
	Hashes []sasl.Hash
	// MinPassword is the fewest characters of a new password; 0 is 8.
	MinPassword int
	// Remember is how long the outcome of a check is remembered; 0 is a minute,
	// less than 0 not at all.
	Remember time.Duration
	// Guard slows down those who guess; nil lets them.
	Guard *limit.Guard

	Clock   func() time.Time  // nil is time.Now
	Log     *slog.Logger      // nil drops it
	Metrics *metrics.Registry // nil counts nothing
}

func (o Options) withDefaults() Options {
	orDefault(&o.Detail, "+")
	if o.NoDetail {
		o.Detail = ""
	}
	o.Cost = o.Cost.withDefaults()
	if o.Hashes == nil {
		o.Hashes = []sasl.Hash{sasl.SHA256}
	}
	orDefault(&o.MinPassword, 8)
	orDefault(&o.Remember, time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Directory is the directory of one store. Make it with Open; it needs no
// Close. It is safe for concurrent use.
type Directory struct {
	store   *store.Store
	opts    Options
	hasher  *hasher
	secret  []byte // of the installation; keys the SCRAM salts of nobody
	nobody  phc    // what the passwords of unknown names are checked against
	results map[string]*metrics.Counter
	erasing sync.Mutex // held over an erasure: two of one account would get in each other's way
}

// Open returns the directory in s. It makes the store's secret when there is none.
func Open(ctx context.Context, s *store.Store, opts Options) (*Directory, error) {
	d := &Directory{store: s, opts: opts.withDefaults()}
	d.hasher = newHasher(&d.opts)
	d.results = make(map[string]*metrics.Counter)
	for _, r := range []string{resultOK, resultWrong, resultDisabled, resultLater, resultError} {
		d.results[r] = opts.Metrics.Counter("restante_logins_total", "Logins by their result.",
			metrics.Label{Name: "result", Value: r})
	}
	if err := d.loadSecret(ctx); err != nil {
		return nil, fmt.Errorf("directory: opening: %w", err)
	}
	random := make([]byte, 16+32)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	c := d.opts.Cost
	d.nobody = phc{memory: c.Memory, time: c.Time, threads: c.Threads, salt: random[:16], hash: random[16:]}
	return d, nil
}

func (d *Directory) loadSecret(ctx context.Context) error {
	return d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		secret, err := tx.Get(store.UserRows, secretName)
		if isNoRow(err) {
			secret = make([]byte, 32)
			_, _ = rand.Read(secret) // never fails (crypto/rand)
			err = tx.Put(store.UserRows, secretName, secret)
		}
		d.secret = secret
		return err
	})
}

// Hashes are the SCRAM hashes that accounts have keys for.
func (d *Directory) Hashes() []sasl.Hash { return d.opts.Hashes }

// user reads the row of an address. ErrUnknownUser when there is none.
func (d *Directory) user(ctx context.Context, name string) (userRow, error) {
	if len(name) > maxName {
		return userRow{}, ErrUnknownUser
	}
	b, err := d.store.Row(ctx, store.UserRows, name)
	if isNoRow(err) {
		return userRow{}, ErrUnknownUser
	}
	if err != nil {
		return userRow{}, err
	}
	return decodeUser(b)
}

// account reads the row of an account. ErrUnknownUser when it is an alias.
func (d *Directory) account(ctx context.Context, name string) (userRow, error) {
	row, err := d.user(ctx, name)
	if err == nil && row.Kind != kindAccount {
		return userRow{}, ErrUnknownUser
	}
	return row, err
}

// updateAccount changes an account's row. fn may be run more than once.
func (d *Directory) updateAccount(ctx context.Context, a addr.Address, fn func(*userRow) error) error {
	name := rowName(a)
	err := d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getAccount(tx, name)
		if err != nil {
			return err
		}
		if err := fn(&row); err != nil {
			return err
		}
		return tx.Put(store.UserRows, name, encodeRow(row))
	})
	return naming(a, err)
}

func getAccount(tx *store.RowTx, name string) (userRow, error) {
	b, err := tx.Get(store.UserRows, name)
	if isNoRow(err) {
		return userRow{}, ErrUnknownUser
	}
	if err != nil {
		return userRow{}, err
	}
	row, err := decodeUser(b)
	if err == nil && row.Kind != kindAccount {
		return userRow{}, ErrUnknownUser
	}
	return row, err
}

// naming puts the address in front of an error.
func naming(a addr.Address, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", loginOf(rowName(a)), err)
}
