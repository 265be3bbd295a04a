package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Rights are what somebody may do with a mailbox (RFC 4314 2.1).
type Rights = keys.Rights

// Grant is an entry of a mailbox's access control list.
type Grant = keys.Grant

// The rights, and who everyone is.
const (
	RightLookup  = keys.RightLookup
	RightRead    = keys.RightRead
	RightSeen    = keys.RightSeen
	RightWrite   = keys.RightWrite
	RightInsert  = keys.RightInsert
	RightPost    = keys.RightPost
	RightCreate  = keys.RightCreate
	RightDelete  = keys.RightDelete
	RightMark    = keys.RightMark
	RightExpunge = keys.RightExpunge
	RightAdmin   = keys.RightAdmin
	AllRights    = keys.AllRights

	Anyone = keys.Anyone
)

// maxGrants bounds the list of one mailbox.
const maxGrants = 100

// OthersName is the name below which clients find the mailboxes of others: no
// account has a mailbox of that name.
const OthersName = "Other Users"

// Visitor is somebody who looks into an account that may be another's. The
// zero Visitor is the server itself, which may do everything.
type Visitor struct {
	Account AccountID
	Tenant  TenantID
}

// Visitor is the account's owner as a visitor of other accounts.
func (v *View) Visitor() Visitor { return Visitor{v.account.id, v.state.row.Tenant} }

// Rights says what somebody may do with the mailbox. Its owner, and the zero
// Visitor, may do everything. Of several entries that speak of him he has what any
// grants and none takes away (RFC 4314 2).
func (m *MailboxView) Rights(v Visitor) Rights {
	return m.view.state.rights(m.view.account.id, m.box, v)
}

// ACL is the mailbox's access control list, without its owner.
func (m *MailboxView) ACL() []Grant {
	list, _ := keys.DecodeACL(m.box.props.ACL) // what cannot be read grants nothing
	return list
}

func (s *state) rights(owner AccountID, m *mailbox, v Visitor) Rights {
	switch {
	case v == Visitor{} || v.Account == owner:
		return AllRights
	case v.Tenant != s.row.Tenant || len(m.props.ACL) == 0:
		return 0
	}
	list, err := keys.DecodeACL(m.props.ACL)
	if err != nil {
		return 0
	}
	var granted, taken Rights
	for _, g := range list {
		switch {
		case g.Who != Anyone && g.Who != v.Account:
		case g.Negative:
			taken |= g.Rights
		default:
			granted |= g.Rights
		}
	}
	return granted &^ taken
}

// rights are those of whoever does the operation.
func (tx *Tx) rights(m *mailbox) Rights { return tx.state.rights(tx.a.id, m, tx.origin.Visitor) }

// owner says whether the operation is the owner's, or the server's.
func (tx *Tx) owner() bool {
	return tx.origin.Visitor == Visitor{} || tx.origin.Visitor.Account == tx.a.id
}

// may says ErrNoPerm to those who lack a right, and ErrNoMailbox to those who may not
// know that there is such a mailbox.
func (tx *Tx) may(m *mailbox, need Rights) error { return Permit(tx.rights(m), need) }

// Permit says ErrNoPerm if rights lack any that are needed, or, if they lack the one
// to know of the mailbox, ErrNoMailbox (RFC 4314 6).
func Permit(rights, need Rights) error {
	switch {
	case rights&need == need:
		return nil
	case rights&RightLookup == 0:
		return ErrNoMailbox
	}
	return ErrNoPerm
}

// mayCreate says whether a mailbox of that path may be made: visitors need the right
// on the nearest mailbox above it (RFC 4314 4), so they make none at the top.
func (tx *Tx) mayCreate(names []string) error {
	if names[0] == OthersName {
		return fmt.Errorf("%w: %q is where those of others are", ErrBadName, OthersName)
	}
	if tx.owner() {
		return nil
	}
	for i := len(names) - 1; i > 0; i-- {
		above := tx.state.lookup(strings.Join(names[:i], Separator))
		if above == nil {
			continue
		}
		if err := tx.may(above, RightCreate); err != nil {
			return err
		}
		if m := tx.state.lookup(strings.Join(names, Separator)); m != nil && tx.rights(m)&RightLookup == 0 {
			return ErrNoPerm // and not that it exists
		}
		return nil
	}
	return ErrNoPerm
}

