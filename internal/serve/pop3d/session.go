package pop3d

import (
	"context"
	"errors"
	"sync/atomic"

	"restante/internal/directory"
	"restante/internal/proto/pop3wire"
	"restante/internal/serve/listen"
)

// session is one connection. It belongs to that connection's goroutine.
type session struct {
	srv  *Server
	conn *listen.Conn

	stamp    string // of the greeting, for APOP; empty where there is none
	name     string // of the last USER
	utf8Mode bool   // after UTF8
	failures int    // failed logins
	mistakes int    // in a row
	ended    bool   // close after this reply

	identity directory.Identity
	watch    *directory.Watch
	stale    atomic.Bool // identity is to be checked before anything else is done
	drop     *maildrop   // nil in the AUTHORIZATION state
	unlock   func()
}

func (s *session) run(ctx context.Context) {
	s.greet()
	for !s.ended {
		if s.stale.Load() && !s.mayGoOn(ctx) {
			return
		}
		event, err := s.conn.WaitInput(s.srv.opts.Autologout)
		switch {
		case err != nil:
			return
		case event == listen.TimedOut:
			return // RFC 1939 3: without removing any messages or sending any response
		case event == listen.Draining:
			s.err(pop3wire.SysTemp, "the server is going down, come back soon")
			return
		case event == listen.Interrupted:
			continue
		}
		if err := s.step(ctx); err != nil {
			s.conn.Log().Debug("session broken off", "error", err)
			return
		}
	}
}

// close ends the session without UPDATE.
func (s *session) close() {
	s.watch.Close()
	if s.drop != nil {
		s.drop.close()
		s.unlock()
		s.drop = nil
	}
}

// wake has the session see whether it may go on. Any goroutine may call it, even under a lock.
func (s *session) wake() {
	s.stale.Store(true)
	s.conn.Interrupt()
}

// mayGoOn asks the directory whether what the session was opened with is still good. If not, the session ends without a word: the
// protocol has none for it, and without UPDATE, as whenever a connection breaks (RFC 1939 6).
func (s *session) mayGoOn(ctx context.Context) bool {
	s.stale.Store(false)
	err := s.srv.opts.Directory.Valid(ctx, s.identity)
	if errors.Is(err, directory.ErrRevoked) || errors.Is(err, directory.ErrDisabled) || errors.Is(err, directory.ErrUnknownUser) {
		s.conn.Log().Info("session ended", "error", err)
		return false
	}
	return true
}

func (s *session) state() state {
	if s.drop != nil {
		return transaction
	}
	return authorization
}

// step answers one command. An error ends the session.
func (s *session) step(ctx context.Context) error {
	c, err := pop3wire.ReadCommand(s.conn.Reader())
	if err != nil && !errors.Is(err, pop3wire.ErrSyntax) {
		if errors.Is(err, pop3wire.ErrEndless) {
			s.err("", "line too long")
		}
		return err
	}
	s.traceCommand(c)
	cmd := &s.srv.commands[c.Verb]
	cmd.count.Inc()
	switch {
	case cmd.run == nil:
		s.mistake("unknown command")
	case err != nil && errors.Is(err, pop3wire.ErrTooLong):
		s.mistake("line too long")
	case cmd.states&s.state() == 0 && s.drop == nil:
		s.mistake("log in first")
	case cmd.states&s.state() == 0:
		s.mistake(c.Verb.String() + " is for before the login")
	case err != nil:
		s.mistake("usage: " + cmd.usage)
	default:
		s.mistakes = 0
		return cmd.run(s, ctx, c)
	}
	return nil
}

// mistake answers what is no proper command.
func (s *session) mistake(text string) {
	if s.mistakes++; s.mistakes >= maxMistakes {
		s.ended = true
		text = "too many errors"
	}
	s.err("", text)
}

// write sends what is built in the Writer's own buffer. Its errors are sticky
// and end the session at the next WaitInput.
func (s *session) write(b []byte) { s.conn.Writer().Write(b) }

func (s *session) ok(text string) {
	s.reply(pop3wire.AppendOK(s.conn.Writer().AvailableBuffer(), text))
}

func (s *session) err(code pop3wire.Code, text string) {
	s.reply(pop3wire.AppendErr(s.conn.Writer().AvailableBuffer(), code, text))
}

func (s *session) reply(line []byte) {
	if s.conn.Tracing() {
		s.conn.TraceOut(string(line[:len(line)-2]))
	}
	s.write(line)
}

// traceCommand puts a command into the transcript, without what may be secret.
func (s *session) traceCommand(c pop3wire.Command) {
	if !s.conn.Tracing() {
		return
	}
	line := c.Verb.String()
	switch {
	case c.Verb == pop3wire.Pass || c.Verb == pop3wire.Unknown:
		line += " " + listen.Masked // a password sent at the wrong time is unknown too
	case c.Arg != "":
		line += " " + c.Arg
	}
	if c.Initial != nil {
		line += " " + listen.Masked
	}
	if c.Msg > 0 {
		line = string(pop3wire.AppendListing([]byte(line+" "), int64(c.Msg), int64(c.Lines)))
		line = line[:len(line)-2]
	}
	s.conn.TraceIn(line)
}
