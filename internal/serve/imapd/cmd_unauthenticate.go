package imapd

import (
	"context"
	"time"

	"restante/internal/proto/imapwire"
)

// UNAUTHENTICATE: RFC 8437 3. Nothing is left of the session but TLS and the count of failed logins; it is never refused, for the client
// may have sent its next login already.
func cmdUnauthenticate(s *session, _ context.Context, _ imapwire.Bare) (done, error) {
	return done{text: "nobody is logged in", then: func() error {
		s.close()
		// RFC 8437 4.1: the compression layer ends with the CRLF of the reply.
		if err := s.conn.StopDeflate(); err != nil {
			return &connError{err}
		}
		s.conn.ResetLog()
		s.conn.LimitUntil(time.Now().Add(s.srv.opts.LoginTimeout))
		*s = session{srv: s.srv, conn: s.conn, state: stateNotAuthenticated, failures: s.failures, switches: s.switches, off: s.off}
		return nil
	}}, nil
}
