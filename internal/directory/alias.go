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

// Alias is an address that stands for others.
type Alias struct {
	Address string    `json:"address"` // in canonical form; "@domain" for a catch-all
	Targets []string  `json:"targets"`
	Outside []string  `json:"outside,omitempty"` // addresses of other hosts
	Senders Senders   `json:"senders,omitempty"`
	Created time.Time `json:"created"`
}

func (row *userRow) alias(name string) Alias {
	return Alias{loginOf(name), row.Targets, row.Outside, row.Senders, row.Created}
}

// maxTargets bounds an alias; its row must fit into a value of the engine.
const maxTargets = 200

// CatchAll is the address of a domain's catch-all.
func CatchAll(domain addr.Domain) addr.Address { return addr.Address{Domain: domain} }

// Senders are who may write to an alias. What somebody claims in From or MAIL is no proof: who may is known by his login.
type Senders string

// The kinds of Senders.
const (
	Everybody Senders = ""
	Here      Senders = "here"    // who has an account here
	Members   Senders = "members" // the accounts that it leads to
)

// NewAlias is what a new alias stands for.
type NewAlias struct {
	// Targets are addresses of hosted domains, which must be there, and of other hosts.
	Targets []addr.Address
	// Senders are who may write to it.
	Senders Senders
	// Force lets a catch-all stand for addresses of other hosts: all that is guessed at the domain is sent on to them, and their hosts take it for ours.
	Force bool
}

// AddAlias makes an address stand for others. A CatchAll address takes what nothing else of its
// domain takes. ErrExists when the address is taken, ErrCatchAll for one that leads outside.
func (d *Directory) AddAlias(ctx context.Context, a addr.Address, n NewAlias) (Alias, error) {
	if a.Local == "" {
		if a.Domain == "" || a.Domain.IsLiteral() {
			return Alias{}, fmt.Errorf("%w: a catch-all is written @domain", ErrBadAddress)
		}
	} else if err := checkNew(a); err != nil {
		return Alias{}, err
	}
	if len(n.Targets) == 0 || len(n.Targets) > maxTargets {
		return Alias{}, naming(a, fmt.Errorf("%w: an alias has 1 to %d targets", ErrBadAddress, maxTargets))
	}
	row := userRow{V: rowVersion, Kind: kindAlias, Senders: n.Senders, Created: d.now()}
	var err error
	if row.Targets, row.Outside, err = d.sort(ctx, a, n.Targets); err != nil {
		return Alias{}, err
	}
	if a.Local == "" && len(row.Outside) > 0 && !n.Force {
		return Alias{}, naming(a, ErrCatchAll)
	}
	err = d.store.UpdateRows(ctx, func(tx *store.RowTx) error { return addUser(tx, a, row) })
	return row.alias(rowName(a)), naming(a, err)
}

// sort tells targets of an address that are here, and must be, from those of other hosts.
func (d *Directory) sort(ctx context.Context, a addr.Address, targets []addr.Address) (here, outside []string, err error) {
	for _, t := range targets {
		if rowName(t) == rowName(a) {
			return nil, nil, naming(a, fmt.Errorf("%w: it would stand for itself", ErrAliasLoop))
		}
		switch err := d.deliverable(ctx, t); {
		case errors.Is(err, ErrNotLocal) && t.Local != "" && t.Domain != "":
			outside = append(outside, t.String())
		case err != nil:
			return nil, nil, fmt.Errorf("target %s: %w", t, err)
		default:
			here = append(here, t.String())
		}
	}
	return here, outside, nil
}

// deliverable says whether an alias may lead to a: mail may be refused there
// for now.
func (d *Directory) deliverable(ctx context.Context, a addr.Address) error {
	_, err := d.Lookup(ctx, a)
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// RemoveAlias removes an alias. ErrUnknownUser when there is none.
func (d *Directory) RemoveAlias(ctx context.Context, a addr.Address) error {
	name := rowName(a)
	err := d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		b, err := tx.Get(store.UserRows, name)
		if isNoRow(err) {
			return ErrUnknownUser
		}
		if err != nil {
			return err
		}
		row, err := decodeUser(b)
		if err != nil {
			return err
		}
		if row.Kind != kindAlias {
			return ErrUnknownUser
		}
		return tx.Delete(store.UserRows, name)
	})
	return naming(a, err)
}

// Aliases yields the aliases of a domain by address, of all domains when it is
// empty. The first error is the last thing it yields.
func (d *Directory) Aliases(ctx context.Context, domain addr.Domain) iter.Seq2[Alias, error] {
	return func(yield func(Alias, error) bool) {
		err := d.eachUser(ctx, domain, func(name string, row *userRow) error {
			if row.Kind == kindAlias && !yield(row.alias(name), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil {
			yield(Alias{}, err)
		}
	}
}
