package imapd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/collation"
	"restante/internal/proto/imapwire"
	"restante/internal/serve/listen"
	"restante/internal/store"
)

// session is one connection.
type session struct {
	srv  *Server
	conn *listen.Conn

	// dec and enc use the connection's buffers, so they go when those do; see in and out.
	dec *imapwire.Decoder
	enc *imapwire.Encoder

	state     state
	rev2      bool                // ENABLE IMAP4rev2
	utf8      bool                // ENABLE UTF8=ACCEPT
	condStore bool                // a CONDSTORE enabling command was given (RFC 7162 3.1)
	qresync   bool                // ENABLE QRESYNC
	uidOnly   bool                // ENABLE UIDONLY
	collation collation.Collation // the active comparator (RFC 5255 4.2)

	switches *Switches // as they were when the session began
	off      *off      // what of them is for this client

	exchange *directory.Exchange // nil until somebody uses SASL
	who      directory.Identity
	account  *store.Account   // nil before login
	visitor  store.Visitor    // who the user is in others' accounts
	borrowed []*store.Account // of others, open
	sel      *selected        // nil when no mailbox is selected
	watch    *directory.Watch
	notes    metadataWatch
	stale    atomic.Bool       // who is to be checked before anything else is done
	notify   *notifying        // nil before the first NOTIFY
	texts    map[string]string // of LANGUAGE; nil for English
	idle     *idling           // nil but in IDLE
	alerted  bool              // that the mailbox is nearly full
	until    time.Time         // when the session's patience ends

	// Of the command at hand.
	tag          string
	limit        imapwire.Code // MESSAGELIMIT, when it does not deal with all messages
	lastProgress time.Time     // when the client was last told of its progress, or could have been

	bad      int    // commands in a row that made no sense
	client   string // what the client calls itself; see noteClient
	failures int    // failed logins
	ending   bool   // the last word has been said
}

// Bounds on nonsense: after so many commands in a row that are answered with BAD the connection is closed.
const (
	maxBadBeforeLogin = 10
	maxBad            = 50
	maxFailures       = 10 // failed logins, in a row or not
)

// event handles what may happen between commands.
func (s *session) event(e listen.Event) {
	switch e {
	case listen.Draining:
		s.bye("", "the server is shutting down")
	case listen.TimedOut:
		s.bye("", "autologout: nothing was heard for too long")
	case listen.Interrupted:
		// A hint that came as IDLE ended: the next command looks anyway. Or one that serve looks into.
	}
}

// in is the decoder. It holds until the next wait.
func (s *session) in() *imapwire.Decoder {
	if s.dec == nil {
		s.dec = imapwire.NewDecoder(s.conn.Reader(), s.decoderOptions())
		s.dec.SetUTF8(s.unicode())
	}
	return s.dec
}

// out is the encoder. It holds until the next wait.
func (s *session) out() *imapwire.Encoder {
	if s.enc == nil {
		s.enc = imapwire.NewEncoder(s.conn.Writer())
		s.enc.SetUTF8(s.unicode())
		s.enc.SetTranslation(s.translation())
		if s.off != nil {
			s.enc.SetHidden(s.off.hides)
		}
	}
	return s.enc
}

// unicode says that the client reads and sends UTF-8.
func (s *session) unicode() bool { return s.rev2 || s.utf8 }

// decoderOptions are small for those who have not logged in, but for ID with 30 fields of 30 octets and values of 1024 (RFC 2971 3.3).
func (s *session) decoderOptions() imapwire.Options {
	// RFC 7888 5: who is not offered LITERAL+ has LITERAL-.
	o := imapwire.Options{LiteralMinus: s.off.has("LITERAL+"), Continue: func() error {
		s.out().Continue("go ahead")
		return s.out().Flush()
	}}
	if s.state == stateNotAuthenticated {
		o.Limits = imapwire.Limits{Line: 36 << 10, Literal: 4 << 10, Drain: 64 << 10, Depth: 8, Items: 100}
	}
	return o
}

