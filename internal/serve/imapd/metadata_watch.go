package imapd

import (
	"context"
	"errors"
	"maps"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// metadataWatch tells a session that has asked for it of annotations that others have changed: by ENABLE METADATA (RFC 5464 4.4), of all in the
// user's own account and in that of the mailbox that is selected; by NOTIFY, of those that it names (RFC 5465 5.6, 5.7).
type metadataWatch struct {
	on   bool                             // ENABLE METADATA
	seen map[store.AccountID]store.ModSeq // up to where each account has been looked at
	mine map[ownChange]bool               // changes of the session's own that have not been passed yet
}

type ownChange struct {
	account store.AccountID
	modseq  store.ModSeq
}

// maxChangesSeen bounds how many operations are gone through at once; of what was in those before it nothing is told.
const maxChangesSeen = 10_000

// own notes a change of the session's own, of which it need not be told.
func (w *metadataWatch) own(a *store.Account, modseq store.ModSeq) {
	if w.seen == nil {
		return
	}
	if w.mine == nil {
		w.mine = make(map[ownChange]bool)
	}
	w.mine[ownChange{a.ID(), modseq}] = true
}

// watchMetadata begins to watch.
func (s *session) watchMetadata() {
	if s.notes.seen == nil {
		s.notes.seen = map[store.AccountID]store.ModSeq{s.account.ID(): s.account.View().ModSeq()}
	}
}

// wantsEntries says whether changes of a mailbox's annotations, or of the server's when the name is empty, are to be told.
func (s *session) wantsEntries(name imapwire.Mailbox, prefix string) bool {
	if s.notify == nil || prefix != "" {
		return s.notes.on
	}
	if name == "" {
		return s.notify.hasEvent(imapwire.EventServerMetadataChange)
	}
	return s.notify.events(s.account.View(), string(name))&imapwire.EventMailboxMetadataChange != 0
}

// hasEvent says whether any group has one of the events.
func (n *notifying) hasEvent(events imapwire.Events) bool {
	return slices.ContainsFunc(n.others, func(g imapwire.EventGroup) bool { return g.Events&events != 0 })
}

// tellChangedMetadata tells what others have changed since the last time.
func (s *session) tellChangedMetadata(ctx context.Context) error {
	if s.notes.seen == nil {
		return nil
	}
	if err := s.tellChangedIn(ctx, s.account, ""); err != nil {
		return err
	}
	if s.sel != nil && s.sel.account != s.account {
		return s.tellChangedIn(ctx, s.sel.account, s.sel.prefix)
	}
	maps.DeleteFunc(s.notes.seen, func(id store.AccountID, _ store.ModSeq) bool { return id != s.account.ID() })
	return nil
}

// tellChangedIn tells what has changed in one account.
func (s *session) tellChangedIn(ctx context.Context, a *store.Account, prefix string) error {
	view := a.View()
	since, watched := s.notes.seen[a.ID()]
	s.notes.seen[a.ID()] = view.ModSeq()
	if !watched || since >= view.ModSeq() {
		return nil
	}
	if view.ModSeq() > maxChangesSeen {
		since = max(since, view.ModSeq()-maxChangesSeen)
	}
	changed := make(map[store.MailboxID][]string)
	for more := true; more; {
		var list []store.Change
		var err error
		list, more, err = a.Changes(ctx, since, 0)
		if errors.Is(err, store.ErrTooOld) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range list {
			since = list[i].ModSeq
			s.gatherMetadata(a.ID(), &list[i], changed)
		}
	}
	s.notes.seen[a.ID()] = max(since, view.ModSeq())
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		s.tellEntries(a.View(), id, prefix, changed[id])
	}
	return nil
}

// gatherMetadata gathers the entries that an operation of somebody else has changed and that the user may see.
func (s *session) gatherMetadata(account store.AccountID, c *store.Change, changed map[store.MailboxID][]string) {
	change := ownChange{account, c.ModSeq}
	if s.notes.mine[change] {
		delete(s.notes.mine, change)
		return
	}
	for i := range c.Items {
		it := &c.Items[i]
		if it.Class != store.ClassMetadata {
			continue
		}
		entry := scopeShared + it.Name
		if it.User != 0 {
			if it.User != s.who.Account {
				continue
			}
			entry = scopePrivate + it.Name
		}
		if !slices.Contains(changed[it.Mailbox], entry) {
			changed[it.Mailbox] = append(changed[it.Mailbox], entry)
		}
	}
}

// tellEntries tells of changed entries of a mailbox, if it is there for the user.
func (s *session) tellEntries(view *store.View, id store.MailboxID, prefix string, entries []string) {
	name := imapwire.Mailbox("")
	if id != 0 {
		box, err := view.Mailbox(id)
		if err != nil || store.PermitAnnotations(box.Rights(s.visitor)) != nil {
			return
		}
		name = imapwire.Mailbox(prefix + box.Path())
	} else if prefix != "" {
		return
	}
	if s.wantsEntries(name, prefix) {
		s.out().MetadataChanged(name, entries)
	}
}
