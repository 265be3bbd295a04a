// Package sasl holds the authentication mechanisms of RFC 4422 that all the
// protocols share: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login) and
// SCRAM with SHA-256 and SHA-1, with and without channel binding (RFC 5802,
// 7677, 5929, 9266); both sides, the client's for tests and proxies.
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
}

// Errors of exchanges. Neither has a text for users.
var (
	// ErrFailed means wrong or unknown credentials.
	ErrFailed = errors.New("sasl: authentication failed")
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
)

// Config is what one connection offers at one moment.
type Config struct {
	Backend Backend
	// Hashes are the SCRAM hashes that the Backend has keys for.
	Hashes []Hash
	// Plaintext allows PLAIN and LOGIN: the connection is secret, or the
	// operator wants it so.
	Plaintext bool
	// Binding returns channel binding data by its type's name, or an error
	// when the connection has none of that type. nil when the connection is
	// not under TLS: no -PLUS is offered.
	Binding func(kind string) ([]byte, error)
	// Nonce, if set, takes the place of randomness. For tests.
	Nonce func() string
}

// Mechanisms are the names to advertise, best first.
func (c *Config) Mechanisms() []string {
	var names []string
	if c.Binding != nil {
		for _, h := range c.Hashes {
			names = append(names, h.mechanism()+"-PLUS")
		}
	}
	for _, h := range c.Hashes {
		names = append(names, h.mechanism())
	}
	if c.Plaintext {
		names = append(names, Plain, Login)
	}
	return names
}

// Start begins an exchange. The name's case does not matter. ErrMechanism for
// one that is not among Mechanisms.
func (c *Config) Start(mechanism string) (Server, error) {
	name := strings.ToUpper(mechanism)
	if !slices.Contains(c.Mechanisms(), name) {
		return nil, ErrMechanism
	}
	switch name {
	case Plain:
		return &plainServer{backend: c.Backend}, nil
	case Login:
		return &loginServer{backend: c.Backend}, nil
	}
	base, plus := strings.CutSuffix(name, "-PLUS")
	h := SHA256
	if base == ScramSHA1 {
		h = SHA1
	}
	return &scramServer{config: *c, hash: h, plus: plus}, nil
}
