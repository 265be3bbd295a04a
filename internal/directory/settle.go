package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// A domain's accounts are looked at again when the rules that they inherit have changed: by a verb, or in the configuration, also while the server was down.
// What was in force when they were last looked at is in a row a domain; a walk that is broken off goes on where it was.

const settledPrefix = "!settled/"

// settledRow is how far the accounts of a domain have been looked at.
type settledRow struct {
	V     int    `json:"v"`
	Rules string `json:"rules"` // those that hold for all of them
	// Going is the rules of a walk under way, After the last row that it has seen.
	Going string `json:"going,omitempty"`
	After string `json:"after,omitempty"`
}

// settleStep is how many accounts are looked at between two notes of how far the walk is.
const settleStep = 100

// Settle looks at accounts that inherit other rules than when they were last looked at, at most limit of them, and calls look for each; more says that
// there are others left. It costs one read a domain when nothing has changed.
func (d *Directory) Settle(ctx context.Context, limit int, look func(context.Context, store.AccountID) error) (n int, more bool, err error) {
	for domain, err := range d.Domains(ctx) {
		if err != nil {
			return n, false, err
		}
		seen, unfinished, err := d.settleDomain(ctx, &domain, limit-n, look)
		n += seen
		if err != nil {
			return n, false, fmt.Errorf("%s: settling accounts: %w", domain.Name, err)
		}
		if unfinished {
			return n, true, nil
		}
	}
	return n, false, nil
}

// inherited are the rules that accounts of a domain inherit, in a form that can be compared.
func (d *Directory) inherited(domain *Domain) string {
	rules := domain.Rules
	each := d.each(&rules)
	rules.POP, rules.Each, rules.Total = rules.POP.Over(d.opts.POP), &each, Limits{}
	b, err := json.Marshal(struct {
		DomainRules
		ServerJunk, ServerTrash string
	}{rules, d.opts.Junk.String(), d.opts.Trash.String()})
	if err != nil {
		panic("directory: rules that cannot be encoded: " + err.Error())
	}
	return string(b)
}

func (d *Directory) settleDomain(ctx context.Context, domain *Domain, limit int, look func(context.Context, store.AccountID) error) (n int, more bool, err error) {
	row, err := d.settled(ctx, domain.Name)
	if err != nil {
		return 0, false, err
	}
	want := d.inherited(domain)
	if row.Rules == want && row.Going == "" {
		return 0, false, nil
	}
	if row.Going != want {
		row.Going, row.After = want, ""
	}
	for {
		if limit <= n {
			return n, true, nil
		}
		names, err := d.accountsAfter(ctx, domain.Name, row.After, min(settleStep, limit-n))
		if err != nil {
			return n, false, err
		}
		for _, name := range names {
			if err := d.settleAccount(ctx, domain, name, look); err != nil {
				return n, false, err
			}
			n, row.After = n+1, name
		}
		if len(names) == 0 {
			row.Rules, row.Going, row.After = want, "", ""
		}
		if err := d.putSettled(ctx, domain.Name, row); err != nil || len(names) == 0 {
			return n, false, err
		}
		if err := ctx.Err(); err != nil {
			return n, false, err
		}
	}
}

func (d *Directory) settled(ctx context.Context, name addr.Domain) (settledRow, error) {
	row := settledRow{V: rowVersion}
	b, err := d.store.Row(ctx, store.UserRows, settledPrefix+string(name))
	err = decodeIfAny(b, err, &row, &row.V)
	return row, err
}

func (d *Directory) putSettled(ctx context.Context, name addr.Domain, row settledRow) error {
	return d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		if _, err := getDomain(tx, name); err != nil {
			if errors.Is(err, ErrNotLocal) {
				return nil // removed meanwhile
			}
			return err
		}
		return tx.Put(store.UserRows, settledPrefix+string(name), encodeRow(row))
	})
}

// accountsAfter are the first names of rows of accounts behind one.
func (d *Directory) accountsAfter(ctx context.Context, domain addr.Domain, after string, limit int) (names []string, err error) {
	err = d.store.Rows(ctx, store.UserRows, string(domain)+"/", func(name string, value []byte) error {
		if name <= after {
			return nil
		}
		row, err := decodeUser(value)
		if err != nil {
			return fmt.Errorf("%s: %w", loginOf(name), err)
		}
		if row.Kind != kindAccount {
			return nil
		}
		if names = append(names, name); len(names) == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return names, err
}

// settleAccount gives an account the default quota, if it follows that, and has it looked at.
func (d *Directory) settleAccount(ctx context.Context, domain *Domain, name string, look func(context.Context, store.AccountID) error) error {
	row, err := d.account(ctx, name)
	if errors.Is(err, ErrUnknownUser) {
		return nil // removed meanwhile
	}
	if err == nil {
		err = d.settleQuota(ctx, name, &row, d.each(&domain.Rules))
	}
	if err == nil {
		err = look(ctx, row.Account)
	}
	if errors.Is(err, store.ErrNoAccount) {
		return nil
	}
	return err
}

// settleQuota sets an account's quota to the default, if it is what a default has given it.
func (d *Directory) settleQuota(ctx context.Context, name string, row *userRow, each Limits) error {
	h, err := d.store.Account(ctx, row.Account)
	if err != nil {
		return err
	}
	defer h.Close()
	q := h.View().Quota()
	now := Limits{q.Octets, q.Messages}
	own := !slices.Contains(row.Given, now) && (now != (Limits{}) || len(row.Given) > 0)
	if now == each || own {
		return nil
	}
	// The note first: after a crash it still says that the quota was given.
	err = d.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		row, err := getAccount(tx, name)
		if err != nil {
			return err
		}
		row.Given = []Limits{each, now}
		return tx.Put(store.UserRows, name, encodeRow(row))
	})
	if err != nil {
		return err
	}
	_, err = h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		q.Octets, q.Messages = each.Octets, each.Messages
		return tx.SetQuota(q)
	})
	return err
}