// command reads and does one command. An error ends the connection.
func (s *session) command(ctx context.Context) error {
	tag, name, err := s.in().ReadTag()
	if err == io.EOF {
		s.ending = true
		return nil
	}
	err = inTransit(err)
	if s.conn.Tracing() {
		s.conn.TraceIn(tag + " " + name)
	}
	if err == nil {
		err = s.dispatch(ctx, tag, name)
	}
	if err != nil {
		if err := s.fail(tag, name, err); err != nil {
			return err
		}
	}
	if s.ending {
		return nil
	}
	// What is left of a command that was refused is read here, while the decoder knows of it.
	if err := s.in().Skip(); err != nil {
		return s.fail("", name, inTransit(err))
	}
	return s.out().Err()
}

// dispatch checks a command, does it between two looks at the mailbox, and says OK. The error, if any, is still to be told.
func (s *session) dispatch(ctx context.Context, tag, name string) error {
	cmd, ok := s.srv.commands[name]
	switch {
	case !ok || s.off.command(name):
		return badCommand("unknown command")
	case cmd.states&s.state == 0:
		return badCommand(s.state.refusal(cmd.states))
	}
	cmd.count.Inc()
	args, err := s.in().ParseArgs(name)
	if err != nil {
		return inTransit(err)
	}
	if s.uidOnly && (cmd.numbered || counts(args)) {
		return errUIDRequired()
	}
	if s.off.refuses(args) {
		return errSwitchedOff()
	}
	s.tag, s.lastProgress = tag, time.Time{}
	if s.sel != nil && cmd.sync&syncBefore != 0 {
		if err := s.sync(ctx, false); err != nil || s.ending {
			return err
		}
	}
	if cmd.states == stateSelected && !cmd.lean {
		if err := s.sel.box.Load(ctx); err != nil {
			return err
		}
	}
	res, err := cmd.run(s, ctx, tag, args)
	if s.idle != nil && err == nil {
		return nil
	}
	s.stopIdle()
	s.settleLimit(&res, err)
	if s.sel != nil && cmd.sync&syncAfter != 0 && !s.ending && !fatal(err) {
		if serr := s.sync(ctx, cmd.sync&syncExpunge != 0 && !counts(args)); err == nil {
			err = serr
		}
		s.settleModSeq(&res, err)
	}
	if err == nil && !s.ending {
		err = s.tellChangedMetadata(ctx)
	}
	if err != nil || s.ending {
		return err
	}
	s.bad = 0
	s.tagged(tag, imapwire.OK, res.code, res.words(name))
	if res.then != nil {
		return res.then()
	}
	return nil
}

// done is the tagged OK of a command; the zero value will do.
type done struct {
	code imapwire.Code
	text string       // default: "<name> completed"
	then func() error // what is to be done after the OK has been said
}

func (d done) words(name string) string {
	if d.text != "" {
		return d.text
	}
	return name + completed
}

// tagged writes the reply that ends a command.
func (s *session) tagged(tag string, status imapwire.Status, code imapwire.Code, text string) {
	if s.conn.Tracing() {
		s.conn.TraceOut(fmt.Sprintf("%s %s [%s] %s", tag, status, code.Name(), text))
	}
	s.out().Status(tag, status, code, text)
}

// fail answers a command that could not be done. An error that is no reply comes back: it ends the connection.
func (s *session) fail(tag, name string, err error) error {
	if fatal(err) {
		return err
	}
	e := reply(err)
	s.srv.count.refused.Inc()
	if e.Code == imapwire.CodeServerBug || e.Code == imapwire.CodeCorruption {
		s.conn.Log().Error("command failed", slog.String("command", name), slog.Any("error", err))
	}
	if e.Status == imapwire.BYE {
		s.bye(e.Code, e.Text)
		return nil
	}
	s.tagged(tag, e.Status, e.Code, e.Text)
	if e.Status != imapwire.BAD {
		s.bad = 0
		return nil
	}
	limit := maxBad
	if s.state == stateNotAuthenticated {
		limit = maxBadBeforeLogin
	}
	if s.bad++; s.bad >= limit {
		s.bye("", "too many bad commands")
	}
	return nil
}

// bye says the last word. The connection is flushed and closed when the handler returns.
func (s *session) bye(code imapwire.Code, text string) {
	s.out().Status("", imapwire.BYE, code, text)
	s.ending = true
}

// close gives back what the session holds.
func (s *session) close() {
	s.stopIdle()
	s.watch.Close()
	s.stopNotify()
	s.deselect()
	s.giveBack()
	if s.account != nil {
		s.account.Close()
	}
}
