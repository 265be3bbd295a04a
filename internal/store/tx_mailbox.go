package store

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"restante/internal/store/keys"
)

// CreateMailbox makes a mailbox, and those above it that are missing (RFC 9051
// 6.3.4). A role that another mailbox has is refused with ErrExists.
func (tx *Tx) CreateMailbox(path string, role Role) (MailboxID, error) {
	names, err := checkPath(path)
	if err != nil {
		return 0, err
	}
	if err := tx.mayCreate(names); err != nil {
		return 0, err
	}
	if role != RoleNone {
		if !tx.owner() {
			return 0, ErrNoPerm
		}
		if _, err := tx.ByRole(role); err == nil {
			return 0, ErrExists
		}
	}
	parent := MailboxID(0)
	for i, name := range names {
		last := i == len(names)-1
		m := tx.state.child(parent, name)
		switch {
		case m == nil && last:
			return tx.newMailbox(parent, name, role)
		case m == nil:
			if parent, err = tx.newMailbox(parent, name, RoleNone); err != nil {
				return 0, err
			}
		case last && m.props.NoSelect:
			return tx.revive(m, role)
		case last:
			return 0, ErrExists
		default:
			parent = m.id
		}
	}
	return 0, ErrBadName
}

func (tx *Tx) newMailbox(parent MailboxID, name string, role Role) (MailboxID, error) {
	if len(tx.state.mailboxes) >= maxMailboxes {
		return 0, fmt.Errorf("%w: %d mailboxes", ErrLimit, maxMailboxes)
	}
	if err := tx.state.fits(Quota{Mailboxes: 1}); err != nil {
		return 0, err
	}
	id := tx.state.row.NextMailbox
	tx.state.row.NextMailbox++
	d := &draft{
		mailbox: &mailbox{id: id, props: keys.Mailbox{
			Name: name, Parent: parent, Role: role, UIDValidity: tx.uidValidity(), Created: tx.now,
		}, ctr: keys.Counters{UIDNext: 1, RecentFloor: 1}},
		dirty: make(map[uint32]*keys.Page), props: true, counters: true,
	}
	d.counted.Store(true)
	d.complete.Store(true)
	tx.ownMailboxes()
	if !tx.ownTree {
		tx.renamed()
	}
	tx.state.names().add(d.mailbox)                            // which may just have been made
	tx.state.mailboxes = append(tx.state.mailboxes, d.mailbox) // ids grow: still sorted
	tx.drafts[id] = d
	tx.inherit(d)
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Created, Mailbox: id, Name: tx.state.path(d.mailbox)})
	return id, nil
}

// uidValidity is greater than any before it, also after the clock went back.
func (tx *Tx) uidValidity() uint32 {
	tx.state.row.UIDValidity = max(tx.state.row.UIDValidity+1, uint32(tx.now/1000))
	return tx.state.row.UIDValidity
}

// revive makes a name that only held others a mailbox again. Clients may know its
// old UIDs and its old id, so it is a new mailbox, with those below moved under it
// (RFC 8474 4.2: an id is never used for another mailbox).
func (tx *Tx) revive(old *mailbox, role Role) (MailboxID, error) {
	// The old one goes first: the count of mailboxes stays what it is.
	if err := tx.discard(old.id); err != nil {
		return 0, err
	}
	id, err := tx.newMailbox(old.props.Parent, old.props.Name, role)
	if err != nil {
		return 0, err
	}
	for _, m := range slices.Clone(tx.state.mailboxes) {
		if m.props.Parent != old.id {
			continue
		}
		d, err := tx.draft(m.id)
		if err != nil {
			return 0, err
		}
		d.mailbox.props.Parent = id
		tx.renamed()
		d.props = true
	}
	return id, nil
}

// renamed says that names have changed: the tree of those before holds no longer.
func (tx *Tx) renamed() { tx.state.tree, tx.ownTree = new(tree), true }

// discard removes a mailbox that has no messages and nothing below it.
func (tx *Tx) discard(id MailboxID) error {
	d, err := tx.draft(id)
	if err != nil {
		return err
	}
	_, i := tx.state.mailbox(id)
	tx.state.mailboxes = slices.Delete(tx.state.mailboxes, i, i+1)
	tx.renamed()
	for n := range d.dirty {
		tx.remove(keys.PageKey(tx.a.id, id, n))
	}
	for c := range d.pages.chunks {
		tx.remove(keys.CountsKey(tx.a.id, id, uint32(c)))
	}
	tx.dropAnnotations(func(a *Annotation) bool { return a.Mailbox == id }) // a name that only holds others has them too
	// Its vanished UIDs (E) stay: ids of mailboxes are not used again, and the
	// rows go with the account or the log's horizon.
	tx.remove(keys.OfMailbox(keys.TableMailbox, tx.a.id, id))
	tx.remove(keys.OfMailbox(keys.TableCounters, tx.a.id, id))
	tx.remove(keys.OfMailbox(keys.TableAccessKey, tx.a.id, id))
	d.dirty, d.vanished, d.props, d.counters, d.rescan, d.recount = nil, nil, false, false, false, false
	return nil
}

