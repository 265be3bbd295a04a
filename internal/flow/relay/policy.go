package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"restante/internal/proto/smtpwire"
	"restante/internal/trust/tlspolicy"
)

// STS finds the MTA-STS policies of domains. *tlspolicy.STSCache is one.
type STS interface {
	Lookup(ctx context.Context, domain string) (tlspolicy.STS, error)
}

// decide finds out what is promised for a host, and decides how it may be used. The error is the context's.
func (s *search) decide(ctx context.Context, t *target) (tlspolicy.Decision, error) {
	o, hop := &s.r.opts, t.hop
	hop.Sender = s.sender
	switch {
	case t.host != nil:
		hop.Rule = t.host.rule()
	case o.Rule != nil:
		hop.Rule = o.Rule(hop.Domain)
	}
	if hop.Host.Host != "" && (hop.Rule == nil || hop.Rule.Level > tlspolicy.Opportunistic) {
		hop.DANE = tlspolicy.LookupDANE(ctx, o.Resolver, hop.Host, t.port, hop.Exchangers == nil || hop.Exchangers.Authentic)
		if o.STS != nil && t.host == nil {
			var err error
			if hop.STS, err = o.STS.Lookup(ctx, hop.Domain); err != nil {
				return tlspolicy.Decision{}, err
			}
		}
	}
	d := tlspolicy.Decide(hop)
	if s.sender != tlspolicy.SenderSilent || d.Refused == nil && d.Level <= tlspolicy.Opportunistic || !waives(s.a.Text) {
		return d, nil
	}
	s.sender, hop.Sender = tlspolicy.SenderWaives, tlspolicy.SenderWaives
	return tlspolicy.Decide(hop), nil
}

// tell hands over what TLS reports count. conn may be nil.
func (r *Relay) tell(d *tlspolicy.Decision, conn net.Conn, state *tls.ConnectionState, err error) {
	if r.opts.Results == nil {
		return
	}
	list := d.Results(state, err, r.opts.Roots, r.opts.Clock())
	for i := range list {
		if conn != nil {
			list[i].From, list[i].To = end(conn.LocalAddr()), end(conn.RemoteAddr())
		}
	}
	if len(list) > 0 {
		r.opts.Results(list)
	}
}

// end is the address of a connection's end.
func end(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "" // a pipe, in tests
	}
	return at.Addr().Unmap().String()
}

// describe says in plain words how a connection is protected.
func describe(d *tlspolicy.Decision, state *tls.ConnectionState) string {
	if state == nil {
		return "without TLS"
	}
	s := fmt.Sprintf("%s %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	if d.Level == tlspolicy.Authenticated {
		return s + ", the host is authenticated"
	}
	return s + ", the host's certificate does not matter"
}

// tlsError is a failure to protect a connection.
type tlsError struct {
	cause    *tlspolicy.Error
	injected bool
}

func (e *tlsError) Error() string { return e.cause.Error() }
func (e *tlsError) Unwrap() error { return e.cause }

// brokenTLS is a handshake that has failed.
func brokenTLS(d *tlspolicy.Decision, err error) error {
	var e *tlspolicy.Error
	if !errors.As(err, &e) {
		if text, ok := strings.CutPrefix(err.Error(), "tls: "); ok {
			err = &plainError{text, err}
		}
		e = d.Fail(tlspolicy.FailureValidation, err)
	}
	return &tlsError{cause: e, injected: errors.Is(err, smtpwire.ErrInjected)}
}

// noTLS is a host that does not offer STARTTLS or refuses it.
func noTLS(d *tlspolicy.Decision, err error) error {
	return &tlsError{cause: d.Fail(tlspolicy.FailureStartTLS, err)}
}

var errNoStartTLS = errors.New("the host does not offer STARTTLS, which its policy asks for")

// refusedTLS is a host's no to STARTTLS.
func refusedTLS(r smtpwire.Reply) error { return fmt.Errorf("STARTTLS was refused: %w", r) }
