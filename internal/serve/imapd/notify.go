package imapd

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"restante/internal/base/bus"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// notifying is what a session has asked for by NOTIFY (RFC 5465). The zero value is NOTIFY NONE: nothing is told of what others do.
type notifying struct {
	selected imapwire.EventGroup   // of the selected mailbox; without events when that was not named
	others   []imapwire.EventGroup // of all others
	sub      *bus.Sub              // nil: NOTIFY NONE
	seen     *store.View           // what the client has been told of
}

// active says that there are events to be told between commands.
func (n *notifying) active() bool { return n != nil && n.sub != nil }

// stopNotify goes back to what a session is before its first NOTIFY.
func (s *session) stopNotify() {
	if s.notify.active() {
		s.notify.sub.Close()
	}
	s.notify = nil
}

// messageEvents are those that are told of the selected mailbox.
func (s *session) messageEvents() imapwire.Events {
	if s.notify == nil {
		return imapwire.MessageEvents
	}
	return s.notify.selected.Events
}

// notice tells what NOTIFY has asked for, between commands and in IDLE (RFC 5465 4).
func (s *session) notice(ctx context.Context, idling bool) error {
	err := s.tellSelected(ctx, idling || s.notify.selected.Filter.Kind == imapwire.FilterSelected)
	if err == nil && !s.ending {
		if err = s.tellOthers(ctx); err == nil {
			err = s.tellChangedMetadata(ctx)
		}
	}
	if err == nil || fatal(err) {
		return err
	}
	// RFC 5465 5.8: as after NOTIFY NONE.
	s.conn.Log().Error("notify failed", slog.Any("error", err))
	s.out().Status("", imapwire.OK, imapwire.CodeNotificationOverflow, "notifications end here")
	s.stopNotify()
	s.notify = new(notifying)
	return nil
}

// tellSelected tells what is new in the selected mailbox while the client waits.
func (s *session) tellSelected(ctx context.Context, expunge bool) error {
	if s.sel == nil {
		return nil
	}
	was := s.sel.box.HighestModSeq()
	if err := s.sync(ctx, expunge); err != nil || s.ending {
		return err
	}
	if s.sel.owed || s.sel.box.HighestModSeq() != was {
		s.settleModSeq(nil, nil)
	}
	return nil
}

// tellNew fetches what NOTIFY wants to know of new messages (RFC 5465 5.2), which were not added by the session itself.
func (s *session) tellNew(ctx context.Context, added []*store.Entry) error {
	if len(added) == 0 || s.notify == nil || len(s.notify.selected.Fetch) == 0 {
		return nil
	}
	first, last := imapwire.UID(added[0].UID), imapwire.UID(added[len(added)-1].UID)
	f := s.newFetcher(&imapwire.Fetch{UID: true, Items: s.notify.selected.Fetch})
	return f.run(ctx, s.sel.ofUIDs(imapwire.UIDSet{{First: first, Last: last}}))
}

// tellOthers tells what is new beyond the messages of the selected mailbox.
func (s *session) tellOthers(ctx context.Context) error {
	n := s.notify
	older, newer := n.seen, s.account.View()
	n.seen = newer
	if older.ModSeq() == newer.ModSeq() || s.account.OnlyMine(older.ModSeq(), newer.ModSeq()) {
		return nil // RFC 5465 5: what the client has done itself it need not be told
	}
	l := listings{s: s, older: older, newer: newer}
	changes := older.Diff(newer)
	for _, c := range changes {
		l.mailbox(c)
	}
	for _, name := range older.SubscriptionDiff(newer) {
		l.add(name, "", imapwire.EventSubscriptionChange)
	}
	if err := l.tell(ctx); err != nil {
		return err
	}
	for _, c := range changes {
		s.tellCounts(c)
	}
	return nil
}

// events are those that are told of a name in a view. Several groups may apply to it, and one without events rules it out.
func (n *notifying) events(v *store.View, name string) (all imapwire.Events) {
	for i := range n.others {
		g := &n.others[i]
		if !applies(g, v, name) {
			continue
		}
		if g.Events == 0 {
			return 0
		}
		all |= g.Events
	}
	return all
}

// applies says whether a group is about the name (RFC 5465 6). INBOXES is PERSONAL, for Sieve and plus-addresses put mail anywhere.
func applies(g *imapwire.EventGroup, v *store.View, name string) bool {
	switch g.Filter.Kind {
	case imapwire.FilterSubscribed:
		return v.Subscribed(name)
	case imapwire.FilterMailboxes:
		return slices.Contains(g.Filter.Mailboxes, imapwire.Mailbox(name))
	case imapwire.FilterSubtree:
		return slices.ContainsFunc(g.Filter.Mailboxes, func(m imapwire.Mailbox) bool {
			top := strings.TrimSuffix(string(m), store.Separator)
			rest, ok := strings.CutPrefix(name, top)
			return ok && (top == "" || rest == "" || rest[0] == separator)
		})
	}
	return !strings.HasPrefix(name, othersPrefix)
}

// listings are the LIST responses that changes of names and subscriptions ask for, one a name.
type listings struct {
	s            *session
	older, newer *store.View
	names        []string
	old          map[string]string // what it was called before, by name
}

