package imapd

import (
	"context"
	"io"
	"time"

	"restante/internal/proto/imapwire"
	"restante/internal/serve/listen"
)

// serve runs the session until its end. It waits here, with little on its stack; everything else is done aside, for most sessions wait most of
// the time.
func (s *session) serve(ctx context.Context) (err error) {
	s.conn.Aside(s.greet)
	for !s.ending && err == nil {
		event, waitErr := s.conn.WaitReadable(s.patience())
		s.conn.Aside(func() { err = s.attend(ctx, event, waitErr) })
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (s *session) greet() {
	s.conn.LimitUntil(time.Now().Add(s.srv.opts.LoginTimeout))
	s.heard()
	s.out().Status("", imapwire.OK, imapwire.CodeCapability(s.capabilities()), s.srv.opts.ServerName+" Restante ready")
	s.dec, s.enc = nil, nil
}

// heard notes that the client lives.
func (s *session) heard() { s.until = time.Now().Add(s.srv.opts.Autologout) }

// watches says that the client is told of news while it waits.
func (s *session) watches() bool { return s.idle != nil || s.notify.active() }

// patience is how long to wait before the session does something by itself.
func (s *session) patience() time.Duration {
	d := time.Until(s.until)
	if s.watches() {
		d = min(d, s.srv.opts.Relook)
	}
	if s.idle != nil {
		d = min(d, time.Until(s.idle.still))
	}
	return d
}

// attend does what an event asks for, and leaves nothing behind that a session which waits need not hold.
func (s *session) attend(ctx context.Context, event listen.Event, err error) error {
	if err == nil && event == listen.Input {
		event, err = s.conn.WaitInput(s.patience()) // what can be read may be less than an octet, in TLS
	}
	if err != nil || s.stale.Load() && !s.mayGoOn(ctx) {
		return err
	}
	switch {
	case event == listen.Input:
		err = s.input(ctx)
	case event == listen.Draining, event == listen.TimedOut && !(s.watches() && time.Now().Before(s.until)):
		s.event(event)
	default: // a hint, or it is time to look without one
		err = s.look(ctx)
	}
	if err != nil || s.ending {
		return err
	}
	if s.conn.Buffered() == 0 {
		s.dec, s.enc = nil, nil
	}
	if s.idle != nil || s.notify.active() && event != listen.Input {
		return s.conn.ReleaseBuffers() // the next event may be hours away
	}
	return s.conn.Flush()
}

// input does the commands that have come.
func (s *session) input(ctx context.Context) (err error) {
	for {
		if s.idle != nil {
			err = s.endIdle()
		} else {
			err = s.command(ctx)
		}
		s.giveBack()
		if err == nil && s.notify.active() && !s.ending {
			err = s.notice(ctx, s.idle != nil)
		}
		s.heard()
		if err != nil || s.ending || s.conn.Buffered() == 0 {
			return err
		}
		if s.stale.Load() && !s.mayGoOn(ctx) {
			return nil
		}
	}
}

// look tells what is new to a client that waits for it: in IDLE, when EXPUNGE may come at any time, or after NOTIFY.
func (s *session) look(ctx context.Context) error {
	switch {
	case s.notify.active():
		if err := s.notice(ctx, s.idle != nil); err != nil {
			return err
		}
	case s.idle != nil:
		if err := s.tellChangedMetadata(ctx); err != nil {
			return err
		}
		if err := s.tellSelected(ctx, true); err != nil {
			return err
		}
	default:
		return nil // a hint that came as IDLE ended: the next command looks anyway
	}
	if s.idle != nil && !s.ending && !time.Now().Before(s.idle.still) {
		s.out().Status("", imapwire.OK, "", "Still here")
		s.idle.still = s.stillHere()
	}
	return nil
}
