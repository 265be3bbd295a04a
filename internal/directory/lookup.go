package directory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Target is where mail for an address goes.
type Target struct {
	// Recipients are the accounts, each once. Without an error there is one at least, or there are others Outside.
	Recipients []Recipient
	// Outside are addresses of other hosts, each once.
	Outside []addr.Address
	// Copies are more of them: where accounts that keep their mail send it on to as well. Nobody misses anything when that fails.
	Copies []addr.Address
	// Name is the address that was found, in canonical form: of user+tag that is user, of a catch-all the address itself.
	Name addr.Address
	// Detail is the tag of the address itself, user+tag; "" when there is none.
	Detail string
	// Senders are who may write to it.
	Senders Senders
	members []store.AccountID // also those who send all their mail on
}

// Admits says whether an account may write to it; 0 is nobody of ours.
func (t *Target) Admits(id store.AccountID) bool {
	switch t.Senders {
	case Everybody:
		return true
	case Here:
		return id != 0
	}
	return slices.Contains(t.members, id)
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

// Lookup says where mail for an address goes: to the account of that name and
// where that sends its mail on to (SetForward), to what an alias of that name
// stands for, to either of them without the detail,
// to the postmaster, or to the domain's catch-all, whichever comes first.
//
// Errors: ErrNotLocal, ErrUnknownUser, ErrClosed when every account that the
// address stands for takes no mail, ErrAliasLoop; any other is temporary.
func (d *Directory) Lookup(ctx context.Context, a addr.Address) (Target, error) {
	return d.lookup(ctx, a, false)
}

// Mailboxes is Lookup without where accounts send their mail on to: for mail that has been there, and for the question whose an address is.
func (d *Directory) Mailboxes(ctx context.Context, a addr.Address) (Target, error) {
	return d.lookup(ctx, a, true)
}

func (d *Directory) lookup(ctx context.Context, a addr.Address, stay bool) (Target, error) {
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
	w := walk{d: d, stay: stay, visited: make(map[string]bool)}
	for _, try := range d.tries(a) {
		found, err := w.visit(ctx, rowName(try.address), try.detail)
		if err != nil {
			return Target{}, err
		}
		if !found {
			continue
		}
		switch {
		case w.found() > 0:
			name := try.address
			if name.Local == "" {
				name = a
			}
			name.Local = addr.Fold(name.Local)
			return Target{Recipients: w.recipients, Outside: w.outside, Copies: w.copies, Name: name, Detail: try.detail, Senders: w.senders, members: w.members}, nil
		case w.closed:
			return Target{}, ErrClosed
		}
		return Target{}, ErrUnknownUser // an alias that leads nowhere any more
	}
	return Target{}, ErrUnknownUser
}

// Named says whether there is an account or alias of exactly that name.
func (d *Directory) Named(ctx context.Context, a addr.Address) (bool, error) {
	_, err := d.user(ctx, rowName(a))
	if errors.Is(err, ErrUnknownUser) {
		return false, nil
	}
	return err == nil, err
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
	stay       bool            // at the accounts, wherever they send their mail on to
	visited    map[string]bool // names of rows; also stops loops
	recipients []Recipient
	outside    []addr.Address
	copies     []addr.Address
	kept       bool    // what is visited now is where somebody sends his mail on to who keeps it
	closed     bool    // a closed account was met
	senders    Senders // of the first row
	members    []store.AccountID
	beyond     bool // what is visited now is where an account sends its mail on to
}

func (w *walk) found() int { return len(w.recipients) + len(w.outside) + len(w.copies) }

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
	if len(w.visited) == 0 {
		w.senders = row.Senders
	}
	w.visited[name] = true
	if row.Kind == kindAccount {
		return true, w.account(ctx, name, &row, detail)
	}
	return true, w.targets(ctx, &row, detail)
}

// account adds an account, and where it sends its mail on to.
func (w *walk) account(ctx context.Context, name string, row *userRow, detail string) error {
	if row.Access == Closed {
		w.closed = true
		return nil
	}
	if !w.beyond {
		w.members = append(w.members, row.Account)
	}
	own := Recipient{row.Account, loginOf(name), detail}
	if w.stay || !row.Only {
		w.recipients = append(w.recipients, own)
	}
	if w.stay {
		return nil
	}
	before, beyond, kept := w.found(), w.beyond, w.kept
	w.beyond, w.kept = true, kept || !row.Only
	if err := w.targets(ctx, row, detail); err != nil {
		return err
	}
	w.beyond, w.kept = beyond, kept
	if row.Only && w.found() == before { // there is nowhere to go, or back here only
		w.recipients = append(w.recipients, own)
	}
	return nil
}

// targets adds what a row names.
func (w *walk) targets(ctx context.Context, row *userRow, detail string) error {
	for _, target := range row.Targets {
		a, err := addr.Parse(target)
		if err != nil {
			continue
		}
		if err := w.follow(ctx, a, detail); err != nil {
			return err
		}
	}
	for _, target := range row.Outside {
		a, err := addr.Parse(target)
		if err != nil {
			continue
		}
		if err := w.leave(ctx, a, detail); err != nil {
			return err
		}
	}
	return nil
}

// maxOutside bounds the addresses of other hosts behind one of ours.
const maxOutside = maxTargets

// leave adds an address of another host, unless that domain has come here since.
func (w *walk) leave(ctx context.Context, a addr.Address, detail string) error {
	hosted, err := w.d.Hosts(ctx, a.Domain)
	switch {
	case err != nil:
		return err
	case hosted:
		return w.follow(ctx, a, detail)
	case slices.Contains(w.outside, a), w.kept && slices.Contains(w.copies, a):
		return nil
	case len(w.outside)+len(w.copies) >= maxOutside:
		return ErrAliasLoop
	}
	if w.kept {
		w.copies = append(w.copies, a)
		return nil
	}
	w.outside = append(w.outside, a)
	w.copies = slices.DeleteFunc(w.copies, func(c addr.Address) bool { return c == a })
	return nil
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
