package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// Limits are how much may be kept; 0 is no limit.
type Limits struct {
	Octets   uint64 `json:"octets,omitempty"`
	Messages uint64 `json:"messages,omitempty"`
}

// DomainRules are what the operator has said for all accounts of a domain. What is left open is the server's; an account, a device and the owner
// of a mailbox are nearer, and win.
type DomainRules struct {
	POP retention.Rule `json:"pop,omitzero"`
	// Junk and Trash are how long messages stay there: a period, or "forever"; "" is the server's.
	Junk  string `json:"junk,omitempty"`
	Trash string `json:"trash,omitempty"`
	// Each is what an account may keep that has no quota of its own; nil is the server's.
	Each *Limits `json:"each,omitempty"`
	// Total is what all accounts may keep together.
	Total Limits `json:"total,omitzero"`
}

// DomainState is how it stands with the quota of a domain.
type DomainState struct {
	// Full is since when mail has been refused because the quota is used up; zero: it is not.
	Full time.Time `json:"full,omitzero"`
	// Warned is the part of it, per cent, that the postmaster has been told of last.
	Warned int `json:"warned,omitempty"`
}

// NoteDomain changes what is known of a domain's quota. change may be called more than once.
func (d *Directory) NoteDomain(ctx context.Context, name addr.Domain, change func(*DomainState)) error {
	err := d.updateDomain(ctx, name, func(_ *store.RowTx, row *domainRow) error {
		change(&row.State)
		return nil
	})
	return namingDomain(name, err)
}

// ErrRule means a rule that cannot be.
var ErrRule = errors.New("directory: not a rule")

// check refuses what cannot be read later.
func (r *DomainRules) check() error {
	if _, err := r.POP.Apply(retention.Default()); err != nil {
		return fmt.Errorf("%w: %w", ErrRule, err)
	}
	if r.POP.Scope == retention.ScopeChosen.String() {
		return fmt.Errorf("%w: which mailboxes are chosen a device says, not a domain", ErrRule)
	}
	for _, text := range []string{r.Junk, r.Trash} {
		if text == "" {
			continue
		}
		if s, err := retention.ParseStay(text); err != nil {
			return fmt.Errorf("%w: %w", ErrRule, err)
		} else if s.Flagged {
			return fmt.Errorf("%w: that flagged messages leave only the owner of a mailbox can say", ErrRule)
		}
	}
	return nil
}

// DomainRules returns the rules of a domain. ErrNotLocal when it is not hosted.
func (d *Directory) DomainRules(ctx context.Context, name addr.Domain) (DomainRules, error) {
	row, err := d.domain(ctx, name)
	return row.Rules, namingDomain(name, err)
}

// SetDomainRules changes the rules of a domain. change may be called more than once. Its accounts are looked at by the next Settle.
func (d *Directory) SetDomainRules(ctx context.Context, name addr.Domain, change func(*DomainRules)) error {
	err := d.updateDomain(ctx, name, func(tx *store.RowTx, row *domainRow) error {
		change(&row.Rules)
		if err := row.Rules.check(); err != nil {
			return err
		}
		return raiseDelay(tx, row.Rules.POP)
	})
	return namingDomain(name, err)
}

// domain reads a domain's row.
func (d *Directory) domain(ctx context.Context, name addr.Domain) (domainRow, error) {
	b, err := d.store.Row(ctx, store.DomainRows, string(name))
	if isNoRow(err) {
		return domainRow{}, ErrNotLocal
	}
	if err != nil {
		return domainRow{}, err
	}
	return decodeDomain(b)
}

// domainOf is the domain of an address's row.
func domainOf(name string) addr.Domain {
	domain, _, _ := strings.Cut(name, "/")
	return addr.Domain(domain)
}

// abovePOP is the rule for POP3 that holds in a domain where an account says nothing.
func (d *Directory) abovePOP(ctx context.Context, name addr.Domain) (retention.Rule, error) {
	row, err := d.domain(ctx, name)
	if err != nil && !errors.Is(err, ErrNotLocal) {
		return retention.Rule{}, err
	}
	return row.Rules.POP.Over(d.opts.POP), nil
}

// TryDomainPOP is POPDevices of an account as it would be under another rule of its domain, or of the server with ofServer.
func (d *Directory) TryDomainPOP(ctx context.Context, a addr.Address, rule retention.Rule, ofServer bool) ([]store.POPDevice, error) {
	if _, err := rule.Apply(retention.Default()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRule, err)
	}
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return nil, naming(a, err)
	}
	domain, err := d.domain(ctx, a.Domain)
	if err != nil {
		return nil, naming(a, err)
	}
	above := rule.Over(d.opts.POP)
	if ofServer {
		above = domain.Rules.POP.Over(above)
	}
	return d.popDevices(&row, above), nil
}

