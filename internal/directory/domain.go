package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Domain is a hosted domain.
type Domain struct {
	Name    addr.Domain `json:"name"`
	Created time.Time   `json:"created"`
	// Closing: its removal was begun and not finished. Remove it again, or
	// add it again to keep it.
	Closing bool `json:"closing,omitempty"`
	// Rules are what the operator has said for all of its accounts.
	Rules DomainRules `json:"rules,omitzero"`
	State DomainState `json:"state,omitzero"`
}

// AddDomain begins to host a domain. ErrExists when it is hosted already.
func (d *Directory) AddDomain(ctx context.Context, name addr.Domain) error {
	if name == "" || name.IsLiteral() {
		return fmt.Errorf("%w: %q is not a domain name", ErrBadAddress, name)
	}
	defer d.opts.Hosted.forget()
	err := d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getDomain(tx, name)
		switch {
		case errors.Is(err, ErrNotLocal):
			row = domainRow{V: rowVersion, Created: d.now()}
		case err != nil:
			return err
		case !row.Closing:
			return ErrExists
		}
		row.Closing = false
		return tx.Put(store.DomainRows, string(name), encodeRow(row))
	})
	return namingDomain(name, err)
}

// RemoveDomain ends the hosting of a domain that has no addresses any more;
// with some it is ErrNotEmpty and nothing changes.
func (d *Directory) RemoveDomain(ctx context.Context, name addr.Domain) error {
	// First it is closed, which every addition reads in its transaction; only
	// then "empty" cannot become wrong before the row goes.
	if err := d.setClosing(ctx, name, true); err != nil {
		return namingDomain(name, err)
	}
	empty := true
	err := d.store.Rows(ctx, store.UserRows, string(name)+"/", func(string, []byte) error {
		empty = false
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return namingDomain(name, err)
	}
	if !empty {
		return namingDomain(name, errors.Join(ErrNotEmpty, d.setClosing(ctx, name, false)))
	}
	defer d.opts.Hosted.forget()
	err = d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getDomain(tx, name)
		if err != nil {
			return err
		}
		if !row.Closing {
			return errReopened
		}
		if err := tx.Delete(store.UserRows, settledPrefix+string(name)); err != nil {
			return err
		}
		return tx.Delete(store.DomainRows, string(name))
	})
	return namingDomain(name, err)
}

var errReopened = errors.New("directory: somebody added the domain again meanwhile")

// errEnough ends a scan early.
var errEnough = errors.New("directory: enough")

func (d *Directory) setClosing(ctx context.Context, name addr.Domain, closing bool) error {
	return d.updateDomain(ctx, name, func(_ *store.RowTx, row *domainRow) error {
		row.Closing = closing
		return nil
	})
}

// updateDomain changes a domain's row. change may be called more than once.
func (d *Directory) updateDomain(ctx context.Context, name addr.Domain, change func(*store.RowTx, *domainRow) error) error {
	return d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getDomain(tx, name)
		if err != nil {
			return err
		}
		if err := change(tx, &row); err != nil {
			return err
		}
		return tx.Put(store.DomainRows, string(name), encodeRow(row))
	})
}

// Domains yields the hosted domains by name. The first error is the last thing
// it yields.
func (d *Directory) Domains(ctx context.Context) iter.Seq2[Domain, error] {
	return func(yield func(Domain, error) bool) {
		err := d.store.Rows(ctx, store.DomainRows, "", func(name string, value []byte) error {
			row, err := decodeDomain(value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if !yield(Domain{addr.Domain(name), row.Created, row.Closing, row.Rules, row.State}, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Domain{}, err)
		}
	}
}

// Hosts says whether a domain is hosted here.
func (d *Directory) Hosts(ctx context.Context, name addr.Domain) (bool, error) {
	hosted, known, changes := d.opts.Hosted.get(name)
	if known {
		return hosted, nil
	}
	_, err := d.store.Row(ctx, store.DomainRows, string(name))
	if err != nil && !isNoRow(err) {
		return false, err
	}
	d.opts.Hosted.put(name, err == nil, changes)
	return err == nil, nil
}

// getDomain reads a domain's row. ErrNotLocal when there is none.
func getDomain(tx *store.RowTx, name addr.Domain) (domainRow, error) {
	b, err := tx.Get(store.DomainRows, string(name))
	if isNoRow(err) {
		return domainRow{}, ErrNotLocal
	}
	if err != nil {
		return domainRow{}, err
	}
	return decodeDomain(b)
}

// addUser puts the row of a new address: its domain must be hosted and stay so,
// and the address free.
func addUser(tx *store.RowTx, a addr.Address, row userRow) error {
	domain, err := getDomain(tx, a.Domain)
	if err != nil {
		return err
	}
	if domain.Closing {
		return ErrNotLocal
	}
	name := rowName(a)
	_, err = tx.Get(store.UserRows, name)
	if err == nil {
		return ErrExists
	}
	if !isNoRow(err) {
		return err
	}
	return tx.Put(store.UserRows, name, encodeRow(row))
}

func (d *Directory) now() time.Time { return d.opts.Clock().UTC().Truncate(time.Second) }

func namingDomain(name addr.Domain, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
