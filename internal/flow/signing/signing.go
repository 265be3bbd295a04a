// Package signing keeps the keys that our domains sign with (DKIM), and signs
// with them what our users send.
//
// # Model
//
// A domain has two keys at a time, RSA and Ed25519 (RFC 8463 1), each under a
// selector of its own. New keys are Next: they are published before anybody signs
// with them. Activate makes them Active, and those before them Retired, which
// stay published as long as mail with their signatures may be under way.
//
// # Invariants
//
//   - A private key lies in the store alone, whose files nobody but the server's
//     user can read, and is in no log and no Entry.
//   - A change of keys is one step: there is no moment with none.
//
// # What it does not do
//
// It publishes nothing, and does not ask whether anybody has.
package signing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/trust/dkim"
)

// What is refused.
var (
	ErrNoKey  = errors.New("signing: no such key")
	ErrInUse  = errors.New("signing: the key is in use")
	ErrTooFew = errors.New("signing: there are no new keys to change to")
	ErrFull   = errors.New("signing: the domain has too many keys: remove retired ones")
)

// maxKeys bounds those of a domain.
const maxKeys = 32

// State is where a key is in its life.
type State string

// The states, in their order.
const (
	Next    State = "next"
	Active  State = "active"
	Retired State = "retired"
)

// Entry is what may be known of a key.
type Entry struct {
	Domain    addr.Domain
	Selector  string
	Algorithm string // dkim.RSA, dkim.Ed25519
	State     State
	Created   time.Time
	Name      string // of the TXT record to publish
	Text      string // its text
}

// row is a key in the store, as "dkim/DOMAIN/SELECTOR".
type row struct {
	State   State  `json:"state"`
	Created int64  `json:"created"` // Unix time
	Key     []byte `json:"key"`     // PKCS #8
}

// Options are what Keys works with.
type Options struct {
	Store *store.Store // required
	Clock func() time.Time
}

// Keys are those of all domains. It is safe for concurrent use.
type Keys struct {
	opts Options

	mu     sync.Mutex
	active map[addr.Domain][]dkim.Key // what has been asked for; none is an entry, too
}

// maxRemembered bounds how many domains are remembered.
const maxRemembered = 4096

var _ submission.Signer = (*Keys)(nil)

// New returns Keys.
func New(o Options) *Keys {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Keys{opts: o, active: make(map[addr.Domain][]dkim.Key)}
}

// Begin implements submission.Signer.
func (k *Keys) Begin(ctx context.Context, domain addr.Domain) (submission.Signing, error) {
	keys, err := k.signers(ctx, domain)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return dkim.NewSigner(k.opts.Clock(), keys...), nil
}

// signers are the active keys of a domain, RSA first.
func (k *Keys) signers(ctx context.Context, domain addr.Domain) ([]dkim.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys, ok := k.active[domain]; ok {
		return keys, nil
	}
	var keys []dkim.Key
	err := k.each(ctx, domain, func(key dkim.Key, r row) error {
		if r.State == Active {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b dkim.Key) int { return strings.Compare(b.Algorithm(), a.Algorithm()) })
	if len(k.active) >= maxRemembered {
		clear(k.active)
	}
	k.active[domain] = keys
	return keys, nil
}

func prefix(domain addr.Domain) string { return "dkim/" + string(domain) + "/" }

// each calls fn for the keys of a domain, by selector.
func (k *Keys) each(ctx context.Context, domain addr.Domain, fn func(dkim.Key, row) error) error {
	err := k.opts.Store.Rows(ctx, store.SendingRows, prefix(domain), func(name string, value []byte) error {
		var r row
		key := dkim.Key{Domain: domain, Selector: strings.TrimPrefix(name, prefix(domain))}
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("key %s: %w", key.Selector, err)
		}
		if err := key.Unmarshal(r.Key); err != nil {
			return fmt.Errorf("key %s: %w", key.Selector, err)
		}
		return fn(key, r)
	})
	if err != nil {
		return fmt.Errorf("signing: keys of %s: %w", domain, err)
	}
	return nil
}

// List returns the keys of a domain, by selector.
func (k *Keys) List(ctx context.Context, domain addr.Domain) ([]Entry, error) {
	var out []Entry
	err := k.each(ctx, domain, func(key dkim.Key, r row) error {
		e, err := entry(&key, r)
		out = append(out, e)
		return err
	})
	return out, err
}

