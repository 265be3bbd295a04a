package pop3d

import (
	"context"
	"fmt"

	"restante/internal/proto/pop3wire"
)

// dele answers DELE (RFC 1939 5).
func (s *session) dele(_ context.Context, c pop3wire.Command) error {
	if s.message(c.Msg) != nil {
		s.drop.mark(c.Msg)
		s.ok(fmt.Sprintf("message %d deleted", c.Msg))
	}
	return nil
}

// rset answers RSET (RFC 1939 5).
func (s *session) rset(context.Context, pop3wire.Command) error {
	s.drop.unmarkAll()
	s.ok(s.summary())
	return nil
}

// noop answers NOOP (RFC 1939 5).
func (s *session) noop(context.Context, pop3wire.Command) error {
	s.ok("")
	return nil
}

// quit answers QUIT: in the TRANSACTION state it is RFC 1939 6's UPDATE. The
// reply comes after the sync and after the lock is free, so that a client that
// comes back at once gets in.
func (s *session) quit(ctx context.Context, _ pop3wire.Command) error {
	s.ended = true
	if s.drop == nil {
		s.ok("goodbye")
		return nil
	}
	deleted, left := s.drop.marked, s.drop.count()
	err := s.drop.commit(ctx)
	s.close()
	if err != nil {
		s.conn.Log().Error("deletions not committed", "error", err)
		s.err(replyTo(err).code, "some deleted messages not removed") // RFC 1939 6
		return nil
	}
	s.conn.Log().Info("logged out", "deleted", deleted, "left", left)
	s.ok(fmt.Sprintf("goodbye (%s left)", messages(left)))
	return nil
}
