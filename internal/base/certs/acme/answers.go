package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"restante/internal/base/dns"
)

// answers are what the authority is told when it looks. One order is under way at a time, so they are few.
type answers struct {
	sync.Mutex
	tokens map[string]acme.Challenge        // http-01, by token
	certs  map[string]*tls.Certificate      // tls-alpn-01, by name
	texts  map[string]func(context.Context) // dns-01, by text: what takes it back
}

// Token answers a request by HTTP for a token at a host, below /.well-known/acme-challenge/ (RFC 8555 8.3).
func (k *Keeper) Token(host, token string) (content string, ok bool) {
	k.answers.Lock()
	defer k.answers.Unlock()
	c, ok := k.answers.tokens[token]
	if !ok || !strings.EqualFold(host, c.Identifier.Value) {
		return "", false
	}
	return c.KeyAuthorization, true
}

// Challenge answers a handshake in which the authority looks; nil says that this is none. It is for tls.Config.GetConfigForClient.
func (k *Keeper) Challenge(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	// RFC 8737 3: this protocol and no other.
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != acmez.ACMETLS1Protocol {
		return nil, nil
	}
	k.answers.Lock()
	cert := k.answers.certs[strings.ToLower(hello.ServerName)]
	k.answers.Unlock()
	if cert == nil {
		return nil, errNotAsked
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, // RFC 8737 4
		NextProtos: []string{acmez.ACMETLS1Protocol}, Certificates: []tls.Certificate{*cert},
	}, nil
}

var errNotAsked = errors.New("acme: nobody has asked for a certificate for this name")

// solvers are the ways to answer that can be used.
func (a *answers) solvers(o *Options) map[string]acmez.Solver {
	if o.Zones != nil {
		return map[string]acmez.Solver{acme.ChallengeTypeDNS01: &byZone{a, o}}
	}
	m := make(map[string]acmez.Solver)
	if o.HTTP {
		m[acme.ChallengeTypeHTTP01] = byHTTP{a}
	}
	if o.TLS {
		m[acme.ChallengeTypeTLSALPN01] = byTLS{a}
	}
	return m
}

// byHTTP answers http-01 (RFC 8555 8.3).
type byHTTP struct{ *answers }

var _ acmez.Solver = byHTTP{}

// Present implements acmez.Solver.
func (s byHTTP) Present(_ context.Context, c acme.Challenge) error {
	s.Lock()
	defer s.Unlock()
	if s.tokens == nil {
		s.tokens = make(map[string]acme.Challenge)
	}
	s.tokens[c.Token] = c
	return nil
}

// CleanUp implements acmez.Solver.
func (s byHTTP) CleanUp(_ context.Context, c acme.Challenge) error {
	s.Lock()
	defer s.Unlock()
	delete(s.tokens, c.Token)
	return nil
}

// byTLS answers tls-alpn-01 (RFC 8737).
type byTLS struct{ *answers }

var _ acmez.Solver = byTLS{}

// Present implements acmez.Solver.
func (s byTLS) Present(_ context.Context, c acme.Challenge) error {
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if s.certs == nil {
		s.certs = make(map[string]*tls.Certificate)
	}
	s.certs[c.Identifier.Value] = cert
	return nil
}

// CleanUp implements acmez.Solver.
func (s byTLS) CleanUp(_ context.Context, c acme.Challenge) error {
	s.Lock()
	defer s.Unlock()
	delete(s.certs, c.Identifier.Value)
	return nil
}

// byZone answers dns-01 (RFC 8555 8.4).
type byZone struct {
	*answers
	opts *Options
}

var (
	_ acmez.Solver = (*byZone)(nil)
	_ acmez.Waiter = (*byZone)(nil)
)

// errZone says that the DNS could not be changed, or asked what to change.
var errZone = errors.New("the name cannot be proved in the DNS")

// Present implements acmez.Solver. The name may be an alias that leads to a zone that can be changed.
func (s *byZone) Present(ctx context.Context, c acme.Challenge) error {
	if err := s.add(ctx, c); err != nil {
		return fmt.Errorf("%w: %w", errZone, err)
	}
	return nil
}

func (s *byZone) add(ctx context.Context, c acme.Challenge) error {
	name, text := c.DNS01TXTRecordName(), c.DNS01KeyAuthorization()
	found, err := s.opts.Resolver.Query(ctx, name, dns.TXT)
	if err != nil && !dns.Absent(err) {
		return err
	}
	if found.Name != "" {
		name = found.Name
	}
	zone, err := dns.ZoneOf(ctx, s.opts.Resolver, name)
	if err != nil {
		return err
	}
	if err := s.opts.Zones.AddText(ctx, zone, name, text); err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if s.texts == nil {
		s.texts = make(map[string]func(context.Context))
	}
	s.texts[text] = func(ctx context.Context) {
		if err := s.opts.Zones.RemoveText(ctx, zone, name, text); err != nil {
			s.opts.Log.Warn("a record that proved a name to the authority stays in the DNS", "name", name, "error", err)
		}
	}
	return nil
}

// Wait implements acmez.Waiter.
func (s *byZone) Wait(ctx context.Context, _ acme.Challenge) error {
	timer := time.NewTimer(s.opts.Settle)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CleanUp implements acmez.Solver.
func (s *byZone) CleanUp(ctx context.Context, c acme.Challenge) error {
	text := c.DNS01KeyAuthorization()
	s.Lock()
	back := s.texts[text]
	delete(s.texts, text)
	s.Unlock()
	if back != nil {
		back(context.WithoutCancel(ctx)) // bounded by itself
	}
	return nil
}
