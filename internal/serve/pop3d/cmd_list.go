package pop3d

import (
	"context"
	"fmt"

	"restante/internal/proto/pop3wire"
	"restante/internal/store"
)

// maxListing is more than any line of LIST or UIDL.
const maxListing = 128

// stat answers STAT (RFC 1939 5): "+OK nn mm" and nothing more.
func (s *session) stat(context.Context, pop3wire.Command) error {
	b := append(s.conn.Writer().AvailableBuffer(), "+OK "...)
	s.reply(pop3wire.AppendListing(b, int64(s.drop.count()), int64(s.drop.octets())))
	return nil
}

// list answers LIST (RFC 1939 5).
func (s *session) list(_ context.Context, c pop3wire.Command) error {
	return s.listing(c, func(b []byte, n int, e *store.Entry) []byte {
		return pop3wire.AppendListing(b, int64(n), int64(e.Size))
	})
}

// uidl answers UIDL (RFC 1939 7). The id is the message's for its whole life, and where it came from another
// server with one, that one (coexistence rule 7).
func (s *session) uidl(ctx context.Context, c pop3wire.Command) error {
	imported, err := s.drop.uidls(ctx, c.Msg)
	if err != nil {
		return err
	}
	var id []byte
	return s.listing(c, func(b []byte, n int, e *store.Entry) []byte {
		own := false
		if id, own = imported.Append(id[:0], e.Message); !own {
			id = s.drop.seed.AppendEmailID(id, e.Message)
		}
		return pop3wire.AppendUnique(b, n, id)
	})
}

// listing answers for one message, or for all that are not deleted. It builds
// the lines in the Writer's buffer: no line is ever a string of its own.
func (s *session) listing(c pop3wire.Command, line func([]byte, int, *store.Entry) []byte) error {
	w := s.conn.Writer()
	if c.Msg != 0 {
		if e := s.message(c.Msg); e != nil {
			s.reply(line(append(w.AvailableBuffer(), "+OK "...), c.Msg, e))
		}
		return nil
	}
	s.ok(s.summary())
	for n, e := range s.drop.listed() {
		if w.Available() < maxListing {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		w.Write(line(w.AvailableBuffer(), n, e))
	}
	s.write(pop3wire.AppendEnd(w.AvailableBuffer()))
	return nil
}

// message returns message n, or answers that there is none.
func (s *session) message(n int) *store.Entry {
	switch {
	case n > s.drop.total():
		s.err("", "no such message, only "+messages(s.drop.total())+" in maildrop")
		return nil
	case s.drop.isMarked(n):
		s.err("", fmt.Sprintf("message %d is deleted", n))
		return nil
	}
	return s.drop.entry(n)
}
