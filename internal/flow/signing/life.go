package signing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/trust/dkim"
)

// Generate makes a pair of keys for a domain, which are Next. Keys that were Next before and were never used go. ErrFull.
func (k *Keys) Generate(ctx context.Context, domain addr.Domain) ([]Entry, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	now := k.opts.Clock()
	have, err := k.List(ctx, domain)
	if err != nil {
		return nil, err
	}
	if len(have) >= maxKeys {
		return nil, ErrFull
	}
	var out []Entry
	var rows [][]byte
	for _, algorithm := range []string{dkim.RSA, dkim.Ed25519} {
		e, value, err := generate(domain, selector(algorithm, now, have), algorithm, now)
		if err != nil {
			return nil, err
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

// selector is a name that no key of the domain has had, as far as anybody remembers: what is published under it elsewhere is this key alone.
func selector(algorithm string, now time.Time, have []Entry) string {
	base := algorithm[:1] + now.UTC().Format("20060102")
	name := base
	for n := 2; slices.ContainsFunc(have, func(e Entry) bool { return e.Selector == name }); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

func generate(domain addr.Domain, selector, algorithm string, now time.Time) (e Entry, value []byte, err error) {
	key, err := dkim.Generate(domain, selector, algorithm)
	if err != nil {
		return e, nil, err
	}
	r := row{State: Next, Created: now.Unix()}
	if r.Key, err = key.Marshal(); err != nil {
		return e, nil, fmt.Errorf("signing: %w", err)
	}
	if e, err = entry(&key, r); err != nil {
		return e, nil, err
	}
	if value, err = json.Marshal(r); err != nil {
		return e, nil, fmt.Errorf("signing: %w", err)
	}
	return e, value, nil
}

// Use makes keys Active: the named ones, or all that are Next. Those of the same algorithms that were before are Retired. ErrTooFew where nothing is
// Next, ErrNoKey, ErrTwice.
func (k *Keys) Use(ctx context.Context, domain addr.Domain, selectors ...string) error {
	return k.change(ctx, domain, func(tx *store.RowTx, rows map[string]keyRow) error {
		fresh := make(map[string]string) // algorithm to selector
		for selector, r := range rows {
			if len(selectors) > 0 && !slices.Contains(selectors, selector) || len(selectors) == 0 && r.State != Next {
				continue
			}
			if fresh[r.algorithm] != "" {
				return fmt.Errorf("%w: %s and %s", ErrTwice, fresh[r.algorithm], selector)
			}
			fresh[r.algorithm] = selector
		}
		for _, s := range selectors {
			if _, ok := rows[s]; !ok {
				return fmt.Errorf("%w: %s", ErrNoKey, s)
			}
		}
		if len(fresh) == 0 {
			return ErrTooFew
		}
		for selector, r := range rows {
			var err error
			switch {
			case fresh[r.algorithm] == selector:
				err = k.put(tx, domain, selector, r.row, Active)
			case r.State == Active && fresh[r.algorithm] != "":
				err = k.put(tx, domain, selector, r.row, Retired)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Retire signs with a key no more. ErrNoKey, ErrUnused.
func (k *Keys) Retire(ctx context.Context, domain addr.Domain, selector string) error {
	return k.change(ctx, domain, func(tx *store.RowTx, rows map[string]keyRow) error {
		r, ok := rows[selector]
		switch {
		case !ok:
			return ErrNoKey
		case r.State != Active:
			return ErrUnused
		}
		return k.put(tx, domain, selector, r.row, Retired)
	})
}

// Remove forgets a key that is not Active: its record may then go from the DNS. ErrNoKey, ErrInUse.
func (k *Keys) Remove(ctx context.Context, domain addr.Domain, selector string) error {
	return k.change(ctx, domain, func(tx *store.RowTx, rows map[string]keyRow) error {
		r, ok := rows[selector]
		switch {
		case !ok:
			return ErrNoKey
		case r.State == Active:
			return ErrInUse
		}
		return tx.Delete(store.SendingRows, prefix(domain)+selector)
	})
}

// RemoveAll forgets every key of a domain.
func (k *Keys) RemoveAll(ctx context.Context, domain addr.Domain) error {
	return k.change(ctx, domain, func(tx *store.RowTx, rows map[string]keyRow) error {
		for selector := range rows {
			if err := tx.Delete(store.SendingRows, prefix(domain)+selector); err != nil {
				return err
			}
		}
		return nil
	})
}

// put writes a key in a state, which it may have already.
func (k *Keys) put(tx *store.RowTx, domain addr.Domain, selector string, r row, state State) error {
	if r.State == state {
		return nil
	}
	r.State, r.Since = state, k.opts.Clock().Unix()
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return tx.Put(store.SendingRows, prefix(domain)+selector, value)
}

// keyRow is a row of which the algorithm is known.
type keyRow struct {
	row
	algorithm string
}

// change runs fn over the keys of a domain, by selector, in one step.
func (k *Keys) change(ctx context.Context, domain addr.Domain, fn func(*store.RowTx, map[string]keyRow) error) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	have, err := k.List(ctx, domain)
	if err != nil {
		return err
	}
	k.mu.Lock() // nobody remembers what was before
	defer k.mu.Unlock()
	defer delete(k.active, domain)
	return k.opts.Store.UpdateRows(ctx, func(tx *store.RowTx) error {
		rows := make(map[string]keyRow, len(have))
		for _, e := range have {
			name := prefix(domain) + e.Selector
			value, err := tx.Get(store.SendingRows, name)
			if errors.Is(err, store.ErrNoRow) {
				continue
			}
			r := keyRow{algorithm: e.Algorithm}
			if err == nil {
				err = json.Unmarshal(value, &r.row)
			}
			if err != nil {
				return fmt.Errorf("signing: %s: %w", name, err)
			}
			rows[e.Selector] = r
		}
		return fn(tx, rows)
	})
}
