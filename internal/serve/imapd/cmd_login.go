package imapd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/imapwire"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// LOGIN: RFC 9051 6.2.3.
//
//	login = "LOGIN" SP userid SP password
func cmdLogin(s *session, ctx context.Context, c *imapwire.Login) (done, error) {
	switch offer := s.saslConfig(nil).Offer; {
	case !offer.Has(sasl.Plain): // the same secret, the same rule
		return done{}, no(imapwire.CodeCannot, "passwords are not taken here")
	case !s.plaintext():
		return done{}, errPrivacy()
	}
	who, err := s.srv.opts.Auth.Authenticate(ctx, c.User, c.Password, s.conn.RemoteIP())
	if err != nil {
		return done{}, s.loginFailed(err)
	}
	return s.loggedIn(ctx, who)
}

// AUTHENTICATE: RFC 9051 6.2.2 with the initial response of RFC 4959.
//
//	authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
func cmdAuthenticate(s *session, ctx context.Context, c *imapwire.Authenticate) (done, error) {
	if s.exchange == nil {
		s.exchange = s.srv.opts.Auth.Exchange(ctx, s.conn.RemoteIP())
	}
	x := s.exchange
	config := s.saslConfig(x)
	if config.NeedsSecrecy(c.Mechanism) {
		return done{}, errPrivacy()
	}
	server, err := config.Start(c.Mechanism)
	if err != nil {
		return done{}, err
	}
	var response []byte // nil when there is none, which is not the empty one
	if c.HasInitial {
		response = append([]byte{}, c.Initial...)
	}
	for {
		challenge, finished, err := server.Next(response)
		if err != nil {
			return done{}, s.loginFailed(err)
		}
		if finished {
			return s.loggedIn(ctx, x.Identity())
		}
		s.out().ContinueSASL(challenge)
		if err := s.out().Flush(); err != nil {
			return done{}, &connError{err}
		}
		if response, err = s.in().ReadSASL(); err != nil {
			return done{}, inTransit(err)
		}
		if response == nil {
			response = []byte{}
		}
	}
}

// errPrivacy refuses to take a password that others can read.
func errPrivacy() error {
	return no(imapwire.CodePrivacyRequired, "a password or token is taken under TLS only")
}

// loginFailed notes a failed login. How long guessing takes is the directory's business.
func (s *session) loginFailed(err error) error {
	if errors.Is(err, sasl.ErrFailed) || errors.Is(err, directory.ErrThrottled) {
		s.conn.Log().Info("login failed", slog.Any("error", err))
		if s.failures++; s.failures >= maxFailures {
			return &imapwire.Error{Status: imapwire.BYE, Code: imapwire.CodeUnavailable, Text: "too many failed logins", Err: err}
		}
	}
	return err
}

// loggedIn opens the account. The capabilities that there are now come with the OK, which spares clients a command.
func (s *session) loggedIn(ctx context.Context, who directory.Identity) (done, error) {
	if err := who.Allows(directory.ScopeIMAP); err != nil {
		return done{}, s.loginFailed(err)
	}
	a, err := s.srv.opts.Store.Account(ctx, who.Account)
	if err != nil {
		return done{}, err
	}
	s.account, s.who, s.exchange = a, who, nil
	s.watch = s.srv.opts.Auth.Watch(who, s.wake, func() { s.conn.Close() })
	s.visitor = a.View().Visitor()
	s.state = stateAuthenticated
	s.conn.LimitUntil(time.Time{})
	s.conn.AddLog("login", who.Login)
	s.conn.Log().Info("logged in", slog.Bool("tls", s.conn.Secret()))
	s.srv.count.logins.Inc()
	s.noteUse(ctx)
	s.in().SetOptions(s.decoderOptions())
	return done{code: imapwire.CodeCapability(s.capabilities()), text: "logged in"}, nil
}

// noteUse notes this login as its owner will see it, with what the client has said of itself so far.
func (s *session) noteUse(ctx context.Context) {
	u := store.Use{Protocol: store.ProtocolIMAP, Address: s.conn.RemoteIP().String(), Client: s.client, TLS: s.conn.TLSVersion()}
	if err := s.account.NoteUse(ctx, s.who.Device, u); err != nil {
		s.conn.Log().Warn("login not noted", slog.Any("error", err))
	}
}