// SettableFlags are the flags that can be set with some rights, and whether keywords
// can (RFC 4314 4).
func SettableFlags(r Rights) (flags Flags, keywords bool) {
	if r&RightSeen != 0 {
		flags |= Seen
	}
	if r&RightMark != 0 {
		flags |= Deleted
	}
	if r&RightWrite != 0 {
		flags |= AllFlags &^ (Seen | Deleted)
	}
	return flags, r&RightWrite != 0
}

// Granted are the rights in the entry of somebody, none where there is no entry.
func (tx *Tx) Granted(mbox MailboxID, who AccountID, negative bool) Rights {
	if m, _ := tx.state.mailbox(mbox); m != nil {
		list, _ := keys.DecodeACL(m.props.ACL)
		for _, g := range list {
			if g.Who == who && g.Negative == negative {
				return g.Rights
			}
		}
	}
	return 0
}

// SetACL grants rights to somebody, or takes them from him when negative is set; no
// rights remove the entry. The owner has all rights always: ErrProtected. Whether the
// account who exists, and is of the tenant, is the caller's to know.
func (tx *Tx) SetACL(mbox MailboxID, who AccountID, negative bool, rights Rights) error {
	m, _ := tx.state.mailbox(mbox)
	if m == nil {
		return ErrNoMailbox
	}
	if err := tx.may(m, RightAdmin); err != nil {
		return err
	}
	if who == tx.a.id {
		return ErrProtected
	}
	list, err := keys.DecodeACL(m.props.ACL)
	if err != nil {
		return corrupt("access control list", err)
	}
	g := Grant{Who: who, Negative: negative, Rights: rights & AllRights}
	i, found := slices.BinarySearchFunc(list, g, compareGrants)
	switch {
	case found && list[i] == g, !found && g.Rights == 0:
		return nil
	case g.Rights == 0:
		list = slices.Delete(list, i, i+1)
	case found:
		list[i] = g
	case len(list) >= maxGrants:
		return fmt.Errorf("%w: %d entries of an access control list", ErrLimit, maxGrants)
	default:
		list = slices.Insert(list, i, g)
	}
	d, err := tx.draft(mbox)
	if err != nil {
		return err
	}
	tx.setACL(d, list)
	if who != Anyone && tx.state.rights(tx.a.id, d.mailbox, Visitor{who, tx.state.row.Tenant}) == 0 {
		tx.dropAnnotations(func(a *Annotation) bool { return a.Mailbox == mbox && a.User == who })
	}
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Updated, Mailbox: mbox, Name: tx.state.path(d.mailbox)})
	return nil
}

func compareGrants(a, b Grant) int {
	negative := func(g Grant) int {
		if g.Negative {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Who, b.Who), cmp.Compare(negative(a), negative(b)))
}

// setACL gives a mailbox a list, and keeps the rows by which users find it.
func (tx *Tx) setACL(d *draft, list []Grant) {
	old, _ := keys.DecodeACL(d.mailbox.props.ACL)
	for _, g := range old {
		if !g.Negative {
			tx.remove(tx.sharedKey(d.id, g.Who))
		}
	}
	for _, g := range list {
		if !g.Negative {
			tx.put(tx.sharedKey(d.id, g.Who), nil)
		}
	}
	d.mailbox.props.ACL = keys.EncodeACL(list)
	d.props = true
}

func (tx *Tx) sharedKey(mbox MailboxID, who AccountID) []byte {
	return keys.SharedKey(keys.SharedUser(who, tx.state.row.Tenant), tx.a.id, mbox)
}

