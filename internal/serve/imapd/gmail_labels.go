package imapd

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// X-GM-EXT-1 (developers.google.com/workspace/gmail/imap/imap-extensions). A message's labels are the other mailboxes that it is in, and two
// marks: \Starred is \Flagged, \Important the keyword $Important (RFC 8457). The mailbox that is selected is no label, as in Gmail.
//
// deviates: a label that the system has, \Trash say, is a mailbox like any other; to put it on a message does not take the others off.

// gmailID is X-GM-MSGID and X-GM-THRID: the number of a message or thread in its account, mixed with what is the account's own, so that
// programs that hold several accounts hardly ever see the same one twice. It is unique in the account, never changes and is never given again,
// because that holds for the number (a restore has another incarnation, in the upper bits). It is less than 2^63 for those who read it
// as a signed number. The way back is the same.
func gmailID(seed store.Seed, n uint64) uint64 {
	return n ^ uint64(binary.BigEndian.Uint16(seed[:2]))<<32 ^ uint64(binary.BigEndian.Uint32(seed[2:]))
}

// systemLabel is a label with a backslash. The first of each role is the one that is told.
type systemLabel struct {
	name string
	role store.Role
}

func systemLabels() []systemLabel {
	return []systemLabel{
		{`\Inbox`, store.RoleInbox}, {`\Sent`, store.RoleSent}, {`\Draft`, store.RoleDrafts}, {`\Drafts`, store.RoleDrafts},
		{`\Trash`, store.RoleTrash}, {`\Spam`, store.RoleJunk}, {`\Junk`, store.RoleJunk},
	}
}

// Labels that are no mailboxes, and the keyword behind one of them.
const (
	labelStarred     = `\Starred`
	labelImportant   = `\Important`
	keywordImportant = "$Important"
)

// labelOf is the label that a mailbox stands for.
func labelOf(box *store.MailboxView) string {
	for _, l := range systemLabels() {
		if l.role == box.Role() {
			return l.name
		}
	}
	return box.Path()
}

// markLabels are the labels that an entry tells.
func markLabels(v *store.View, e *store.Entry) (labels []string) {
	if e.Flags&store.Flagged != 0 {
		labels = append(labels, labelStarred)
	}
	if kw, ok := v.Keyword(keywordImportant); ok && store.HasKeyword(e, kw) {
		labels = append(labels, labelImportant)
	}
	return labels
}

// readLabels finds the labels of a batch of messages. Those of another's messages are the other's business.
func (f *fetcher) readLabels(ctx context.Context, batch []fetched) error {
	f.labels = make(map[store.UID][]string, len(batch))
	sel := f.s.sel
	if sel.account.ID() != f.s.who.Account {
		return nil
	}
	ids := make([]store.MessageID, len(batch))
	for i := range batch {
		ids[i] = batch[i].entry.Message
	}
	places, err := sel.account.Members(ctx, ids)
	if err != nil {
		return err
	}
	v := sel.account.View()
	for i, members := range places {
		seen := map[store.MailboxID]bool{sel.id: true}
		for _, m := range members {
			if box, err := v.Mailbox(m.Mailbox); err == nil && !seen[m.Mailbox] {
				seen[m.Mailbox] = true
				f.labels[batch[i].entry.UID] = append(f.labels[batch[i].entry.UID], labelOf(box))
			}
		}
	}
	return nil
}

// labelChange is what STORE X-GM-LABELS asks for.
type labelChange struct {
	action imapwire.StoreAction
	roles  []store.Role
	paths  []string
	marks  store.FlagChange // \Starred and \Important
}

