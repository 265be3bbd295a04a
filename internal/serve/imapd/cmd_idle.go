package imapd

import (
	"context"
	"time"

	"restante/internal/proto/imapwire"
	"restante/internal/serve/listen"
)

// IDLE: RFC 9051 6.3.13, RFC 2177.
//
//	idle = "IDLE" CRLF "DONE"
//
// A hint interrupts the wait. Buffers go back at once after each look, for the next one may be hours away.
func cmdIdle(s *session, ctx context.Context, _ imapwire.Bare) (done, error) {
	sub := s.srv.opts.Store.Bus().SubscribeFunc(uint32(s.who.Account), s.conn.Interrupt)
	defer sub.Close()
	s.srv.count.idle.Add(1)
	defer s.srv.count.idle.Add(-1)

	s.out().Continue("idling")
	until := time.Now().Add(s.srv.opts.Autologout)
	still := s.stillHere(time.Now())
	for {
		if s.stale.Load() && !s.mayGoOn(ctx) {
			return done{}, nil
		}
		// Subscribed first, looked second: what changes after the look has a hint.
		if err := s.look(ctx); err != nil || s.ending {
			return done{}, err
		}
		s.dec, s.enc = nil, nil
		if err := s.conn.ReleaseBuffers(); err != nil {
			return done{}, &connError{err}
		}
		event, err := s.wait(min(s.srv.opts.Relook, time.Until(until), time.Until(still)))
		switch {
		case err != nil:
			return done{}, &connError{err}
		case event == listen.Input:
			return done{}, inTransit(s.in().ReadDone())
		case event == listen.Draining, event == listen.TimedOut && !time.Now().Before(until):
			s.event(event)
			return done{}, nil
		case event == listen.TimedOut && !time.Now().Before(still):
			s.out().Status("", imapwire.OK, "", "Still here")
			still = s.stillHere(time.Now())
		}
	}
}

// stillHere is when a client in IDLE is next told that the connection stands.
func (s *session) stillHere(now time.Time) time.Time {
	every := s.srv.opts.StillHere
	if every <= 0 {
		every = 2 * s.srv.opts.Autologout // it does not come to that
	}
	return now.Add(every)
}

// look syncs while a client idles, when EXPUNGE may come at any time.
func (s *session) look(ctx context.Context) error {
	if s.notify.active() {
		return s.notice(ctx, true)
	}
	return s.tellSelected(ctx, true)
}
