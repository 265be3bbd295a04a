package smtpd

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/sasl"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
	"restante/internal/store"
)

// Login is what smtpd asks about those who log in.
type Login interface {
	Exchange(ctx context.Context, peer netip.Addr) *directory.Exchange
	Offer() sasl.Offer
	Valid(ctx context.Context, id directory.Identity) error
	Watch(id directory.Identity, wake, cut func()) *directory.Watch
	// NoteUse notes a login for its owner to see.
	NoteUse(ctx context.Context, id directory.Identity, u store.Use) error
}

// maxFailures is how many failed logins a session has.
const maxFailures = 3

// saslConfig is what AUTH offers now.
func (x *session) saslConfig() *sasl.Config {
	c := &sasl.Config{Offer: x.opts.Login.Offer(), Plaintext: x.opts.Cleartext || x.c.Secret()}
	if x.c.TLS() != nil {
		c.Binding, c.Names = x.c.ChannelBinding, x.c.ClientNames()
	}
	return c
}

// auth runs AUTH (RFC 4954 4):
//
//	auth-command = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) CRLF
func (x *session) auth(ctx context.Context, arg string) {
	switch {
	case x.opts.Login == nil: // RFC 5321 4.2.4
		x.refuseWith(reply(502, 5, 5, 1, "authentication is not offered here"))
		return
	case !x.extended:
		x.refuseWith(badSequence("say EHLO first"))
		return
	case x.identity.Account != 0: // RFC 4954 4
		x.refuseWith(badSequence("already logged in"))
		return
	case x.tx != nil:
		x.refuseWith(badSequence("not during a mail transaction"))
		return
	}
	name, initial, err := smtpwire.ParseAuth(arg)
	if err != nil {
		x.refuse(err)
		return
	}
	// The exchange ends with the command, so that an unproved one is counted.
	exchangeCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	exchange := x.opts.Login.Exchange(exchangeCtx, x.c.RemoteIP())
	config := x.saslConfig()
	config.Backend = exchange
	server, err := config.Start(name)
	if err != nil {
		if config.NeedsSecrecy(name) {
			x.refuseWith(reply(538, 5, 7, 11, "not without TLS: use STARTTLS first")) // RFC 4954 6
		} else {
			x.refuseWith(reply(504, 5, 5, 4, "no such mechanism"))
		}
		return
	}
	err = x.converse(server, initial)
	id := exchange.Identity()
	if err == nil {
		err = id.Allows(directory.ScopeSubmission)
	}
	if err != nil {
		x.loginFailed(err)
		return
	}
	x.loggedIn(ctx, id, name)
}

// errCancelled is a client that has changed its mind (RFC 4954 4).
var errCancelled = errors.New("authentication cancelled")

// converse runs the exchange.
func (x *session) converse(server sasl.Server, initial string) error {
	var response []byte
	var err error
	switch initial {
	case "":
	case "=": // RFC 4954 4: an empty one
		response = []byte{}
	default:
		if response, err = base64.StdEncoding.DecodeString(initial); err != nil {
			return sasl.ErrMalformed
		}
	}
	for {
		challenge, done, err := server.Next(response)
		if err != nil || done {
			return err
		}
		x.reply(smtpwire.Reply{Code: 334, Text: base64.StdEncoding.EncodeToString(challenge)})
		if err := x.c.Flush(); err != nil {
			return connError{err}
		}
		x.c.LimitUntil(time.Now().Add(x.opts.IdleTimeout))
		line, err := smtpwire.ReadLine(x.c.Reader(), smtpwire.MaxAuthLine)
		x.c.LimitUntil(time.Time{})
		if err != nil {
			return connError{err}
		}
		if x.c.Tracing() {
			x.c.TraceIn(listen.Masked)
		}
		if string(line) == "*" {
			return errCancelled
		}
		if response, err = base64.StdEncoding.DecodeString(string(line)); err != nil {
			return sasl.ErrMalformed
		}
	}
}

// connError marks what broke the connection in an exchange.
type connError struct{ error }

func (e connError) Unwrap() error { return e.error }

// loginFailed answers a login that failed. The text does not say whether there is such a name.
func (x *session) loginFailed(err error) {
	var broken connError
	if errors.As(err, &broken) {
		x.lost(broken.error, errIdle)
		return
	}
	answer := x.replyTo(err)
	if errors.Is(err, errCancelled) || errors.Is(err, sasl.ErrMalformed) {
		x.refuseWith(answer) // no guess at a password
		return
	}
	if x.failures++; x.failures >= maxFailures {
		x.reply(answer)
		x.end(errTooManyErrors)
		return
	}
	x.refuseWith(answer)
}

func (x *session) loggedIn(ctx context.Context, id directory.Identity, mechanism string) {
	x.identity = id
	x.watch = x.opts.Login.Watch(id, x.wake, func() { x.c.Close() })
	use := store.Use{Protocol: store.ProtocolSMTP, Client: x.hello, Address: x.c.RemoteIP().String(), TLS: x.c.TLSVersion()}
	if err := x.opts.Login.NoteUse(ctx, id, use); err != nil {
		x.c.Log().Warn("login not noted", "error", err)
	}
	x.c.AddLog("login", id.Login)
	x.c.Log().Info("logged in", "mechanism", mechanism, "tls", x.c.Secret())
	x.reply(reply(235, 2, 7, 0, "welcome"))
}

// wake has the session see whether its login still holds. Any goroutine may call it, even under a lock.
func (x *session) wake() {
	x.revoked.Store(true)
	x.c.Interrupt()
}

// stillIn ends the session if what it was opened with opens nothing any more.
func (x *session) stillIn(ctx context.Context) {
	if !x.revoked.Swap(false) || x.closing {
		return
	}
	err := x.opts.Login.Valid(ctx, x.identity)
	if errors.Is(err, directory.ErrRevoked) || errors.Is(err, directory.ErrDisabled) || errors.Is(err, directory.ErrUnknownUser) {
		x.reset()
		x.end(errLoggedOut)
	}
}
