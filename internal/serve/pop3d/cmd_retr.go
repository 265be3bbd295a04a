package pop3d

import (
	"context"
	"errors"
	"fmt"

	"restante/internal/proto/pop3wire"
	"restante/internal/store"
)

// retr answers RETR (RFC 1939 5).
//
// deviates: RFC 6856 2.1 does not want a message with UTF-8 in its header sent
// before the client has said UTF8, but changed or refused. Such messages have
// always come, mostly from senders that never heard of it; refusing would hide
// mail from every older client, changing would break sizes and signatures. They
// are sent as they are, in both modes.
func (s *session) retr(ctx context.Context, c pop3wire.Command) error {
	m, err := s.open(ctx, c.Msg)
	if m == nil {
		return err
	}
	s.ok(fmt.Sprintf("%d octets", m.Size()))
	w := pop3wire.DotWriter{W: s.conn.Writer()}
	if err := m.CopyRange(ctx, &w, 0, m.Size()); err != nil {
		// Without the dot: a part must not be taken for the whole.
		return fmt.Errorf("RETR %d, after %d octets: %w", c.Msg, w.Octets(), err)
	}
	if err := s.drop.retrieved(ctx, s.drop.entry(c.Msg)); err != nil {
		s.conn.Log().Warn("not marked as seen", "message", c.Msg, "error", err) // the text was sent all the same
	}
	return w.Close()
}

// top answers TOP (RFC 1939 7).
func (s *session) top(ctx context.Context, c pop3wire.Command) error {
	m, err := s.open(ctx, c.Msg)
	if m == nil {
		return err
	}
	s.ok("top of message follows")
	w := pop3wire.DotWriter{W: s.conn.Writer()}
	if c.Lines > 0 || !topOfHeader(ctx, m, &w) {
		cut := cutWriter{w: &w, cut: pop3wire.NewTopCutter(c.Lines)}
		err := m.CopyRange(ctx, &cut, 0, m.Size())
		if err != nil && !errors.Is(err, errCut) {
			return fmt.Errorf("TOP %d: %w", c.Msg, err)
		}
	}
	return w.Close()
}

// topOfHeader writes what TOP n 0 asks for from the header alone, which is at
// hand without the body. It writes nothing and reports false where that is not
// certain: the header ends, for TOP, at the first empty line, and not where a
// MIME parser may have seen a broken one end.
func topOfHeader(ctx context.Context, m *store.Message, w *pop3wire.DotWriter) bool {
	header, err := m.Header(ctx)
	if err != nil {
		return false
	}
	keep, done := pop3wire.NewTopCutter(0).Cut(header)
	if done {
		w.Write(keep) // sticky
	}
	return done
}

// open returns message n, which is good until the next is opened, or answers why not. An error ends the session.
func (s *session) open(ctx context.Context, n int) (*store.Message, error) {
	if s.message(n) == nil {
		return nil, nil
	}
	m, err := s.drop.records.Message(ctx, n-1, 0)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		s.conn.Log().Error("message not opened", "message", n, "error", err)
		r := replyTo(err)
		s.err(r.code, r.text)
		return nil, nil
	}
	return m, nil
}

// errCut ends a CopyRange when enough was copied.
var errCut = errors.New("pop3d: enough of the message")

// cutWriter passes on what the cutter keeps.
type cutWriter struct {
	w   *pop3wire.DotWriter
	cut *pop3wire.TopCutter
}

func (c *cutWriter) Write(p []byte) (int, error) {
	keep, done := c.cut.Cut(p)
	if n, err := c.w.Write(keep); err != nil {
		return n, err
	}
	if done {
		return len(keep), errCut
	}
	return len(p), nil
}
