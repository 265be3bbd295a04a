package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// COPY: RFC 9051 6.4.7.
//
//	copy = "COPY" SP sequence-set SP mailbox
func cmdCopy(s *session, ctx context.Context, c *imapwire.Copy) (done, error) {
	uids, to, err := s.placing(c.Set, c.UID, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	if len(uids) == 0 {
		return done{text: "no matching messages, nothing copied"}, nil
	}
	placed, err := s.account.Copy(ctx, s.origin(), s.sel.box, uids, to.ID())
	if err != nil {
		return done{}, missing(err)
	}
	if len(placed) == 0 {
		return done{text: "no matching messages, nothing copied"}, nil
	}
	return done{code: copyUID(to, placed)}, nil
}

// MOVE: RFC 9051 6.4.8, RFC 6851. COPYUID comes before the EXPUNGE responses, which are the dispatcher's.
//
//	move = "MOVE" SP sequence-set SP mailbox
func cmdMove(s *session, ctx context.Context, c *imapwire.Move) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	uids, to, err := s.placing(c.Set, c.UID, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	if len(uids) == 0 {
		return done{text: "no matching messages, nothing moved"}, nil
	}
	placed, err := s.account.Move(ctx, s.origin(), s.sel.box, uids, to.ID())
	if len(placed) > 0 { // also when it failed partway
		s.out().Status("", imapwire.OK, copyUID(to, placed), "moved")
	}
	return done{}, missing(err)
}

// placing finds what COPY and MOVE are about. Sequence numbers of messages that are gone are refused: nothing is copied then
// (RFC 2180 4.4.1), and the dispatcher tells what is gone.
func (s *session) placing(set imapwire.NumSet, uid bool, name imapwire.Mailbox) ([]store.UIDRange, *store.MailboxView, error) {
	spans, err := s.resolve(set, uid)
	if err != nil {
		return nil, nil, err
	}
	to, err := s.account.View().Lookup(string(name))
	if err == nil && to.NoSelect() {
		err = store.ErrNoSelect
	}
	if err != nil {
		return nil, nil, missing(err)
	}
	if !uid && s.sel.hasGhosts(spans) {
		return nil, nil, errExpunged()
	}
	return s.sel.uids(spans), to, nil
}

func copyUID(to *store.MailboxView, placed []store.Placed) imapwire.Code {
	var from, dest imapwire.UIDSet
	for _, p := range placed {
		from.Add(imapwire.UID(p.From))
		dest.Add(imapwire.UID(p.To))
	}
	return imapwire.CodeCopyUID(to.UIDValidity(), from, dest)
}