func newLabelChange(c *imapwire.Store) (labelChange, error) {
	l := labelChange{action: c.Action}
next:
	for _, name := range c.Labels {
		switch {
		case strings.EqualFold(name, labelStarred):
			l.marks.Flags = store.Flagged
			continue
		case strings.EqualFold(name, labelImportant):
			l.marks.Keywords = []string{keywordImportant}
			continue
		}
		for _, sys := range systemLabels() {
			if strings.EqualFold(name, sys.name) {
				l.roles = append(l.roles, sys.role)
				continue next
			}
		}
		if strings.HasPrefix(name, `\`) {
			return l, no(imapwire.CodeCannot, "there is no such system label")
		}
		l.paths = append(l.paths, name)
	}
	return l, nil
}

// targets are the mailboxes that the labels stand for. Those that are to be put on are made if they are not there.
func (l *labelChange) targets(tx *store.Tx) (out []store.MailboxID, err error) {
	for _, role := range l.roles {
		id, err := tx.ByRole(role)
		if err == nil {
			out = append(out, id)
		} else if !errors.Is(err, store.ErrNoMailbox) || l.action != imapwire.StoreRemove {
			return nil, err
		}
	}
	for _, path := range l.paths {
		id, err := tx.Lookup(path)
		if errors.Is(err, store.ErrNoMailbox) {
			if l.action == imapwire.StoreRemove {
				continue
			}
			id, err = tx.CreateMailbox(path, store.RoleNone)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// apply changes the labels of messages in a mailbox.
func (l *labelChange) apply(tx *store.Tx, in store.MailboxID, messages []*store.Entry) error {
	wanted, err := l.targets(tx)
	if err != nil {
		return err
	}
	if l.action == imapwire.StoreRemove && slices.Contains(wanted, in) {
		return no(imapwire.CodeCannot, "the mailbox that is selected is no label: MOVE the messages")
	}
	missing := make(map[store.MailboxID][]store.UID)
	surplus := make(map[store.MailboxID][]store.UID)
	uids := make([]store.UID, 0, len(messages))
	for _, e := range messages {
		members, err := tx.Members(e.Message)
		if err != nil {
			return err
		}
		if !slices.Contains(members, store.Member{Mailbox: in, UID: e.UID}) {
			continue // it has left meanwhile, and another mailbox may be its last
		}
		uids = append(uids, e.UID)
		has := []store.MailboxID{in}
		for _, m := range members {
			has = append(has, m.Mailbox)
			if m.Mailbox != in && l.drops(slices.Contains(wanted, m.Mailbox)) {
				surplus[m.Mailbox] = append(surplus[m.Mailbox], m.UID)
			}
		}
		for _, id := range wanted {
			if l.action != imapwire.StoreRemove && !slices.Contains(has, id) {
				missing[id] = append(missing[id], e.UID)
				has = append(has, id)
			}
		}
	}
	for _, id := range wanted { // in the order in which they were given
		if len(missing[id]) == 0 {
			continue
		}
		if _, err := tx.Copy(in, store.Ranges(missing[id]), id); err != nil {
			return err
		}
		delete(missing, id)
	}
	for id, list := range surplus {
		if _, err := tx.Expunge(id, sortedRanges(list)); err != nil {
			return err
		}
	}
	return l.mark(tx, in, store.Ranges(uids))
}

// drops says whether a label goes that was or was not named.
func (l *labelChange) drops(named bool) bool {
	return l.action == imapwire.StoreReplace && !named || l.action == imapwire.StoreRemove && named
}

// mark puts \Starred and \Important on, or takes them off.
func (l *labelChange) mark(tx *store.Tx, in store.MailboxID, uids []store.UIDRange) error {
	change := l.marks
	change.Mode = flagMode(l.action)
	if l.action == imapwire.StoreReplace {
		change.Mode = store.FlagsAdd
		off := store.FlagChange{Mode: store.FlagsRemove}
		if change.Flags == 0 {
			off.Flags = store.Flagged
		}
		if len(change.Keywords) == 0 {
			off.Keywords = []string{keywordImportant}
		}
		if _, err := tx.SetFlags(in, uids, off); err != nil {
			return err
		}
	}
	if change.Flags == 0 && len(change.Keywords) == 0 {
		return nil
	}
	_, err := tx.SetFlags(in, uids, change)
	return err
}
