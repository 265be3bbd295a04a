package pop3d

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/pop3wire"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// mayPlaintext reports whether a password may come in the clear: RFC 2595 2.3
// and RFC 5034 4 want it refused unless TLS hides it or the operator says so.
func (s *session) mayPlaintext() bool { return s.srv.opts.Plaintext || s.conn.Secret() }

// mayPass reports whether USER and PASS are offered: where PLAIN is.
func (s *session) mayPass() bool {
	offer := s.srv.opts.Directory.Offer()
	return offer.Has(sasl.Plain)
}

func (s *session) refusePass() { s.err(pop3wire.AuthFailed, "passwords are not taken here") }

func (s *session) refusePlaintext() { s.err(pop3wire.AuthFailed, "not without TLS: use STLS first") }

// user answers USER (RFC 1939 7). Any name will do: who exists is nobody's
// business before the password.
func (s *session) user(_ context.Context, c pop3wire.Command) error {
	switch {
	case !s.mayPass():
		s.refusePass()
		return nil
	case !s.mayPlaintext():
		s.refusePlaintext()
		return nil
	}
	s.name = c.Arg
	s.ok("send PASS")
	return nil
}

// pass answers PASS (RFC 1939 7).
func (s *session) pass(ctx context.Context, c pop3wire.Command) error {
	name := s.name
	s.name = ""
	switch {
	case !s.mayPass():
		s.refusePass()
		return nil
	case !s.mayPlaintext():
		s.refusePlaintext()
		return nil
	case name == "":
		s.mistake("USER first")
		return nil
	}
	id, err := s.srv.opts.Directory.Authenticate(ctx, name, c.Arg, s.conn.RemoteIP())
	if err != nil {
		return s.loginFailed(ctx, name, err)
	}
	return s.login(ctx, id, "USER")
}

// greet says hello, with a timestamp where APOP is offered: that is how clients know (RFC 1939 7, RFC 2449 6). It has the form of RFC 822's
// msg-id, which clients should insist on (CVE-2007-1558).
func (s *session) greet() {
	text := "Restante ready"
	if offer := s.srv.opts.Directory.Offer(); offer.Has(directory.MechanismAPOP) {
		host := offer.Host
		if host == "" {
			host = "localhost"
		}
		// deviates: RFC 1939 7 shows a process and a clock. Randomness is what makes it unique.
		s.stamp = "<" + s.srv.opts.Nonce() + "@" + host + ">"
		text += " " + s.stamp
	}
	s.ok(text)
}

// apop answers APOP (RFC 1939 7).
//
// deviates: RFC 1939 13 wants a maildrop to take either PASS or APOP. PASS comes in TLS only now, and gives nothing away that helps with APOP.
func (s *session) apop(ctx context.Context, c pop3wire.Command) error {
	s.name = ""
	if s.stamp == "" {
		s.err("", "APOP is not offered here")
		return nil
	}
	id, err := s.srv.opts.Directory.APOP(ctx, c.Arg, s.stamp, c.Initial, s.conn.RemoteIP())
	if err != nil {
		return s.loginFailed(ctx, c.Arg, err)
	}
	return s.login(ctx, id, "APOP")
}

// config is what AUTH offers now.
func (s *session) config() *sasl.Config {
	c := &sasl.Config{Offer: s.srv.opts.Directory.Offer(), Plaintext: s.mayPlaintext()}
	if s.conn.TLS() != nil {
		c.Binding, c.Names = s.conn.ChannelBinding, s.conn.ClientNames()
	}
	return c
}

// auth answers AUTH (RFC 5034 4).
func (s *session) auth(ctx context.Context, c pop3wire.Command) error {
	config := s.config()
	if c.Arg == "" { // not in RFC 5034; old clients list the mechanisms so
		s.ok("mechanisms follow")
		for _, name := range config.Mechanisms() {
			s.write(pop3wire.AppendCapability(s.conn.Writer().AvailableBuffer(), name))
		}
		s.write(pop3wire.AppendEnd(s.conn.Writer().AvailableBuffer()))
		return nil
	}
	// The exchange ends with the command, so that an unproved one is counted.
	exchangeCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	exchange := s.srv.opts.Directory.Exchange(exchangeCtx, s.conn.RemoteIP())
	config.Backend = exchange
	server, err := config.Start(c.Arg)
	if err != nil {
		if config.NeedsSecrecy(c.Arg) {
			s.refusePlaintext()
		} else {
			s.err("", "no such mechanism")
		}
		return nil
	}
	cancelled, err := s.exchange(server, c.Initial)
	switch {
	case cancelled:
		s.err("", "cancelled")
		return nil
	case err != nil:
		return s.loginFailed(ctx, "", err)
	}
	return s.login(ctx, exchange.Identity(), c.Arg)
}

// errConn marks errors of the connection in an exchange.
type errConn struct{ error }

