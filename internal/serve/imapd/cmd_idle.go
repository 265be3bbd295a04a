package imapd

import (
	"context"
	"time"

	"restante/internal/base/bus"
	"restante/internal/proto/imapwire"
)

// idling is an IDLE that has not ended.
type idling struct {
	tag   string
	sub   *bus.Sub
	other *bus.Sub  // of another's account with the selected mailbox; nil for none
	still time.Time // when the client is next told that the connection stands
}

// IDLE: RFC 9051 6.3.13, RFC 2177.
//
//	idle = "IDLE" CRLF "DONE"
//
// The command returns at once, and the session waits as it does between commands; the next line ends it.
func cmdIdle(s *session, ctx context.Context, _ imapwire.Bare) (done, error) {
	s.out().Continue("idling")
	s.idle = &idling{tag: s.tag, still: s.stillHere()}
	// Subscribed first, looked second: what changes after the look has a hint.
	s.idle.sub = s.srv.opts.Store.Bus().SubscribeFunc(uint32(s.who.Account), s.conn.Interrupt)
	if s.sel != nil && s.sel.account != s.account {
		s.idle.other = s.srv.opts.Store.Bus().SubscribeFunc(uint32(s.sel.account.ID()), s.conn.Interrupt)
	}
	s.srv.count.idle.Add(1)
	if s.notify.active() {
		return done{}, nil // input looks
	}
	if err := s.tellChangedMetadata(ctx); err != nil {
		return done{}, err
	}
	return done{}, s.tellSelected(ctx, true)
}

// endIdle reads the line that ends IDLE, and answers it. An error ends the connection.
func (s *session) endIdle() error {
	tag := s.idle.tag
	s.stopIdle()
	if err := s.in().ReadDone(); err != nil {
		if err := s.fail(tag, "IDLE", inTransit(err)); err != nil || s.ending {
			return err
		}
		return s.in().Skip()
	}
	s.bad = 0
	s.tagged(tag, imapwire.OK, "", "IDLE completed")
	return s.out().Err()
}

// stopIdle goes back to waiting for commands.
func (s *session) stopIdle() {
	if s.idle == nil {
		return
	}
	s.idle.sub.Close()
	if s.idle.other != nil {
		s.idle.other.Close()
	}
	s.idle = nil
	s.srv.count.idle.Add(-1)
}

// stillHere is when a client in IDLE is next told that the connection stands.
func (s *session) stillHere() time.Time {
	every := s.srv.opts.StillHere
	if every <= 0 {
		every = 2 * s.srv.opts.Autologout // it does not come to that
	}
	return time.Now().Add(every)
}