// inherit gives a new mailbox the list of the one above it (RFC 4314 4).
func (tx *Tx) inherit(d *draft) {
	if m, _ := tx.state.mailbox(d.mailbox.props.Parent); m != nil && len(m.props.ACL) > 0 {
		list, _ := keys.DecodeACL(m.props.ACL)
		tx.setACL(d, list)
	}
}

// SharedWith returns those accounts, at most limit, that have mailboxes which are
// shared with somebody, himself or anyone of his tenant, by id. It is where to look:
// what he may do there, their mailboxes say (MailboxView.Rights).
func (s *Store) SharedWith(ctx context.Context, v Visitor, limit int) ([]AccountID, error) {
	var owners []AccountID
	for _, who := range []AccountID{v.Account, Anyone} {
		user := keys.SharedUser(who, v.Tenant)
		list, err := s.sharers(ctx, user, limit)
		if err != nil {
			return nil, err
		}
		owners = append(owners, list...)
	}
	slices.Sort(owners)
	owners = slices.DeleteFunc(slices.Compact(owners), func(id AccountID) bool { return id == v.Account })
	return owners[:min(len(owners), limit)], nil
}

// sharers are the owners of the mailboxes in the rows of one user. From each it steps
// to the next, however many mailboxes he shares.
func (s *Store) sharers(ctx context.Context, user AccountID, limit int) (owners []AccountID, err error) {
	r := kv.Prefix(keys.OfAccount(keys.TableShared, user))
	r.KeysOnly, r.Limit = true, 1
	for len(owners) < limit {
		found := false
		err := s.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
			_, owner, _, err := keys.SharedOf(k)
			owners, found = append(owners, owner), true
			r.Lo = keys.SharedKey(user, owner+1, 0)
			return false, err
		})
		if err != nil {
			return nil, fmt.Errorf("store: shared mailboxes: %w", err)
		}
		if !found || owners[len(owners)-1] == 1<<32-1 {
			break
		}
	}
	return owners, nil
}

// forgetVisitors takes an account that is to be erased out of what others have.
func (s *Store) forgetVisitors(ctx context.Context, h *Account) error {
	owners, err := s.SharedWith(ctx, h.View().Visitor(), 1<<31-1)
	for _, id := range owners {
		if err != nil {
			break
		}
		err = s.forgetVisitor(ctx, id, h.id)
	}
	return err
}

// unshare removes the rows by which others find an account's mailboxes.
func (s *Store) unshare(ctx context.Context, v *View) error {
	b := new(kv.Batch)
	for _, m := range v.Mailboxes() {
		for _, g := range m.ACL() {
			if !g.Negative {
				b.Remove(keys.SharedKey(keys.SharedUser(g.Who, v.state.row.Tenant), v.account.id, m.ID()))
			}
		}
		if len(b.Delete) < sweepBatch {
			continue
		}
		if err := s.engine.Commit(ctx, b, kv.Durable); err != nil {
			return err
		}
		b = new(kv.Batch)
	}
	if b.Empty() {
		return nil
	}
	return s.engine.Commit(ctx, b, kv.Durable)
}

// forgetVisitor takes somebody out of the lists and the annotations of an account.
func (s *Store) forgetVisitor(ctx context.Context, owner, visitor AccountID) error {
	h, err := s.Account(ctx, owner)
	if errors.Is(err, ErrNoAccount) {
		return nil // erased too, with a row left over
	}
	if err != nil {
		return err
	}
	defer h.Close()
	_, err = h.Update(ctx, Origin{}, func(tx *Tx) error {
		for _, m := range slices.Clone(tx.state.mailboxes) {
			for _, negative := range []bool{false, true} {
				if err := tx.SetACL(m.id, visitor, negative, 0); err != nil {
					return err
				}
			}
		}
		tx.dropAnnotations(func(a *Annotation) bool { return a.User == visitor })
		return nil
	})
	return err
}