func (e errConn) Unwrap() error { return e.error }

// exchange runs a SASL exchange. RFC 5034 4: challenges and responses are
// lines of base64, a lone "*" cancels.
func (s *session) exchange(server sasl.Server, response []byte) (cancelled bool, err error) {
	for {
		challenge, done, err := server.Next(response)
		if err != nil || done {
			return false, err
		}
		s.write(pop3wire.AppendChallenge(s.conn.Writer().AvailableBuffer(), challenge))
		line, err := pop3wire.ReadLine(s.conn.Reader(), pop3wire.MaxAuthLine)
		if err != nil {
			if !errors.Is(err, pop3wire.ErrSyntax) {
				err = errConn{err}
			}
			return false, err
		}
		if string(line) == "*" {
			return true, nil
		}
		if response, err = pop3wire.DecodeResponse(line); err != nil {
			return false, err
		}
	}
}

// loginFailed answers a login that failed. The text does not say whether the
// name exists. name is for the log, "" when only the mechanism knows it.
func (s *session) loginFailed(ctx context.Context, name string, err error) error {
	var broken errConn
	if errors.As(err, &broken) || ctx.Err() != nil {
		return err
	}
	r := replyTo(err)
	if r.fault {
		s.conn.Log().Error("login not decided", "name", name, "error", err)
	} else {
		s.conn.Log().Info("login failed", "name", name, "error", err)
	}
	if s.failures++; s.failures >= s.srv.opts.MaxFailures {
		s.ended = true
	}
	s.err(r.code, r.text)
	return nil
}

// login enters the TRANSACTION state.
func (s *session) login(ctx context.Context, id directory.Identity, mechanism string) error {
	if err := id.Allows(directory.ScopePOP3); err != nil {
		return s.loginFailed(ctx, id.Login, err)
	}
	folder := strings.ToLower(id.Folder)
	if folder == "inbox" {
		folder = ""
	}
	unlock, ok := s.srv.locks.acquire(ctx, lockKey{id.Account, id.Device, folder}, s.srv.opts.Patience)
	if !ok {
		s.conn.Log().Info("maildrop in use", "login", id.Login)
		s.err(pop3wire.InUse, "another session of this device has the maildrop") // RFC 2449 8.1.2
		return ctx.Err()
	}
	drop, err := openMaildrop(ctx, s.srv.opts.Store, id)
	if err != nil {
		unlock() // RFC 1939 4: before rejecting the command
		return s.notOpened(ctx, id, err)
	}
	s.identity, s.drop, s.unlock = id, drop, unlock
	s.watch = s.srv.opts.Directory.Watch(id, s.wake, func() { s.conn.Close() })
	if err := drop.account.NoteUse(ctx, id.Device, s.use()); err != nil {
		s.conn.Log().Warn("login not noted", "error", err)
	}
	s.conn.AddLog("login", id.Login)
	if id.Folder != "" {
		s.conn.AddLog("folder", id.Folder)
	}
	s.conn.Log().Info("logged in", "mechanism", mechanism, "tls", s.conn.Secret(),
		"messages", drop.count(), "octets", drop.octets())
	s.ok(s.summary())
	return nil
}

// notOpened answers a login whose maildrop cannot be had.
func (s *session) notOpened(ctx context.Context, id directory.Identity, err error) error {
	r := replyTo(err)
	if r.fault && ctx.Err() == nil {
		s.conn.Log().Error("maildrop not opened", "login", id.Login, "folder", id.Folder, "error", err)
	} else {
		s.conn.Log().Info("login refused", "login", id.Login, "folder", id.Folder, "error", err)
	}
	s.err(r.code, r.text)
	return nil
}

// use is this login as its owner will see it.
func (s *session) use() store.Use {
	return store.Use{Protocol: store.ProtocolPOP3, Address: s.conn.RemoteIP().String(), TLS: s.conn.TLSVersion()}
}

func (s *session) summary() string {
	return fmt.Sprintf("maildrop has %s (%d octets)", messages(s.drop.count()), s.drop.octets())
}

// messages is n messages in words.
func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// stls answers STLS (RFC 2595 4).
func (s *session) stls(ctx context.Context, _ pop3wire.Command) error {
	switch {
	case !s.conn.HasTLS():
		s.err("", "TLS is active, or not to be had")
		return nil
	case s.utf8Mode: // RFC 6856 2.1
		s.err("", "not after UTF8")
		return nil
	case s.conn.Buffered() > 0:
		// Commands that came in the clear must not be taken for commands
		// that came under TLS (CVE-2011-0411 and its kin).
		s.err("", "nothing may follow STLS before the handshake")
		s.ended = true
		return nil
	}
	s.ok("begin TLS")
	s.name = "" // RFC 2595 4: the server forgets what it learned in the clear
	return s.conn.StartTLS(ctx)
}
