package directory

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"restante/internal/base/bus"
	"restante/internal/base/limit"
	"restante/internal/base/metrics"
	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
	"restante/internal/store"
	"restante/internal/store/retention"
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
	// Offer is how people may log in, with MechanismAPOP among the names. Without Mechanisms it is SCRAM-SHA-256, PLAIN, LOGIN,
	// and what Tokens and certificates make possible. What SCRAM and CRAM-MD5
	// need is kept of a password only for those that are in it.
	Offer sasl.Offer
	// Tokens checks the bearer tokens of OAUTHBEARER and XOAUTH2; nil: there are none.
	Tokens Tokens
	// Certificates are logins by what a client's certificate says of itself, in small
	// letters; see [sasl.Config].Names. An e-mail address that is not here stands for itself.
	Certificates map[string]string
	// CramKey encrypts what CRAM-MD5 needs of a password, and the password itself for APOP, 32 octets; without it there is neither.
	CramKey []byte
	// MinPassword is the fewest characters of a new password; 0 is 8.
	MinPassword int
	// Remember is how long the outcome of a check is remembered; 0 is a minute,
	// less than 0 not at all.
	Remember time.Duration
	// POP is the server's rule for devices that use POP3; what it leaves open is retention.Default's.
	POP retention.Rule
	// Junk and Trash are how long messages stay in these mailboxes, where neither their owner nor their domain has said; 0 for ever.
	Junk, Trash time.Duration
	// Each is how much an account may keep, where neither itself nor its domain has a quota of its own; 0 is no limit.
	Each Limits
	// Guard slows down those who guess; nil lets them.
	Guard *limit.Guard
	// Erased is called when an account has been erased, until it says that nobody else knows of it either. Nil: nobody does.
	Erased func(ctx context.Context, id store.AccountID, login string) error
	// Hints tells sessions that an account's credentials have changed; see Watch. Directories of one store, as reloads make them, share
	// one. nil is one of its own.
	Hints bus.Bus
	// Hosted is what is remembered of domains; directories of one store share one. nil is one of its own.
	Hosted *Hosted

	Clock   func() time.Time  // nil is time.Now
	Log     *slog.Logger      // nil drops it
	Metrics *metrics.Registry // nil counts nothing
}

// DefaultMechanisms are those that are offered when nothing is said of them.
func DefaultMechanisms() []string {
	return []string{sasl.ScramSHA256, sasl.Plain, sasl.Login, sasl.OAuthBearer, sasl.XOAuth2, sasl.External}
}

func (o Options) withDefaults() Options {
	orDefault(&o.Detail, "+")
	if o.NoDetail {
		o.Detail = ""
	}
	o.Cost = o.Cost.withDefaults()
	o.Offer.Mechanisms = slices.Clone(o.Offer.Mechanisms)
	if o.Offer.Mechanisms == nil {
		o.Offer.Mechanisms = DefaultMechanisms()
	}
	o.Offer.Mechanisms = slices.DeleteFunc(o.Offer.Mechanisms, func(name string) bool {
		return o.Tokens == nil && (name == sasl.OAuthBearer || name == sasl.XOAuth2) || o.CramKey == nil && (name == sasl.CramMD5 || name == MechanismAPOP)
	})
	if o.Hints == nil {
		o.Hints = bus.New()
	}
	if o.Hosted == nil {
		o.Hosted = new(Hosted)
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
	secret  []byte      // of the installation; keys the SCRAM salts of nobody
	sealer  cipher.AEAD // of what CRAM-MD5 needs; nil: nothing is kept for it
	nobody  phc         // what the passwords of unknown names are checked against
	results map[string]*metrics.Counter
	erasing sync.Mutex // held over an erasure: two of one account would get in each other's way
}

// Open returns the directory in s. It makes the store's secret when there is none.
func Open(ctx context.Context, s *store.Store, opts Options) (*Directory, error) {
	d := &Directory{store: s, opts: opts.withDefaults()}
	d.hasher = newHasher(&d.opts)
	if d.opts.Offer.Has(sasl.CramMD5) || d.opts.Offer.Has(MechanismAPOP) {
		var err error
		if d.sealer, err = newSealer(opts.CramKey); err != nil {
			return nil, err
		}
	}
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

// Offer is how people may log in.
func (d *Directory) Offer() sasl.Offer { return d.opts.Offer }

// hashes are those that SCRAM keys are made for.
func (d *Directory) hashes() (list []sasl.Hash) {
	for _, h := range []sasl.Hash{sasl.SHA256, sasl.SHA1} {
		if d.opts.Offer.Has(h.Mechanism()) {
			list = append(list, h)
		}
	}
	return list
}

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