// SaidPOP says who has said each part of a device's rule for POP3: "device", "account", "domain" or "server" in its place, or "" where the program's own
// default holds.
func (d *Directory) SaidPOP(ctx context.Context, a addr.Address, dev *Device) (retention.Rule, error) {
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return retention.Rule{}, naming(a, err)
	}
	domain, err := d.domain(ctx, a.Domain)
	if err != nil {
		return retention.Rule{}, naming(a, err)
	}
	return retention.Said([]string{"device", "account", "domain", "server"},
		[]retention.Rule{dev.POP, row.POP, domain.Rules.POP, d.opts.POP}), nil
}

// Retention is how long messages stay in a mailbox of a role in an account whose owner has not said; 0 is for ever. ErrUnknownUser while the
// account is being made, or erased.
func (d *Directory) Retention(ctx context.Context, id store.AccountID, role store.Role) (time.Duration, error) {
	if role != store.RoleJunk && role != store.RoleTrash {
		return 0, nil
	}
	login, err := d.LoginOf(ctx, id)
	if err != nil {
		return 0, err
	}
	row, err := d.domain(ctx, domainOf(d.loginName(login)))
	if err != nil && !errors.Is(err, ErrNotLocal) {
		return 0, err
	}
	own := row.Rules.Junk
	if role == store.RoleTrash {
		own = row.Rules.Trash
	}
	if own == "" {
		return d.ServerRetention(role), nil
	}
	stay, err := retention.ParseStay(own)
	return stay.For, err
}

// ServerRetention is how long messages stay in a mailbox of a role where nobody else has said; 0 is for ever.
func (d *Directory) ServerRetention(role store.Role) time.Duration {
	switch role {
	case store.RoleJunk:
		return d.opts.Junk
	case store.RoleTrash:
		return d.opts.Trash
	}
	return 0
}

// each is the quota of a domain's accounts that have none of their own.
func (d *Directory) each(rules *DomainRules) Limits {
	if rules.Each != nil {
		return *rules.Each
	}
	return d.opts.Each
}

// giveQuota gives a new account that has no quota of its own the domain's default.
func (d *Directory) giveQuota(ctx context.Context, name addr.Domain, q *store.Quota, row *userRow) error {
	if q.Octets != 0 || q.Messages != 0 {
		return nil
	}
	rules, err := d.DomainRules(ctx, name)
	if err != nil {
		return err
	}
	each := d.each(&rules)
	q.Octets, q.Messages = each.Octets, each.Messages
	row.Given = []Limits{each}
	return nil
}

// delayName is the row in store.UserRows with the longest time between logins that anybody has ever set.
const delayName = "!login-delay"

type delayRow struct {
	V     int           `json:"v"`
	Delay time.Duration `json:"delay"`
}

// raiseDelay notes the delay between logins that a rule brings.
func raiseDelay(tx *store.RowTx, rule retention.Rule) error {
	p, err := rule.Apply(retention.Policy{})
	if err != nil || p.LoginDelay == 0 {
		return err
	}
	row := delayRow{V: rowVersion}
	b, err := tx.Get(store.UserRows, delayName)
	if err = decodeIfAny(b, err, &row, &row.V); err != nil || row.Delay >= p.LoginDelay {
		return err
	}
	row.Delay = p.LoginDelay
	return tx.Put(store.UserRows, delayName, encodeRow(row))
}

// checkRule refuses a rule for POP3 that cannot be, and notes what it brings for CAPA.
func (d *Directory) checkRule(ctx context.Context, rule retention.Rule) error {
	if _, err := rule.Apply(retention.Default()); err != nil {
		return errBadDevice("%v", err)
	}
	return d.store.UpdateRows(ctx, func(tx *store.RowTx) error { return raiseDelay(tx, rule) })
}

// LoginDelay is the longest time between two logins by POP3 that any device may have to wait: what is told to those who have not logged in
// (RFC 2449 6.5). 0 when there is none.
func (d *Directory) LoginDelay(ctx context.Context) (time.Duration, error) {
	p, err := d.opts.POP.Apply(retention.Policy{})
	if err != nil {
		return 0, err
	}
	row := delayRow{V: rowVersion}
	b, err := d.store.Row(ctx, store.UserRows, delayName)
	err = decodeIfAny(b, err, &row, &row.V)
	return max(p.LoginDelay, row.Delay), err
}
