package imapd

import (
	"context"
	"errors"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/imapwire"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// SETACL: RFC 4314 3.1.
//
//	setacl = "SETACL" SP mailbox SP identifier SP mod-rights
func cmdSetACL(s *session, ctx context.Context, c *imapwire.SetACL) (done, error) {
	rights, err := parseRights(c.Rights)
	if err != nil {
		return done{}, err
	}
	return s.changeACL(ctx, c.Mailbox, c.Identifier, func(old store.Rights) store.Rights {
		switch c.Mode {
		case imapwire.RightsAdd:
			return old | rights
		case imapwire.RightsRemove:
			return old &^ rights
		}
		return rights
	})
}

// DELETEACL: RFC 4314 3.2.
//
//	deleteacl = "DELETEACL" SP mailbox SP identifier
func cmdDeleteACL(s *session, ctx context.Context, c *imapwire.DeleteACL) (done, error) {
	return s.changeACL(ctx, c.Mailbox, c.Identifier, func(store.Rights) store.Rights { return 0 })
}

// changeACL changes the rights of somebody.
func (s *session) changeACL(ctx context.Context, name imapwire.Mailbox, identifier string, change func(store.Rights) store.Rights) (done, error) {
	at, err := s.administer(ctx, name)
	if err != nil {
		return done{}, err
	}
	who, err := s.identify(ctx, at, identifier)
	if err != nil {
		return done{}, err
	}
	if who.account == at.account.ID() {
		if !who.negative && change(store.AllRights) == store.AllRights {
			return done{}, nil
		}
		return done{}, no(imapwire.CodeCannot, "the owner has all rights always")
	}
	id := at.box.ID()
	_, err = at.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		return tx.SetACL(id, who.account, who.negative, change(tx.Granted(id, who.account, who.negative)))
	})
	return done{}, err
}

// administer finds a mailbox whose list the user may see and change.
func (s *session) administer(ctx context.Context, name imapwire.Mailbox) (located, error) {
	at, err := s.locateName(ctx, name)
	if err == nil {
		err = store.Permit(at.rights, store.RightAdmin)
	}
	return at, err
}

// identified is who an identifier stands for.
type identified struct {
	account  store.AccountID // or store.Anyone
	negative bool
}

// Identifiers that are no logins: everybody of the tenant, and the owner of the mailbox.
const (
	identifierAnyone = "anyone"
	identifierOwner  = "owner"
)

// identify finds who an identifier stands for: a login of the owner's tenant, "anyone" or "owner", each with a dash before it for negative rights
// (RFC 4314 2). Of other tenants it knows nobody.
func (s *session) identify(ctx context.Context, at located, identifier string) (identified, error) {
	name, negative := strings.CutPrefix(identifier, "-")
	name, err := sasl.Prep(name) // RFC 4314 3
	if err != nil || name == "" {
		return identified{}, badCommand("that is no identifier")
	}
	switch name {
	case identifierAnyone:
		return identified{store.Anyone, negative}, nil
	case identifierOwner:
		return identified{at.account.ID(), negative}, nil
	}
	unknown := no(imapwire.CodeCannot, "there is nobody of that name")
	who, err := s.srv.opts.Auth.Identify(ctx, name)
	if errors.Is(err, directory.ErrUnknownUser) {
		return identified{}, unknown
	}
	if err != nil {
		return identified{}, err
	}
	a, err := s.borrow(ctx, who.Account)
	if errors.Is(err, store.ErrNoAccount) || err == nil && a.View().Visitor().Tenant != at.box.View().Visitor().Tenant {
		return identified{}, unknown
	}
	return identified{who.Account, negative}, err
}

// GETACL: RFC 4314 3.3. Whoever is not there any more is left out.
//
//	getacl = "GETACL" SP mailbox
func cmdGetACL(s *session, ctx context.Context, c *imapwire.GetACL) (done, error) {
	at, err := s.administer(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	owner, err := s.srv.opts.Auth.LoginOf(ctx, at.account.ID())
	if err != nil {
		return done{}, err
	}
	list := []imapwire.ACLEntry{{Identifier: owner, Rights: formatRights(store.AllRights)}}
	for _, g := range at.box.ACL() {
		name := identifierAnyone
		if g.Who != store.Anyone {
			name, err = s.srv.opts.Auth.LoginOf(ctx, g.Who)
			if errors.Is(err, directory.ErrUnknownUser) {
				continue
			}
			if err != nil {
				return done{}, err
			}
		}
		if g.Negative {
			name = "-" + name
		}
		list = append(list, imapwire.ACLEntry{Identifier: name, Rights: formatRights(g.Rights)})
	}
	s.out().ACL(c.Mailbox, list)
	return done{}, nil
}

// LISTRIGHTS: RFC 4314 3.4. The owner has all rights always; to all others each can be granted by itself.
//
//	listrights = "LISTRIGHTS" SP mailbox SP identifier
func cmdListRights(s *session, ctx context.Context, c *imapwire.ListRights) (done, error) {
	at, err := s.administer(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	who, err := s.identify(ctx, at, c.Identifier)
	if err != nil {
		return done{}, err
	}
	if who.account == at.account.ID() {
		s.out().ListRights(c.Mailbox, c.Identifier, formatRights(store.AllRights), nil)
		return done{}, nil
	}
	s.out().ListRights(c.Mailbox, c.Identifier, "", strings.Split(formatRights(store.AllRights), ""))
	return done{}, nil
}

// MYRIGHTS: RFC 4314 3.5.
//
//	myrights = "MYRIGHTS" SP mailbox
func cmdMyRights(s *session, ctx context.Context, c *imapwire.MyRights) (done, error) {
	at, err := s.locateName(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	const any = store.RightLookup | store.RightRead | store.RightInsert | store.RightCreate | store.RightDelete | store.RightAdmin
	if at.rights&any == 0 {
		return done{}, store.ErrNoMailbox
	}
	s.out().MyRights(c.Mailbox, formatRights(at.rights))
	return done{}, nil
}
