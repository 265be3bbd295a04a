package imapd

import (
	"context"
	"errors"

	"restante/internal/directory"
	"restante/internal/proto/imapwire"
)

// wake has the session see whether it may go on. Any goroutine may call it, even under a lock.
func (s *session) wake() {
	s.stale.Store(true)
	s.conn.Interrupt()
}

// mayGoOn asks the directory whether what the session was opened with is still good, and says goodbye if not. When that cannot be
// told the session goes on: the next hint asks again.
func (s *session) mayGoOn(ctx context.Context) bool {
	s.stale.Store(false)
	err := s.srv.opts.Auth.Valid(ctx, s.who)
	for _, r := range [...]struct {
		err  error
		code imapwire.Code
		text string
	}{
		{directory.ErrRevoked, imapwire.CodeExpired, "the password was changed; log in again"}, // RFC 5530 3
		{directory.ErrDisabled, imapwire.CodeContactAdmin, "the account was disabled"},
		{directory.ErrUnknownUser, imapwire.CodeContactAdmin, "the account is gone"},
	} {
		if errors.Is(err, r.err) {
			s.conn.Log().Info("session ended: " + r.text)
			s.bye(r.code, r.text)
			return false
		}
	}
	return true
}
