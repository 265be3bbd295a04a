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
	_, err := s.expungeDeleted(ctx, []span{{0, s.sel.len()}})
	return done{}, err
}

// UID EXPUNGE: RFC 9051 6.4.9, RFC 4315 2.1.
//
//	uid-expunge = "EXPUNGE" SP sequence-set
func cmdUIDExpunge(s *session, ctx context.Context, c *imapwire.UIDExpunge) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	spans, err := s.resolve(c.Set, true)
	if err != nil {
		return done{}, err
	}
	_, err = s.expungeDeleted(ctx, spans)
	return done{}, err
}

// expungeDeleted removes those messages at the places that have \Deleted at the moment at which they are removed: somebody
// else may just have taken the flag off.
func (s *session) expungeDeleted(ctx context.Context, spans []span) ([]store.UID, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	return s.account.ExpungeDeleted(ctx, s.origin(), s.sel.box, s.sel.uids(spans))
}

// origin is who does what this session does.
func (s *session) origin() store.Origin {
	return store.Origin{Device: s.who.Device, Protocol: store.ProtocolIMAP}
}
