package directory

import (
	"context"
	"errors"
	"strings"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Target is where mail for an address goes.
type Target struct {
	// Recipients are the accounts, each once. Without an error there is one at least.
	Recipients []Recipient
	// Detail is the tag of the address itself, user+tag; "" when there is none.
	Detail string
}

// Recipient is an account that mail for an address is for.
type Recipient struct {
	Account store.AccountID
	Login   string // its address, in canonical form
	// Detail is the tag that led here: the address's, or that of an alias's target.
	Detail string
}

// maxVisited bounds the rows that one Lookup reads on its way through aliases.
const maxVisited = 1000

const postmaster = "postmaster"

// Lookup says where mail for an address goes: to the account of that name, to
// what an alias of that name stands for, to either of them without the detail,
// to the postmaster, or to the domain's catch-all, whichever comes first.
//
// Errors: ErrNotLocal, ErrUnknownUser, ErrClosed when every account that the
// address stands for takes no mail, ErrAliasLoop; any other is temporary.
func (d *Directory) Lookup(ctx context.Context, a addr.Address) (Target, error) {
	if a.Domain == "" && strings.EqualFold(a.Local, postmaster) {
		a.Domain = d.opts.DefaultDomain // RFC 5321 4.1.1.3: <Postmaster>
	}
	if a.Local == "" {
		return Target{}, ErrUnknownUser // the row of that name is the catch-all
	}
	hosted, err := d.Hosts(ctx, a.Domain)
	if err != nil {
		return Target{}, err
	}
	if !hosted {
		return Target{}, ErrNotLocal
	}
	w := walk{d: d, visited: make(map[string]bool)}
	for _, try := range d.tries(a) {
		found, err := w.visit(ctx, rowName(try.address), try.detail)
		if err != nil {
			return Target{}, err
		}
		if !found {
			continue
		}
		switch {
		case len(w.recipients) > 0:
			return Target{w.recipients, try.detail}, nil
		case w.closed:
			return Target{}, ErrClosed
		}
		return Target{}, ErrUnknownUser // an alias that leads nowhere any more
	}
	return Target{}, ErrUnknownUser
}

// try is a name that an address may be found under.
type try struct {
	address addr.Address
	detail  string
}

func (d *Directory) tries(a addr.Address) []try {
	tries := append(make([]try, 0, 4), try{a, ""})
	base, detail, ok := a.Detail(d.opts.Detail)
	if ok {
		tries = append(tries, try{base, detail})
	}
	if strings.EqualFold(base.Local, postmaster) && d.opts.Postmaster.Local != "" {
		tries = append(tries, try{d.opts.Postmaster, detail})
	}
	return append(tries, try{CatchAll(a.Domain), ""})
}

// walk gathers the accounts behind an address.
type walk struct {
	d          *Directory
	visited    map[string]bool // names of rows; also stops loops
	recipients []Recipient
	closed     bool // a closed account was met
}

// visit adds what a row leads to. Targets that have gone since the alias was
// made are passed over.
func (w *walk) visit(ctx context.Context, name, detail string) (found bool, err error) {
	if w.visited[name] {
		return true, nil
	}
	if len(w.visited) >= maxVisited {
		return false, ErrAliasLoop
	}
	row, err := w.d.user(ctx, name)
	if errors.Is(err, ErrUnknownUser) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.visited[name] = true
	if row.Kind == kindAccount {
		if row.Access == Closed {
			w.closed = true
		} else {
			w.recipients = append(w.recipients, Recipient{row.Account, loginOf(name), detail})
		}
		return true, nil
	}
	for _, target := range row.Targets {
		a, err := addr.Parse(target)
		if err != nil {
			continue
		}
		if err := w.follow(ctx, a, detail); err != nil {
			return false, err
		}
	}
	return true, nil
}

// follow visits an alias's target. A detail of its own wins over the one that
// the alias was addressed with.
func (w *walk) follow(ctx context.Context, a addr.Address, detail string) error {
	found, err := w.visit(ctx, rowName(a), detail)
	if base, own, ok := a.Detail(w.d.opts.Detail); err == nil && !found && ok {
		_, err = w.visit(ctx, rowName(base), own)
	}
	return err
}
