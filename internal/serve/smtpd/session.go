package smtpd

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
)

// session is one connection's state. It belongs to the connection's goroutine.
type session struct {
	srv  *Server
	opts *Options
	c    *listen.Conn

	trusted  bool   // it may use XCLIENT
	name     string // the client's in the DNS; empty when nobody has said it
	hello    string // what the client calls itself; empty before EHLO, HELO or LHLO
	extended bool   // it said EHLO or LHLO
	caps     smtpwire.Capabilities
	identity directory.Identity // who has logged in; zero: nobody
	watch    *directory.Watch   // over the login; nil before
	failures int                // of logins
	revoked  atomic.Bool        // the login may not hold any more: see stillIn

	tx       *transaction // nil when none is open
	messages int          // transactions begun
	errors   int          // see Options.MaxErrors
	commands int          // see Options.MaxCommands
	closing  bool         // the connection ends after this command
	out      []byte       // room for a reply
}

// transaction is a mail transaction (RFC 5321 3.3), from MAIL to its end.
type transaction struct {
	env flow.Envelope

	msg    Message               // after Begin, until Commit or Abort
	chunks *smtpwire.ChunkReader // not nil after the first BDAT
	failed bool                  // a BDAT failed: only RSET or LAST lead out of it
	id     string                // of the message; empty before Begin
	taken  bool                  // somebody has it
}

// maxRefused bounds the refusals of a transaction that are remembered.
const maxRefused = 20

// note remembers what the client of the open transaction was told no to; err is nil where the answer says it all.
func (x *session) note(stage string, to addr.Address, answer smtpwire.Reply, err error) {
	if x.tx != nil && len(x.tx.env.Refused) < maxRefused {
		x.tx.env.Refused = append(x.tx.env.Refused, flow.Rejection{Stage: stage, To: to, Reply: answer, Err: err})
	}
}

// run is the life of a session.
func (x *session) run(ctx context.Context) {
	if !x.greet() {
		return
	}
	for !x.closing {
		event, err := x.c.WaitInput(x.opts.IdleTimeout)
		switch {
		case err != nil:
			x.c.Log().Debug("connection ended", "error", err)
			return
		case event == listen.TimedOut:
			x.end(errIdle)
		case event == listen.Draining:
			x.end(errShutdown)
		case event == listen.Input:
			x.next(ctx)
		}
		x.stillIn(ctx)
	}
}

// greet sends the greeting, and refuses who talks before it.
func (x *session) greet() bool {
	delay := x.opts.GreetDelay
	if !x.trusted { // a proxy has yet to say for whom
		wanted, ok := x.mayConnect()
		if !ok {
			return false
		}
		delay = max(delay, wanted)
	}
	if delay > 0 && !x.c.Secret() {
		event, err := x.c.WaitInput(delay)
		switch {
		case err != nil:
			return false
		case event == listen.Input:
			x.failed()
			x.end(errUnsynchronized)
			return false
		case event == listen.Draining:
			x.end(errShutdown)
			return false
		}
	}
	x.sayReady()
	return true
}

// mayConnect asks the guard about the client. When it says no, the session has been ended.
func (x *session) mayConnect() (greet time.Duration, ok bool) {
	if x.opts.Guard == nil {
		return 0, true
	}
	s := x.client()
	greet, err := x.opts.Guard.Connect(&s)
	if err != nil {
		x.end(err)
		return 0, false
	}
	return greet, true
}

// failed tells the guard of what a client should not do.
func (x *session) failed() {
	if x.opts.Guard != nil {
		s := x.client()
		x.opts.Guard.Failed(&s)
	}
}

// sayReady begins a session in words.
func (x *session) sayReady() {
	protocol := "ESMTP"
	if x.opts.LMTP {
		protocol = "LMTP"
	}
	x.reply(smtpwire.Reply{Code: 220, Text: x.opts.Hostname + " " + protocol + " Restante"})
}

