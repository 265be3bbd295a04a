// Package signing keeps the keys that our domains sign with (DKIM), and signs
// with them what our users send.
//
// # Model
//
// A domain has two keys at a time, RSA and Ed25519 (RFC 8463 1), each under a
// selector of its own. New keys are Next: they are published before anybody signs
// with them. Use makes them Active, and those whose place they take, of the same
// algorithm, Retired, which stay published as long as mail with their signatures
// may be under way. Each key is Active or not by itself (RFC 8463 3): who
// cannot publish one of the two signs with the other.
//
// # Invariants
//
//   - A private key lies in the store alone, whose files nobody but the server's
//     user can read, and is in no log and no Entry.
//   - A change of keys is one step: there is no moment with none.
//   - Two keys of one algorithm are never Active together: who verifies one has no use for the other.
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
	ErrUnused = errors.New("signing: the key is not in use")
	ErrTwice  = errors.New("signing: two keys of one algorithm cannot be in use together")
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
	Since     time.Time // when it came into its state
	Name      string    // of the TXT record to publish
	Text      string    // its text
}

// row is a key in the store, as "dkim/DOMAIN/SELECTOR".
type row struct {
	State   State  `json:"state"`
	Created int64  `json:"created"`         // Unix time
	Since   int64  `json:"since,omitempty"` // of State; 0: Created
	Key     []byte `json:"key"`             // PKCS #8
}

// Options are what Keys works with.
type Options struct {
	Store *store.Store // required
	Clock func() time.Time
}

// Keys are those of all domains. It is safe for concurrent use.
type Keys struct {
	opts Options

	changing sync.Mutex // over a change; before mu

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

const table = "dkim/"

func prefix(domain addr.Domain) string { return table + string(domain) + "/" }

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

// Use is how it stands with the keys of a domain.
type Use struct {
	Next, Active, Retired int
	Oldest                time.Time // when the oldest Active key was made
}

// Domains are those that have keys. It costs less than a List of each.
func (k *Keys) Domains(ctx context.Context) (map[addr.Domain]Use, error) {
	out := make(map[addr.Domain]Use)
	err := k.opts.Store.Rows(ctx, store.SendingRows, table, func(name string, value []byte) error {
		var r struct { // a row without its key
			State   State `json:"state"`
			Created int64 `json:"created"`
		}
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		domain, _, _ := strings.Cut(strings.TrimPrefix(name, table), "/")
		u := out[addr.Domain(domain)]
		switch created := time.Unix(r.Created, 0).UTC(); {
		case r.State == Next:
			u.Next++
		case r.State == Retired:
			u.Retired++
		default:
			u.Active++
			if u.Oldest.IsZero() || created.Before(u.Oldest) {
				u.Oldest = created
			}
		}
		out[addr.Domain(domain)] = u
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return out, nil
}

func entry(key *dkim.Key, r row) (Entry, error) {
	e := Entry{Domain: key.Domain, Selector: key.Selector, Algorithm: key.Algorithm(), State: r.State, Created: time.Unix(r.Created, 0).UTC()}
	if e.Since = e.Created; r.Since != 0 {
		e.Since = time.Unix(r.Since, 0).UTC()
	}
	var err error
	e.Name, e.Text, err = key.DNS()
	return e, err
}
