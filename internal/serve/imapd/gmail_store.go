package imapd

import (
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// labelBatch is how many messages get labels in one transaction.
const labelBatch = 1000

// storeLabels is STORE X-GM-LABELS. Labels that there are not yet become mailboxes. A message stays in the mailbox that is selected, so none is
// ever lost by losing its labels.
//
//	store-att =/ ["+" / "-"] "X-GM-LABELS" [".SILENT"] SP labels
func (s *session) storeLabels(ctx context.Context, c *imapwire.Store) (done, error) {
	if c.Conditional {
		return done{}, badCommand("UNCHANGEDSINCE is not for labels")
	}
	if s.sel.account.ID() != s.who.Account {
		return done{}, no(imapwire.CodeNoPerm, "another's messages have no labels here")
	}
	change, err := newLabelChange(c)
	if err != nil {
		return done{}, err
	}
	spans, err := s.resolve(ctx, c.Set, c.UID)
	if err != nil || len(spans) == 0 {
		return done{}, err
	}
	if err := s.sel.box.Load(ctx); err != nil {
		return done{}, err
	}
	var batch []fetched
	for i, e := range s.sel.each(spans) {
		if batch = append(batch, fetched{seq: imapwire.Seq(i + 1), entry: e}); len(batch) == labelBatch {
			if err := s.labelBatch(ctx, c, change, batch); err != nil {
				return done{}, err
			}
			batch = batch[:0]
		}
	}
	return done{}, s.labelBatch(ctx, c, change, batch)
}

// labelBatch changes the labels of some messages and tells them.
func (s *session) labelBatch(ctx context.Context, c *imapwire.Store, change labelChange, batch []fetched) error {
	var messages []*store.Entry
	for _, m := range batch {
		messages = append(messages, m.entry)
	}
	if len(messages) == 0 {
		return nil
	}
	_, err := s.sel.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		return change.apply(tx, s.sel.id, messages)
	})
	if err != nil || c.Silent {
		return err
	}
	newer, err := s.sel.account.View().Mailbox(s.sel.id)
	if err == nil {
		err = newer.Load(ctx)
	}
	if err != nil {
		return err
	}
	f := fetcher{s: s}
	if err := f.readLabels(ctx, batch); err != nil {
		return err
	}
	for _, m := range batch {
		e := newer.Entry(m.entry.UID)
		if e == nil {
			continue // gone meanwhile; EXPUNGE tells
		}
		w := s.fetchResponse(m.seq, e.UID)
		if c.UID || s.rev2 {
			w.UID(imapwire.UID(e.UID))
		}
		w.GmailLabels(append(f.labels[e.UID], markLabels(newer.View(), e)...))
		w.End()
	}
	return inTransit(s.out().Err())
}

// sortedRanges is store.Ranges of UIDs in any order.
func sortedRanges(uids []store.UID) []store.UIDRange {
	slices.Sort(uids)
	return store.Ranges(uids)
}

// XLIST: as LIST, with the attributes that Gmail had before RFC 6154, and \Inbox. Nothing is told of subscriptions, and nothing is
// extended.
func cmdXList(s *session, _ context.Context, c *imapwire.XList) (done, error) {
	if c.Pattern == "" {
		s.out().XList(&imapwire.ListData{Attrs: []imapwire.Flag{imapwire.AttrNoSelect}, Delimiter: separator})
		return done{}, nil
	}
	m := newPattern(c.Reference + c.Pattern)
	boxes := s.account.View().Mailboxes()
	slices.SortFunc(boxes, func(a, b *store.MailboxView) int { return inboxFirst(a.Path(), b.Path()) })
	for _, box := range boxes {
		if !m.match(box.Path()) {
			continue
		}
		d := s.listData(&located{s.account, box, "", store.AllRights})
		d.Attrs = slices.DeleteFunc(d.Attrs, func(f imapwire.Flag) bool { return f == imapwire.AttrJunk })
		switch box.Role() {
		case store.RoleInbox:
			d.Attrs = append(d.Attrs, `\Inbox`)
		case store.RoleJunk:
			d.Attrs = append(d.Attrs, `\Spam`)
		}
		s.out().XList(&d)
	}
	return done{}, nil
}
