// Package sasl holds the authentication mechanisms of RFC 4422 that all the
// protocols share: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), SCRAM
// with SHA-256 and SHA-1, with and without channel binding (RFC 5802, 7677,
// 5929, 9266), OAUTHBEARER (RFC 7628) and its elder XOAUTH2, EXTERNAL (RFC 4422
// appendix A) and CRAM-MD5 (RFC 2195); both sides, the client's for tests and proxies.
//
// The mechanisms see octets; base64, continuation lines, the empty initial
// response ("=") and cancellation ("*") are the protocol's. Who may log in is
// the [Backend]'s to say; it is called in the middle of an exchange, so it is
// made for one connection and may hold that connection's context.
//
// SCRAM is our own rather than xdg-go/scram's (which the tests hold it
// against), because an account has one SCRAM key for each of its devices'
// passwords, and the exchange finds out which one the client knows.
//
// The package does no I/O but for reading randomness.
package sasl

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Server is the server's side of one exchange. It is not safe for concurrent
// use, and good for one exchange only.
type Server interface {
	// Next takes the client's response and returns the next challenge. The
	// first call takes the initial response, nil when there was none (an
	// empty one is not nil). When done is true and err is nil the Backend
	// has accepted the client and challenge is nil: additional data with
	// success (RFC 4422 3.6) is sent as one more challenge, as IMAP, POP3
	// and SMTP need it.
	//
	// Errors are ErrMalformed and ErrFailed, by errors.Is, or the Backend's.
	Next(response []byte) (challenge []byte, done bool, err error)
}

// Client is the client's side of one exchange.
type Client interface {
	// Next returns the response to a challenge. The first call, with a nil
	// challenge, returns the initial response, nil when the mechanism has
	// none.
	Next(challenge []byte) (response []byte, err error)
}

// Backend decides who may log in. Names and passwords come prepared by Prep.
// A method that refuses returns ErrFailed, perhaps wrapped; any other error
// means that it could not decide.
type Backend interface {
	// Password checks that password is authcid's, and that authcid may act
	// as authzid; "" means as itself.
	Password(authzid, authcid, password string) error
	// Keys returns what SCRAM needs of authcid. For an unknown one it
	// returns FakeKeys and no error, so that the exchange fails where it
	// would with a wrong password.
	Keys(authcid string, h Hash) (Keys, error)
	// Proved tells that the client knows the password behind the key-th of
	// the Keys, and asks whether authcid may act as authzid.
	Proved(authzid, authcid string, h Hash, key int) error
	// Token checks a bearer token of OAuth, and that whom it stands for may act
	// as user; "" means as itself. ErrScope for one that is good for other things.
	Token(user, token string) error
	// External asks whether a client whose certificate has shown these names
	// (see Config.Names) may act as authzid; "" leaves it to the backend who that is.
	External(authzid string, names []string) error
	// Digest checks CRAM-MD5's answer to a challenge; see CramKey.
	Digest(authcid, challenge string, digest []byte) error
}

// Errors of exchanges. Neither has a text for users.
var (
	// ErrFailed means wrong or unknown credentials.
	ErrFailed = errors.New("sasl: authentication failed")
	// ErrScope means a token that is good, but not for mail. It is ErrFailed too.
	ErrScope = fmt.Errorf("sasl: the token's scope does not do: %w", ErrFailed)
	// ErrMalformed means that the client broke the mechanism's grammar.
	ErrMalformed = errors.New("sasl: malformed response")
	// ErrMechanism means that the mechanism is not offered.
	ErrMechanism = errors.New("sasl: no such mechanism")
)

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// Names of mechanisms.
const (
	Plain           = "PLAIN"
	Login           = "LOGIN"
	ScramSHA1       = "SCRAM-SHA-1"
	ScramSHA1Plus   = "SCRAM-SHA-1-PLUS"
	ScramSHA256     = "SCRAM-SHA-256"
	ScramSHA256Plus = "SCRAM-SHA-256-PLUS"
	OAuthBearer     = "OAUTHBEARER"
	XOAuth2         = "XOAUTH2"
	External        = "EXTERNAL"
	CramMD5         = "CRAM-MD5"
)

