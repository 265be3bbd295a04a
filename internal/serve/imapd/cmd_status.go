package imapd

import (
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// STATUS: RFC 9051 6.3.11, RFC 3501 6.3.10; SIZE: RFC 8438; MAILBOXID: RFC 8474 4.3; APPENDLIMIT: RFC 7889 3.1;
// DELETED-STORAGE: RFC 9208 4.1.4.
//
//	status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
func cmdStatus(s *session, ctx context.Context, c *imapwire.StatusCommand) (done, error) {
	at, err := s.locate(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	return done{}, s.tellStatus(ctx, at, c.Mailbox, c.Items)
}

// tellStatus writes a STATUS response. All of it comes from the counters of the mailbox, but for RECENT and DELETED-STORAGE.
func (s *session) tellStatus(ctx context.Context, at located, name imapwire.Mailbox, items []imapwire.StatusItem) error {
	box := at.box
	d := imapwire.StatusData{
		Messages: uint32(box.Len()), Unseen: uint32(box.Unseen()), Deleted: uint32(box.Deleted()),
		UIDNext: imapwire.UID(box.UIDNext()), UIDValidity: box.UIDValidity(), Size: box.Bytes(),
		HighestModSeq: imapwire.ModSeq(box.HighestModSeq()), AppendLimit: uint64(s.srv.opts.MaxAppend),
	}
	if slices.Contains(items, imapwire.StatusHighestModSeq) {
		s.enableCondStore()
	}
	if slices.Contains(items, imapwire.StatusMailboxID) {
		d.MailboxID = box.View().Seed().MailboxID(box.ID())
	}
	if slices.Contains(items, imapwire.StatusDeletedStorage) {
		n, err := deletedStorage(ctx, box)
		if err != nil {
			return err
		}
		d.DeletedStorage = n
	}
	if slices.Contains(items, imapwire.StatusRecent) {
		n, err := countRecent(ctx, at)
		if err != nil {
			return err
		}
		d.Recent = n
	}
	s.out().StatusData(name, items, &d)
	return nil
}

// deletedStorage is the octets of the messages that EXPUNGE would remove (RFC 9208 4.1.4).
func deletedStorage(ctx context.Context, box *store.MailboxView) (octets uint64, err error) {
	if box.Deleted() == 0 {
		return 0, nil
	}
	if err := box.Load(ctx); err != nil {
		return 0, err
	}
	for e := range box.All() {
		if e.Flags&store.Deleted != 0 {
			octets += e.Size
		}
	}
	return octets, nil
}

// countRecent is how many messages a session would find recent that selected the mailbox now.
func countRecent(ctx context.Context, at located) (uint32, error) {
	box := at.box
	floor := at.account.RecentFloor(box)
	switch {
	case floor >= box.UIDNext():
		return 0, nil
	case floor <= 1:
		return uint32(box.Len()), nil
	}
	if err := box.LoadUIDs(ctx, store.UIDRange{Lo: floor, Hi: floor}); err != nil {
		return 0, err
	}
	below, _ := box.Rank(floor)
	return uint32(box.Len() - below), nil
}