// DeleteMailbox removes a mailbox with its messages, which go to recently
// removed unless they lie elsewhere too. One that has others below
// stays as a name without messages (RFC 9051 6.3.5); such a name is
// ErrHasChildren. INBOX is ErrProtected.
func (tx *Tx) DeleteMailbox(id MailboxID) error {
	d, err := tx.draft(id)
	if err != nil {
		return err
	}
	if err := tx.may(d.mailbox, RightDelete); err != nil {
		return err
	}
	if d.mailbox.props.Role == RoleInbox {
		return ErrProtected
	}
	children := tx.state.hasChildren(id)
	if children && d.mailbox.props.NoSelect {
		return ErrHasChildren
	}
	path := tx.state.path(d.mailbox)
	if err := tx.expunge(d, []UIDRange{{Lo: 1, Hi: 1<<32 - 1}}); err != nil {
		return err
	}
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Destroyed, Mailbox: id, Name: path})
	tx.dropAnnotations(func(a *Annotation) bool { return a.Mailbox == id })
	tx.setACL(d, nil) // RFC 4314 4
	if children {
		d.mailbox.props.NoSelect = true
		d.mailbox.props.Role = RoleNone
		d.props = true
		return nil
	}
	return tx.discard(id)
}

// RenameMailbox gives a mailbox another path; those below it follow, and what is
// missing above the new path is made (RFC 9051 6.3.6). Ids, UIDs and UIDVALIDITY
// stay. Renaming INBOX moves its messages into a new mailbox and leaves INBOX
// empty, with what is below it.
func (tx *Tx) RenameMailbox(id MailboxID, path string) error {
	names, err := checkPath(path)
	if err != nil {
		return err
	}
	m, _ := tx.state.mailbox(id)
	if m == nil {
		return ErrNoMailbox
	}
	if err := tx.may(m, RightDelete); err != nil {
		return err
	}
	if err := tx.mayCreate(names); err != nil {
		return err
	}
	if tx.state.lookup(path) != nil {
		return ErrExists
	}
	if m.props.Role == RoleInbox && !tx.owner() {
		return ErrProtected
	}
	if m.props.Role == RoleInbox {
		to, err := tx.CreateMailbox(path, RoleNone)
		if err != nil {
			return err
		}
		if _, err = tx.Move(id, []UIDRange{{Lo: 1, Hi: 1<<32 - 1}}, to); err != nil {
			return err
		}
		return tx.copyAnnotations(id, to)
	}
	parent, err := tx.parentFor(m, names)
	if err != nil {
		return err
	}
	d, err := tx.draft(id)
	if err != nil {
		return err
	}
	d.mailbox.props.Parent, d.mailbox.props.Name = parent, names[len(names)-1]
	tx.renamed()
	d.props = true
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Updated, Mailbox: id, Name: tx.state.path(d.mailbox)})
	return tx.checkDepth()
}

// parentFor finds or makes the mailbox that will be above a renamed one.
func (tx *Tx) parentFor(m *mailbox, names []string) (MailboxID, error) {
	if len(names) == 1 {
		return 0, nil
	}
	above := strings.Join(names[:len(names)-1], Separator)
	p := tx.state.lookup(above)
	if p == nil {
		// Nothing of the new path may lie below the mailbox itself.
		for i := len(names) - 1; i > 0; i-- {
			if q := tx.state.lookup(strings.Join(names[:i], Separator)); q != nil {
				if tx.state.below(q, m.id) {
					return 0, ErrBadName
				}
				break
			}
		}
		return tx.CreateMailbox(above, RoleNone)
	}
	if tx.state.below(p, m.id) {
		return 0, ErrBadName
	}
	return p.id, nil
}

func (tx *Tx) checkDepth() error {
	for _, m := range tx.state.mailboxes {
		if tx.state.depth(m) > maxDepth {
			return ErrBadName
		}
	}
	return nil
}

// Subscribe adds a name to the subscriptions or takes it off. The name need not
// exist (RFC 9051 6.3.7).
func (tx *Tx) Subscribe(path string, on bool) error {
	if !tx.owner() {
		return ErrNoPerm
	}
	names, err := checkPath(path)
	if err != nil {
		return err
	}
	path = strings.Join(names, Separator)
	key := keys.SubscriptionKey(tx.a.id, path)
	if len(key) > keys.MaxKey {
		return ErrBadName
	}
	i := sort.SearchStrings(tx.state.subs, path)
	has := i < len(tx.state.subs) && tx.state.subs[i] == path
	kind := keys.Created
	switch {
	case on == has:
		return nil
	case on:
		if len(tx.state.subs) >= 2*maxMailboxes {
			return fmt.Errorf("%w: subscriptions", ErrLimit)
		}
		tx.state.subs = slices.Insert(slices.Clone(tx.state.subs), i, path)
		tx.put(key, nil)
	default:
		tx.state.subs = slices.Delete(slices.Clone(tx.state.subs), i, i+1)
		tx.remove(key)
		kind = keys.Destroyed
	}
	tx.items = append(tx.items, keys.Item{Class: keys.ClassSubscription, Kind: kind, Name: path})
	return nil
}
