package imapd

import (
	"context"
	"errors"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// Mailboxes of others lie below "Other Users/LOGIN/": there a name means what the name behind it means to the owner of that login. Nobody has a
// mailbox "Other Users" of his own; the store refuses the name.

// othersPrefix begins the names of the mailboxes of others (RFC 2342 5, the Other Users' Namespace).
const othersPrefix = store.OthersName + store.Separator

// spot is where a name leads: an account, and a path in it at which there need not be a mailbox.
type spot struct {
	account *store.Account // the session's own, or borrowed
	prefix  string         // what stands before the path in names: "", or "Other Users/LOGIN/"
	path    string
}

// located is a mailbox and the account that it is in, which nobody need close.
type located struct {
	account *store.Account
	box     *store.MailboxView
	prefix  string // what stands before its path in names
	rights  store.Rights
}

// name is the name by which the user knows the mailbox.
func (at *located) name() imapwire.Mailbox { return imapwire.Mailbox(at.prefix + at.box.Path()) }

// others says whether the mailbox is another's.
func (at *located) others() bool { return at.prefix != "" }

// locate finds the mailbox that a name stands for, as it is now, to read messages of it.
func (s *session) locate(ctx context.Context, name imapwire.Mailbox) (located, error) {
	return s.locateFor(ctx, name, store.RightRead)
}

// locateFor finds a mailbox that messages can be in, with the rights that are needed. To those who may not know of it there is none.
func (s *session) locateFor(ctx context.Context, name imapwire.Mailbox, need store.Rights) (located, error) {
	at, err := s.locateName(ctx, name)
	if err == nil {
		err = store.Permit(at.rights, need)
	}
	if err == nil && at.box.NoSelect() {
		err = store.ErrNoSelect
	}
	return at, err
}

// locateName finds any mailbox, also a name that only holds others. What may be done with it the caller has to ask.
func (s *session) locateName(ctx context.Context, name imapwire.Mailbox) (located, error) {
	at, err := s.spot(ctx, name)
	if err != nil {
		return located{}, err
	}
	box, err := at.account.View().Lookup(at.path)
	if err != nil {
		return located{}, err
	}
	return located{at.account, box, at.prefix, box.Rights(s.visitor)}, nil
}

// spot finds the account in which a name lies. Of those who share nothing with the user it does not tell whether they exist.
func (s *session) spot(ctx context.Context, name imapwire.Mailbox) (spot, error) {
	whole := strings.TrimSuffix(string(name), store.Separator) // Thunderbird puts a separator behind a name
	rest, others := strings.CutPrefix(whole, othersPrefix)
	if !others {
		return spot{account: s.account, path: whole}, nil
	}
	login, path, _ := strings.Cut(rest, store.Separator)
	who, err := s.srv.opts.Auth.Identify(ctx, login)
	if errors.Is(err, directory.ErrUnknownUser) {
		return spot{}, store.ErrNoMailbox
	}
	if err != nil {
		return spot{}, err
	}
	at, err := s.visit(ctx, who.Account, who.Login)
	at.path = path
	return at, err
}

// visit opens another's account, if there is anything in it for the user.
func (s *session) visit(ctx context.Context, id store.AccountID, login string) (spot, error) {
	a, err := s.borrow(ctx, id)
	if errors.Is(err, store.ErrNoAccount) {
		return spot{}, store.ErrNoMailbox
	}
	if err != nil {
		return spot{}, err
	}
	if a != s.account {
		for _, box := range a.View().Mailboxes() {
			if box.Rights(s.visitor) != 0 {
				return spot{account: a, prefix: othersPrefix + login + store.Separator}, nil
			}
		}
	}
	return spot{}, store.ErrNoMailbox // of his own he has no second names
}

// namespaces are the user's own and that of the others (RFC 9051 6.3.10).
func namespaces() (personal, others []imapwire.Namespace) {
	return []imapwire.Namespace{{Delimiter: separator}}, []imapwire.Namespace{{Prefix: othersPrefix, Delimiter: separator}}
}
