package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
)

// STARTTLS: RFC 9051 6.2.1.
//
// What comes in the clear behind it may be from anybody, and would be taken for commands under TLS: it ends the connection.
func cmdStartTLS(s *session, ctx context.Context, _ imapwire.Bare) (done, error) {
	switch {
	case s.conn.Secret():
		return done{}, badCommand("TLS is active")
	case !s.conn.HasTLS():
		return done{}, badCommand("TLS cannot be had here")
	case s.conn.Buffered() > 0:
		return done{}, &imapwire.Error{Status: imapwire.BYE, Text: "nothing may follow STARTTLS before TLS is active"}
	}
	return done{text: "begin TLS now", then: func() error {
		if err := s.conn.StartTLS(ctx); err != nil {
			return &connError{err}
		}
		// RFC 9051 6.2.1: nothing that was learnt before counts.
		s.texts = nil
		s.dec, s.enc, s.exchange, s.bad = nil, nil, nil, 0
		s.client = ""
		s.chooseSwitches(nil)
		return nil
	}}, nil
}
