package imapd

import (
	"context"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// CREATE: RFC 9051 6.3.4, with the special uses of RFC 6154 3 and the MAILBOXID of RFC 8474 4.1.
//
//	create       = "CREATE" SP mailbox [create-params]
//	create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
func cmdCreate(s *session, ctx context.Context, c *imapwire.Create) (done, error) {
	role, err := roleOf(c.Use)
	if err != nil {
		return done{}, err
	}
	// RFC 9051 6.3.4: the separator at the end says that there will be mailboxes below, which need not be said here.
	at, err := s.spot(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	if at.account != s.account && role != store.RoleNone {
		return done{}, no(imapwire.CodeUseAttr, "only mailboxes of one's own have special uses")
	}
	var id store.MailboxID
	_, err = at.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		var err error
		if role != store.RoleNone {
			if _, err := tx.ByRole(role); err == nil {
				return no(imapwire.CodeUseAttr, "another mailbox has this use")
			}
		}
		id, err = tx.CreateMailbox(at.path, role)
		return err
	})
	if err != nil {
		return done{}, err
	}
	view := at.account.View()
	if box, err := view.Mailbox(id); err == nil {
		s.tellRenamed(&located{at.account, box, at.prefix, box.Rights(s.visitor)}, at.prefix+at.path) // RFC 9051 6.3.4: the name was normalised
	}
	return done{code: imapwire.CodeMailboxID(view.Seed().MailboxID(id))}, nil
}

// tellRenamed tells the name that a mailbox has if it is not the one that was given.
func (s *session) tellRenamed(at *located, given string) {
	if at.name() == imapwire.Mailbox(given) {
		return
	}
	l := s.listData(at)
	l.OldName = imapwire.Mailbox(given)
	s.out().List(&l)
}

// use is a special use, on both sides.
type use struct {
	role store.Role
	attr imapwire.Flag
}

func uses() [5]use {
	return [...]use{
		{store.RoleDrafts, imapwire.AttrDrafts},
		{store.RoleSent, imapwire.AttrSent},
		{store.RoleJunk, imapwire.AttrJunk},
		{store.RoleTrash, imapwire.AttrTrash},
		{store.RoleArchive, imapwire.AttrArchive},
	}
}

// roleOf is the role that attributes stand for: a mailbox has one at most, and \All, \Flagged and \Important are virtual mailboxes,
// which there are not.
func roleOf(attrs []imapwire.Flag) (store.Role, error) {
	if len(attrs) == 0 {
		return store.RoleNone, nil
	}
	for _, u := range uses() {
		if len(attrs) == 1 && u.attr.Equal(attrs[0]) {
			return u.role, nil
		}
	}
	return store.RoleNone, no(imapwire.CodeUseAttr, "a mailbox can have one of \\Archive, \\Drafts, \\Junk, \\Sent and \\Trash")
}

// DELETE: RFC 9051 6.3.5. A mailbox with others below stays as a name.
//
//	delete = "DELETE" SP mailbox
func cmdDelete(s *session, ctx context.Context, c *imapwire.Delete) (done, error) {
	at, err := s.spot(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	var id store.MailboxID
	_, err = at.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		var err error
		if id, err = tx.Lookup(at.path); err != nil {
			return err
		}
		return tx.DeleteMailbox(id)
	})
	if err == nil && s.sel != nil && s.sel.account == at.account && s.sel.id == id {
		// Whoever deletes the mailbox that it has selected is not thrown out, as others are, but has none selected now.
		s.deselect()
		s.out().Status("", imapwire.OK, imapwire.CodeClosed, "the mailbox is gone")
	}
	return done{}, err
}

// RENAME: RFC 9051 6.3.6.
//
//	rename = "RENAME" SP mailbox SP mailbox
func cmdRename(s *session, ctx context.Context, c *imapwire.Rename) (done, error) {
	at, err := s.spot(ctx, c.From)
	if err != nil {
		return done{}, err
	}
	to, err := s.spot(ctx, c.To)
	if err != nil {
		return done{}, err
	}
	if to.account != at.account {
		return done{}, no(imapwire.CodeCannot, "a mailbox cannot go to another account; its messages can")
	}
	var id store.MailboxID
	_, err = at.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		var err error
		if id, err = tx.Lookup(at.path); err != nil {
			return err
		}
		return tx.RenameMailbox(id, to.path)
	})
	if err != nil {
		return done{}, err
	}
	if box, err := at.account.View().Mailbox(id); err == nil && box.Role() != store.RoleInbox && box.Path() != to.path {
		l := s.listData(&located{at.account, box, at.prefix, box.Rights(s.visitor)}) // RFC 9051 6.3.6: the name was normalised
		l.OldName = c.From
		s.out().List(&l)
	}
	return done{}, nil
}

// SUBSCRIBE: RFC 9051 6.3.7. The name need not exist.
//
//	subscribe = "SUBSCRIBE" SP mailbox
func cmdSubscribe(s *session, ctx context.Context, c *imapwire.Subscribe) (done, error) {
	return s.subscribe(ctx, c.Mailbox, true)
}

// UNSUBSCRIBE: RFC 9051 6.3.8.
//
//	unsubscribe = "UNSUBSCRIBE" SP mailbox
func cmdUnsubscribe(s *session, ctx context.Context, c *imapwire.Unsubscribe) (done, error) {
	return s.subscribe(ctx, c.Mailbox, false)
}

func (s *session) subscribe(ctx context.Context, m imapwire.Mailbox, on bool) (done, error) {
	name := strings.TrimSuffix(string(m), store.Separator)
	_, err := s.account.Update(ctx, s.origin(), func(tx *store.Tx) error { return tx.Subscribe(name, on) })
	return done{}, err
}
