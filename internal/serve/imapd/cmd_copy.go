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
	uids, to, err := s.placing(ctx, c.Set, c.UID, false, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	if len(uids) == 0 {
		return done{text: "no matching messages, nothing copied"}, nil
	}
	placed, err := s.copyTo(ctx, uids, &to)
	if err != nil {
		return done{}, missing(err, c.Mailbox)
	}
	if len(placed) == 0 {
		return done{text: "no matching messages, nothing copied"}, nil
	}
	return done{code: copyUID(to.box, placed)}, nil
}

// MOVE: RFC 9051 6.4.8, RFC 6851. COPYUID comes before the EXPUNGE responses, which are the dispatcher's.
//
//	move = "MOVE" SP sequence-set SP mailbox
func cmdMove(s *session, ctx context.Context, c *imapwire.Move) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	if err := store.Permit(s.sel.rights, store.RightMark|store.RightExpunge); err != nil { // RFC 6851 4.2
		return done{}, err
	}
	uids, to, err := s.placing(ctx, c.Set, c.UID, true, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	if len(uids) == 0 {
		return done{text: "no matching messages, nothing moved"}, nil
	}
	placed, err := s.moveTo(ctx, uids, &to)
	if len(placed) > 0 { // also when it failed partway
		s.out().Status("", imapwire.OK, copyUID(to.box, placed), "moved")
	}
	return done{}, missing(err, c.Mailbox)
}

// copyTo copies messages of the selected mailbox. In another's account they become messages of his, and count in his quota.
func (s *session) copyTo(ctx context.Context, uids []store.UIDRange, to *located) ([]store.Placed, error) {
	if to.account == s.sel.account {
		return s.sel.account.Copy(ctx, s.origin(), s.sel.box, uids, to.box.ID())
	}
	return s.sel.account.CopyTo(ctx, s.origin(), s.sel.box, uids, to.account, to.box.ID())
}

// moveTo moves messages of the selected mailbox. Between accounts there is no transaction: they are copied, and when they all are
// there, the old ones go. So a message may be seen in both places, and none is lost (RFC 6851 3.3).
func (s *session) moveTo(ctx context.Context, uids []store.UIDRange, to *located) ([]store.Placed, error) {
	if to.account == s.sel.account {
		return s.sel.account.Move(ctx, s.origin(), s.sel.box, uids, to.box.ID())
	}
	placed, err := s.copyTo(ctx, uids, to)
	if err != nil || len(placed) == 0 {
		return nil, err
	}
	var gone []store.UID
	for _, p := range placed {
		gone = append(gone, p.From)
	}
	_, err = s.sel.account.Expunge(ctx, s.origin(), s.sel.box, store.Ranges(gone))
	return placed, err
}

// placing finds what COPY and MOVE are about. Sequence numbers of messages that are gone are refused: nothing is copied then
// (RFC 2180 4.4.1), and the dispatcher tells what is gone.
func (s *session) placing(ctx context.Context, set imapwire.NumSet, uid, move bool, name imapwire.Mailbox) ([]store.UIDRange, located, error) {
	spans, err := s.resolve(ctx, set, uid)
	if err != nil {
		return nil, located{}, err
	}
	to, err := s.locateFor(ctx, name, store.RightInsert)
	if err != nil {
		return nil, located{}, missing(err, name)
	}
	if !uid && s.sel.hasGhosts(spans) {
		return nil, located{}, errExpunged()
	}
	if move {
		spans = s.limited(&s.sel.picture, spans)
	} else if err := s.savable(spans); err != nil {
		return nil, located{}, err
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