// DNS are the records that are to be published for a domain: those of all its keys.
func (k *Keys) DNS(ctx context.Context, domain addr.Domain) ([]Entry, error) {
	return k.List(ctx, domain)
}

func entry(key *dkim.Key, r row) (Entry, error) {
	e := Entry{Domain: key.Domain, Selector: key.Selector, Algorithm: key.Algorithm(), State: r.State, Created: time.Unix(r.Created, 0).UTC()}
	var err error
	e.Name, e.Text, err = key.DNS()
	return e, err
}

// Generate makes a pair of keys for a domain, which are Next. Pairs that were Next before and were never used go.
func (k *Keys) Generate(ctx context.Context, domain addr.Domain) ([]Entry, error) {
	now := k.opts.Clock()
	have, err := k.List(ctx, domain)
	if err != nil {
		return nil, err
	}
	if len(have) >= maxKeys {
		return nil, ErrFull
	}
	taken := func(selector string) bool {
		return slices.ContainsFunc(have, func(e Entry) bool { return e.Selector == selector })
	}
	var out []Entry
	var rows [][]byte
	for _, algorithm := range []string{dkim.RSA, dkim.Ed25519} {
		base := algorithm[:1] + now.UTC().Format("20060102")
		selector := base
		for n := 2; taken(selector); n++ {
			selector = fmt.Sprintf("%s-%d", base, n)
		}
		key, err := dkim.Generate(domain, selector, algorithm)
		if err != nil {
			return nil, err
		}
		r := row{State: Next, Created: now.Unix()}
		if r.Key, err = key.Marshal(); err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		e, err := entry(&key, r)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
		out, rows = append(out, e), append(rows, value)
	}
	err = k.opts.Store.UpdateRows(ctx, func(tx *store.RowTx) error {
		for _, e := range have {
			if e.State == Next {
				if err := tx.Delete(store.SendingRows, prefix(domain)+e.Selector); err != nil {
					return err
				}
			}
		}
		for i, e := range out {
			if err := tx.Put(store.SendingRows, prefix(domain)+e.Selector, rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Activate changes to the keys that are Next. Those before are Retired. ErrTooFew where there are none.
func (k *Keys) Activate(ctx context.Context, domain addr.Domain) error {
	return k.change(ctx, domain, func(tx *store.RowTx, rows map[string]row) error {
		fresh := false
		for _, r := range rows {
			fresh = fresh || r.State == Next
		}
		if !fresh {
			return ErrTooFew
		}
		for name, r := range rows {
			switch r.State {
			case Next:
				r.State = Active
			case Active:
				r.State = Retired
			default:
				continue
			}
			value, err := json.Marshal(r)
			if err == nil {
				err = tx.Put(store.SendingRows, name, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove forgets a key that is not Active: its record may then go from the DNS. ErrNoKey, ErrInUse.
func (k *Keys) Remove(ctx context.Context, domain addr.Domain, selector string) error {
	return k.change(ctx, domain, func(tx *store.RowTx, rows map[string]row) error {
		name := prefix(domain) + selector
		r, ok := rows[name]
		switch {
		case !ok:
			return ErrNoKey
		case r.State == Active:
			return ErrInUse
		}
		return tx.Delete(store.SendingRows, name)
	})
}

// change runs fn over the rows of a domain in one step.
func (k *Keys) change(ctx context.Context, domain addr.Domain, fn func(*store.RowTx, map[string]row) error) error {
	k.mu.Lock() // nobody remembers what was before
	defer k.mu.Unlock()
	defer delete(k.active, domain)
	names, err := k.List(ctx, domain)
	if err != nil {
		return err
	}
	return k.opts.Store.UpdateRows(ctx, func(tx *store.RowTx) error {
		rows := make(map[string]row, len(names))
		for _, e := range names {
			name := prefix(domain) + e.Selector
			value, err := tx.Get(store.SendingRows, name)
			if errors.Is(err, store.ErrNoRow) {
				continue
			}
			var r row
			if err == nil {
				err = json.Unmarshal(value, &r)
			}
			if err != nil {
				return fmt.Errorf("signing: %s: %w", name, err)
			}
			rows[name] = r
		}
		return fn(tx, rows)
	})
}