// next reads and runs one command.
func (x *session) next(ctx context.Context) {
	x.c.LimitUntil(time.Now().Add(x.opts.IdleTimeout)) // for the whole line
	line, err := smtpwire.ReadLine(x.c.Reader(), x.maxLine())
	x.c.LimitUntil(time.Time{})
	switch {
	case errors.Is(err, smtpwire.ErrLineTooLong):
		x.refuse(err)
		return
	case errors.Is(err, smtpwire.ErrBareLF), errors.Is(err, smtpwire.ErrBareCR), errors.Is(err, smtpwire.ErrEndless):
		x.end(err)
		return
	case err != nil:
		x.lost(err, errIdle)
		return
	}
	cmd, err := smtpwire.ParseCommand(line)
	x.traceIn(cmd, line)
	row := commandOf(cmd.Verb)
	if x.opts.LMTP && !row.lmtp || !x.opts.LMTP && !row.smtp {
		row = command{flush: true} // 3.2 (6): unknown ones too
		if err == nil {
			err = &smtpwire.SyntaxError{Fault: smtpwire.FaultCommand, Text: "command not recognized"}
		}
	}
	x.commands++
	switch {
	case x.c.Buffered() > 0 && (row.last || !x.extended && cmd.Verb != smtpwire.BDAT):
		x.failed()
		x.end(errUnsynchronized) // what follows BDAT is its own
	case x.commands > x.opts.MaxCommands:
		x.end(errTooManyCommands)
	case err != nil:
		x.refuse(err)
	default:
		row.run(x, ctx, cmd.Arg)
	}
	if row.flush && !x.closing {
		x.c.Flush() // an error comes up in WaitInput
	}
}

// maxLine is the longest command line: one of AUTH may hold a long response (RFC 4954 4).
func (x *session) maxLine() int {
	if x.opts.Login != nil && x.identity.Account == 0 {
		return smtpwire.MaxAuthLine
	}
	return smtpwire.MaxCommandLine
}

// reply writes a reply. Nothing is sent before the session waits or flushes.
func (x *session) reply(r smtpwire.Reply) {
	x.out = r.AppendTo(x.out[:0])
	x.c.Writer().Write(x.out) // an error comes up in WaitInput
	if x.c.Tracing() {
		x.c.TraceOut(string(x.out))
	}
}

// refuse answers a command with an error and counts it. Too many end the session.
func (x *session) refuse(err error) { x.refuseWith(x.replyTo(err)) }

func (x *session) refuseWith(r smtpwire.Reply) {
	x.reply(r)
	x.errors++
	x.failed()
	if x.errors >= x.opts.MaxErrors && !x.closing {
		x.end(errTooManyErrors)
	}
}

// replyTo is the table's answer to err. Errors that the table does not know are
// the operator's, who reads them here.
func (x *session) replyTo(err error) smtpwire.Reply {
	r, known := replyTo(err)
	if !known {
		x.c.Log().Error("temporary failure", "error", err)
	}
	return r
}

// end says why the session ends.
func (x *session) end(err error) {
	r := x.replyTo(err)
	if r.Code == 421 {
		r.Text = x.opts.Hostname + " " + r.Text // RFC 5321 4.2.2
	}
	x.reply(r)
	level := slog.LevelInfo
	if err == errIdle || err == errShutdown {
		level = slog.LevelDebug // nobody's fault
	}
	x.c.Log().Log(context.Background(), level, "session ended by the server", "reason", err, "hello", x.hello)
	x.closing = true
}

// lost ends the session after an error of the connection. A client that was only
// slow is told so.
func (x *session) lost(err, slow error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		x.end(slow)
		return
	}
	x.c.Log().Debug("connection lost", "error", err)
	x.closing = true
}

// reset drops the transaction (RFC 5321 4.1.1.5).
func (x *session) reset() {
	if x.tx != nil && x.tx.msg != nil {
		x.tx.msg.Abort()
	}
	if t := x.tx; t != nil && !t.taken && len(t.env.Refused) > 0 && x.opts.Refused != nil {
		x.opts.Refused(&t.env, t.id)
	}
	if x.tx != nil && x.tx.env.Filters != nil {
		x.tx.env.Filters.Close()
	}
	x.tx = nil
}

// client is what the backend is told of the client.
func (x *session) client() flow.Session {
	s := flow.Session{Peer: x.c.RemoteIP(), Name: x.name, Hello: x.hello, LMTP: x.opts.LMTP, Extended: x.extended, Identity: x.identity}
	s.TLS, s.TLSVersion, s.Cipher, s.Proxied = x.c.Secret(), x.c.TLSVersion(), x.c.TLSCipher(), x.c.Proxied()
	s.Local = x.c.LocalIP()
	return s
}

func (x *session) traceIn(cmd smtpwire.Command, line []byte) {
	if !x.c.Tracing() {
		return
	}
	if cmd.Verb == smtpwire.AUTH { // it may hold a password
		x.c.TraceIn("AUTH " + listen.Masked)
		return
	}
	x.c.TraceIn(string(line))
}
