package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"restante/internal/base/dns"
	"restante/internal/proto/smtpwire"
)

// Level is the least protection that a connection must have.
type Level uint8

// The levels, in ascending order.
const (
	None          Level = iota // no TLS, though it be offered
	Opportunistic              // TLS with anybody where it is offered, otherwise in the clear (RFC 7435)
	Encrypt                    // TLS with anybody
	Authenticated              // TLS with the host itself
)

// Wish is what a message says about TLS (RFC 8689).
type Wish uint8

// The wishes.
const (
	Silent   Wish = iota
	Requires      // REQUIRETLS
	Waives        // "TLS-Required: No": rather without protection than not at all
)

// Hop is a host of a domain, before it is connected to.
type Hop struct {
	Domain     string         // the next hop
	Exchangers dns.Exchangers // the domain's
	Host       dns.Addresses  // the one in question
	Port       uint16
	Wish       Wish
}

// Protection is how one host may be used. The zero value is no TLS.
type Protection struct {
	Level Level
	// Config is for the handshake. It checks what Level asks for: a handshake that succeeds satisfies it. Nil is one that checks nothing.
	Config *tls.Config
	// RequireTLS says that the host must offer REQUIRETLS (RFC 8689 4.2.1).
	RequireTLS bool
	// Reasons say in plain words where the level comes from.
	Reasons []string
	// Done is told how it went: state is nil without TLS, err why it failed. Nil: nobody counts.
	Done func(state *tls.ConnectionState, err error)
}

// Policy says how well connections must be protected. It is safe for concurrent use.
type Policy interface {
	// Protect says how a host may be used. An error says that it must not be used now; a *queue.PermanentError that it makes no sense to try
	// again.
	Protect(ctx context.Context, hop Hop) (Protection, error)
}

// anybody is the policy of no policy.
type anybody struct{}

func (anybody) Protect(_ context.Context, hop Hop) (Protection, error) {
	if hop.Wish == Requires {
		return Protection{}, errNoPromise
	}
	return Protection{Level: Opportunistic}, nil
}

var errNoPromise = permanent(7, 10, "the sender requires TLS, and the host cannot be authenticated")

// opportune is the configuration that checks nothing. Old versions are better than none, and that is the alternative (RFC 7435 3).
func opportune(name string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
}

// describe says in plain words how a connection is protected.
func describe(p *Protection, state *tls.ConnectionState) string {
	if state == nil {
		return "without TLS"
	}
	s := fmt.Sprintf("%s %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	if p.Level == Authenticated {
		return s + ", the host is authenticated"
	}
	return s + ", the host's certificate does not matter"
}

// tlsError is a failure to protect a connection.
type tlsError struct {
	err      error
	injected bool
}

func (e *tlsError) Error() string { return "TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// errNoStartTLS says that a host does not do what its policy asks for.
var errNoStartTLS = errors.New("the host does not offer STARTTLS, which its policy asks for")

// refusedTLS is a host's no to STARTTLS.
func refusedTLS(r smtpwire.Reply) error { return fmt.Errorf("STARTTLS was refused: %w", r) }