// Offer is what an installation offers, whatever the connection.
type Offer struct {
	// Mechanisms are names as above, in any order, without those on -PLUS, which come
	// with their bases.
	Mechanisms []string
	// Host stands in CRAM-MD5's challenge; "" is "localhost".
	Host string
	// Scope and Configuration are what a client with a bad token is told, where it
	// gets a better one (RFC 7628 3.2.2); either may be empty.
	Scope         string
	Configuration string // URL of an OpenID Provider Configuration Document
}

// Has says whether a mechanism, on -PLUS or not, is in the offer.
func (o *Offer) Has(mechanism string) bool {
	return slices.Contains(o.Mechanisms, strings.TrimSuffix(mechanism, "-PLUS"))
}

// Config is what one connection offers at one moment.
type Config struct {
	Backend Backend
	Offer   Offer
	// Plaintext allows mechanisms that show a secret as it is, PLAIN, LOGIN and the
	// tokens: the connection is secret, or the operator wants it so.
	Plaintext bool
	// Binding returns channel binding data by its type's name, or an error
	// when the connection has none of that type. nil when the connection is
	// not under TLS: no -PLUS is offered.
	Binding func(kind string) ([]byte, error)
	// Names are what a verified certificate of the client's says who it is:
	// e-mail addresses, and "sha256:" with the certificate's fingerprint in hex.
	// Without any, there is no EXTERNAL.
	Names []string
	// Nonce, if set, takes the place of randomness. For tests.
	Nonce func() string
}

// mechanism is a row of the table of all that there are.
type mechanism struct {
	name  string
	can   func(*Config) bool // whether this connection can have it
	start func(*Config) Server
}

// table is every mechanism, best first.
func table() []mechanism {
	always := func(*Config) bool { return true }
	bound := func(c *Config) bool { return c.Binding != nil }
	secret := func(c *Config) bool { return c.Plaintext }
	scram := func(h Hash, plus bool) func(*Config) Server {
		return func(c *Config) Server { return &scramServer{config: *c, hash: h, plus: plus} }
	}
	return []mechanism{
		{External, func(c *Config) bool { return len(c.Names) > 0 }, func(c *Config) Server { return &externalServer{config: c} }},
		{ScramSHA256Plus, bound, scram(SHA256, true)},
		{ScramSHA1Plus, bound, scram(SHA1, true)},
		{ScramSHA256, always, scram(SHA256, false)},
		{ScramSHA1, always, scram(SHA1, false)},
		{OAuthBearer, secret, func(c *Config) Server { return &bearerServer{config: c, parse: parseBearer, dummy: "\x01"} }},
		{XOAuth2, secret, func(c *Config) Server { return &bearerServer{config: c, parse: parseXOAuth2} }},
		{Plain, secret, func(c *Config) Server { return &plainServer{backend: c.Backend} }},
		{Login, secret, func(c *Config) Server { return &loginServer{backend: c.Backend} }},
		{CramMD5, always, func(c *Config) Server { return &cramServer{config: c} }},
	}
}

// Known says whether there is a mechanism of that name.
func Known(name string) bool {
	return slices.ContainsFunc(table(), func(m mechanism) bool { return m.name == name })
}

// Mechanisms are the names to advertise, best first.
func (c *Config) Mechanisms() []string {
	var names []string
	for _, m := range table() {
		if c.Offer.Has(m.name) && m.can(c) {
			names = append(names, m.name)
		}
	}
	return names
}

// NeedsSecrecy says whether a mechanism is offered, but not here, where others could read along.
func (c *Config) NeedsSecrecy(name string) bool {
	open := *c
	open.Plaintext = true
	name = strings.ToUpper(name)
	return !slices.Contains(c.Mechanisms(), name) && slices.Contains(open.Mechanisms(), name)
}

// Start begins an exchange. The name's case does not matter. ErrMechanism for
// one that is not among Mechanisms.
func (c *Config) Start(name string) (Server, error) {
	name = strings.ToUpper(name)
	for _, m := range table() {
		if m.name == name && c.Offer.Has(name) && m.can(c) {
			own := *c
			return m.start(&own), nil
		}
	}
	return nil, ErrMechanism
}

// nonce is a new random word.
func (c *Config) nonce() string {
	if c.Nonce != nil {
		return c.Nonce()
	}
	return rand.Text()
}
