package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// EXPUNGE: RFC 9051 6.4.3. The EXPUNGE responses are the dispatcher's.
func cmdExpunge(s *session, ctx context.Context, _ imapwire.Bare) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	return done{}, s.expungeDeleted(ctx, s.sel.box, everyUID())
}

// UID EXPUNGE: RFC 9051 6.4.9, RFC 4315 2.1.
//
//	uid-expunge = "EXPUNGE" SP sequence-set
func cmdUIDExpunge(s *session, ctx context.Context, c *imapwire.UIDExpunge) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	spans, err := s.resolve(ctx, c.Set, true)
	if err != nil {
		return done{}, err
	}
	return done{}, s.expungeDeleted(ctx, s.sel.box, s.sel.uids(s.limitDeleted(spans)))
}

// expungeDeleted removes those messages of a view that have \Deleted at the moment at which they are removed: somebody else may
// just have taken the flag off.
func (s *session) expungeDeleted(ctx context.Context, box *store.MailboxView, uids []store.UIDRange) error {
	if len(uids) == 0 {
		return nil
	}
	_, err := s.sel.account.ExpungeDeleted(ctx, s.origin(), box, uids)
	return err
}

func everyUID() []store.UIDRange { return []store.UIDRange{{Lo: 1, Hi: 1<<32 - 1}} }

// origin is who does what this session does.
func (s *session) origin() store.Origin {
	return store.Origin{Device: s.who.Device, Protocol: store.ProtocolIMAP, Visitor: s.visitor}
}
