package imapd

import (
	"context"
	"fmt"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// SELECT: RFC 9051 6.3.2, RFC 3501 6.3.1; EXAMINE: 6.3.3, 6.3.2; QRESYNC: RFC 7162 3.2.5.
//
//	select  = "SELECT" SP mailbox [select-params]
//	examine = "EXAMINE" SP mailbox [select-params]
func cmdSelect(s *session, ctx context.Context, c *imapwire.Select) (done, error) {
	if err := s.checkResync(c.QResync); err != nil {
		return done{}, err
	}
	// The mailbox that was selected is closed also when this fails (RFC 9051 6.3.2).
	if s.sel != nil {
		s.deselect()
		s.out().Status("", imapwire.OK, imapwire.CodeClosed, "the mailbox before is closed")
	}
	at, err := s.locate(ctx, c.Mailbox)
	if err == nil {
		err = at.box.LoadUIDs(ctx, firstUnseen(at.box))
	}
	if err != nil {
		return done{}, err
	}
	s.sel = &selected{
		picture: picture{box: at.box}, account: at.account, prefix: at.prefix, id: at.box.ID(), validity: at.box.UIDValidity(),
		examine: c.Examine, unpin: at.account.Pin(),
	}
	s.sel.permit(at.rights)
	s.state = stateSelected
	s.condStore = s.condStore || c.CondStore // HIGHESTMODSEQ is told in any case
	err = s.describe(ctx, c.Mailbox)
	if err == nil {
		err = s.resync(ctx, c.QResync)
	}
	if err != nil {
		s.deselect()
		return done{}, err
	}
	s.alertFull()
	return done{code: s.sel.access()}, nil
}

// fullAt is how full a mailbox is, per cent, when people are told as soon as they look into it.
const fullAt = 90

// alertFull tells people that their mailbox is nearly full, once a session: an ALERT must be shown to them (RFC 9051 7.1).
func (s *session) alertFull() {
	if full := s.account.View().Full(); full >= fullAt && !s.alerted && s.sel.account == s.account {
		s.alerted = true
		s.out().Status("", imapwire.OK, imapwire.CodeAlert, fmt.Sprintf("your mailbox is %d %% full", full))
	}
}

// firstUnseen is the first unseen message, none if all are seen.
func firstUnseen(box *store.MailboxView) store.UIDRange {
	if uid := box.FirstUnseen(); uid != 0 {
		return store.UIDRange{Lo: uid, Hi: uid}
	}
	return store.UIDRange{Lo: 1}
}

// describe tells what SELECT must tell.
func (s *session) describe(ctx context.Context, name imapwire.Mailbox) error {
	box, out := s.sel.box, s.out()
	s.tellAllFlags(box.View().Keywords())
	out.Exists(uint32(box.Len()))
	if err := s.claimRecent(ctx); err != nil {
		return err
	}
	if uid := box.FirstUnseen(); uid != 0 && !s.rev2 && !s.uidOnly { // RFC 3501 6.3.1; gone from IMAP4rev2
		out.Status("", imapwire.OK, imapwire.CodeUnseen(s.sel.seq(uid)), "first unseen message")
	}
	out.Status("", imapwire.OK, imapwire.CodeUIDValidity(box.UIDValidity()), "UIDs are valid")
	out.Status("", imapwire.OK, imapwire.CodeUIDNext(imapwire.UID(box.UIDNext())), "next UID")
	s.tellHighestModSeq()
	out.Status("", imapwire.OK, imapwire.CodeMailboxID(box.View().Seed().MailboxID(box.ID())), "mailbox id") // RFC 8474 4.2
	out.Status("", imapwire.OK, imapwire.CodeURLMech(imapwire.MechInternal), "mechanisms of URLAUTH")        // RFC 4467 8
	if s.rev2 {
		l := s.listData(&located{s.sel.account, box, s.sel.prefix, s.sel.rights})
		if l.Mailbox != name {
			l.OldName = name // RFC 9051 6.3.9.7
		}
		out.List(&l)
	}
	return nil
}

// CLOSE: RFC 9051 6.4.1, RFC 7162 3.2.8 (no HIGHESTMODSEQ: the client has not been told what went). What is marked \Deleted goes, also what the client has not been told of, and no EXPUNGE is sent.
func cmdClose(s *session, ctx context.Context, _ imapwire.Bare) (done, error) {
	sel := s.sel
	defer s.deselect()
	if sel.readOnly || sel.rights&store.RightExpunge == 0 { // RFC 4314 4
		return done{}, nil
	}
	box, err := sel.account.View().Mailbox(sel.id)
	if err != nil {
		return done{}, nil // it was deleted, and has nothing left to remove
	}
	return done{}, s.expungeDeleted(ctx, box, everyUID())
}

// UNSELECT: RFC 9051 6.4.2.
func cmdUnselect(s *session, _ context.Context, _ imapwire.Bare) (done, error) {
	s.deselect()
	return done{}, nil
}