// mailbox adds the names that the change of a mailbox affects (RFC 5465 5.4): its own, and that of the one above when it was made or removed.
func (l *listings) mailbox(c store.MailboxChange) {
	var path string
	switch {
	case c.Was == nil || c.Is != nil && c.Was.NoSelect() != c.Is.NoSelect():
		path = c.Is.Path()
	case c.Is == nil:
		path = c.Was.Path()
	default:
		moved := c.Was.Name() != c.Is.Name() || c.Was.Parent() != c.Is.Parent()
		if was, is := c.Was.Path(), c.Is.Path(); moved && was != is {
			l.add(is, was, imapwire.EventMailboxName)
		}
		return
	}
	l.add(path, "", imapwire.EventMailboxName)
	if i := strings.LastIndexByte(path, separator); i > 0 {
		l.add(path[:i], "", imapwire.EventMailboxName)
	}
}

// add adds a name if the client wants to know of such an event.
func (l *listings) add(name, old string, event imapwire.Events) {
	n := l.s.notify
	known := n.events(l.newer, name) | n.events(l.older, name)
	if old != "" {
		known |= n.events(l.older, old)
	}
	if known&event == 0 {
		return
	}
	if !slices.Contains(l.names, name) {
		l.names = append(l.names, name)
	}
	if old != "" {
		if l.old == nil {
			l.old = make(map[string]string)
		}
		l.old[name] = old
	}
}

func (l *listings) tell(ctx context.Context) error {
	for _, name := range l.names {
		d, err := l.data(ctx, name)
		if err != nil {
			return err
		}
		if l.newer.Subscribed(name) { // RFC 5465 5.5: if and only if
			d.Attrs = append(d.Attrs, imapwire.AttrSubscribed)
		}
		d.OldName = imapwire.Mailbox(l.old[name])
		l.s.out().List(&d)
	}
	return nil
}

// data is what LIST tells of a name. Those of others' mailboxes come here by subscriptions; what the user may not know of is not there.
func (l *listings) data(ctx context.Context, name string) (imapwire.ListData, error) {
	d := imapwire.ListData{Attrs: []imapwire.Flag{imapwire.AttrNonExistent}, Delimiter: separator, Mailbox: imapwire.Mailbox(name)}
	if !strings.HasPrefix(name, othersPrefix) {
		if box, err := l.newer.Lookup(name); err == nil {
			d = l.s.listData(&located{l.s.account, box, "", store.AllRights})
		}
		return d, nil
	}
	defer l.s.giveBack()
	at, err := l.s.locateName(ctx, d.Mailbox)
	switch {
	case errors.Is(err, store.ErrNoMailbox):
		return d, nil
	case err == nil && at.rights&store.RightLookup != 0:
		d = l.s.listData(&at)
		d.Mailbox = imapwire.Mailbox(name) // as it is subscribed
		return d, nil
	}
	return d, err
}

// tellCounts tells of messages in a mailbox that is not selected, by STATUS (RFC 5465 5.1 to 5.3).
func (s *session) tellCounts(c store.MailboxChange) {
	box := c.Is
	if box == nil || box.NoSelect() || s.isSelected(box) {
		return
	}
	name := box.Path()
	events := s.notify.events(box.View(), name)
	if events&imapwire.MessageEvents == 0 {
		return
	}
	var items []imapwire.StatusItem
	flags := events&imapwire.EventFlagChange != 0
	switch was := c.Was; {
	case was == nil:
		// There may have been one of that name before, with another UIDVALIDITY (RFC 5465 5.1).
		items = watchedItems(events)
	case was.HighestModSeq() == box.HighestModSeq():
	default:
		if was.UIDNext() != box.UIDNext() || was.Len() != box.Len() {
			items = append(items, imapwire.StatusMessages, imapwire.StatusUIDNext)
		}
		if flags && was.Unseen() != box.Unseen() {
			items = append(items, imapwire.StatusUnseen)
		}
		if s.condStore && (flags || len(items) > 0) {
			items = append(items, imapwire.StatusHighestModSeq)
		}
		if flags && len(items) > 0 {
			items = append(items, imapwire.StatusUIDValidity)
		}
	}
	if len(items) > 0 {
		s.tellItems(box, items)
	}
}

func (s *session) isSelected(box *store.MailboxView) bool {
	return s.sel != nil && s.sel.account.ID() == s.account.ID() && s.sel.id == box.ID()
}

// tellWatched tells how the mailboxes stand of whose messages the client will be told (RFC 5465 3.1).
func (s *session) tellWatched() {
	for _, box := range s.notify.seen.Mailboxes() {
		events := s.notify.events(s.notify.seen, box.Path()) & imapwire.MessageEvents
		if events != 0 && !box.NoSelect() && !s.isSelected(box) {
			s.tellItems(box, watchedItems(events))
		}
	}
}

// watchedItems are what RFC 5465 3.1 wants to be told of a mailbox.
func watchedItems(events imapwire.Events) []imapwire.StatusItem {
	items := []imapwire.StatusItem{imapwire.StatusMessages, imapwire.StatusUIDNext, imapwire.StatusUIDValidity}
	if events&imapwire.EventFlagChange != 0 {
		items = append(items, imapwire.StatusUnseen, imapwire.StatusHighestModSeq)
	}
	return items
}

// tellItems writes a STATUS response of what is at hand.
func (s *session) tellItems(box *store.MailboxView, items []imapwire.StatusItem) {
	s.out().StatusData(imapwire.Mailbox(box.Path()), items, &imapwire.StatusData{
		Messages: uint32(box.Len()), Unseen: uint32(box.Unseen()), UIDNext: imapwire.UID(box.UIDNext()),
		UIDValidity: box.UIDValidity(), HighestModSeq: imapwire.ModSeq(box.HighestModSeq()),
	})
}
