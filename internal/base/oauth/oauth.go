// Package oauth says whom a bearer token of OAuth 2.0 stands for.
//
// # Model
//
// A [Verifier] trusts the issuers that it is made with. A token that is a JWT (RFC 7519, 9068) is checked by the keys that its issuer
// publishes; any other is shown to the issuer (RFC 7662), if it has been given credentials for that. Whichever way, the same is
// asked of what the token claims: that it is for us (the audience), for mail (the scopes), good now, and which login it is for.
//
// # What may go wrong
//
// An issuer is looked up when its first token comes (OpenID Connect Discovery), never at the start: one that is down keeps
// nobody out who logs in otherwise. While it is down its tokens are refused for the time being, with ErrUnavailable.
// Every request has a time limit, an answer a size, and the issuer is asked for keys once in a few seconds at most, however
// many tokens with unknown keys come. Redirects are not followed.
//
// Tokens are never logged and never stored: what introspection has found is remembered for a while under a keyed hash of the token.
//
// It is the one package that imports go-oidc.
package oauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Issuer is an authorization server that is trusted.
type Issuer struct {
	// URL is its issuer identifier, to the letter.
	URL string
	// Audiences are those whom a token may be meant for; one of them must be in its claim "aud".
	Audiences []string
	// Scopes must all be in the token. None: any will do.
	Scopes []string
	// Claim has the login; "" is "email", which must not be an unverified one.
	Claim string
	// ClientID and ClientSecret are what this server asks the issuer with about tokens that are no JWTs; without
	// an id these are refused.
	ClientID, ClientSecret string
	// Introspection is where to ask; "" is where discovery says.
	Introspection string
}

// Options of a Verifier. Issuers are needed.
type Options struct {
	Issuers []Issuer
	// Remember is how long the outcome of an introspection is remembered, if the token is good for that long; 0 is a minute, less
	// than 0 not at all.
	Remember time.Duration

	Transport http.RoundTripper // nil is one of its own
	Clock     func() time.Time  // nil is time.Now
	Log       *slog.Logger      // nil drops it
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	opts    Options
	issuers []*issuer
	known   *memory
	own     *http.Transport // to be closed; nil when it is the caller's
}

// What Verify says.
var (
	// ErrInvalid means a token that opens nothing here.
	ErrInvalid = errors.New("oauth: invalid token")
	// ErrScope means a token that is good, but not for mail.
	ErrScope = errors.New("oauth: insufficient scope")
	// ErrUnavailable means that the issuer could not be asked. It is temporary.
	ErrUnavailable error = temporary("oauth: the issuer cannot be reached")
)

// temporary is an error that may go away by itself.
type temporary string

func (t temporary) Error() string { return string(t) }

// Temporary tells protocols to answer "try again".
func (temporary) Temporary() bool { return true }

// Bounds.
const (
	requestTimeout = 10 * time.Second
	maxAnswer      = 1 << 20 // octets
	maxToken       = 16 << 10
	skew           = time.Minute // that clocks may differ by
)

// New makes a Verifier. It asks nobody anything yet. The caller closes it.
func New(o Options) (*Verifier, error) {
	if o.Remember == 0 {
		o.Remember = time.Minute
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{opts: o, known: newMemory(rand.Text())}
	if o.Transport == nil {
		v.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, MaxConnsPerHost: 16,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: requestTimeout, ResponseHeaderTimeout: requestTimeout,
		}
		o.Transport = v.own
	}
	for _, i := range o.Issuers {
		if err := i.check(); err != nil {
			return nil, fmt.Errorf("oauth: issuer %q: %w", i.URL, err)
		}
		if i.Claim == "" {
			i.Claim = claimEmail
		}
		v.issuers = append(v.issuers, newIssuer(i, o))
	}
	return v, nil
}

// check refuses what would be dangerous, or can never work.
func (i *Issuer) check() error {
	for _, s := range []string{i.URL, i.Introspection} {
		u, err := url.Parse(s)
		switch {
		case s == "" && s != i.URL:
		case err != nil:
			return errors.New("not a URL")
		case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
			return fmt.Errorf("%q is not a URL of scheme, host and path", s)
		case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
			return fmt.Errorf("%q is not https", s) // OpenID Connect Discovery 3
		}
	}
	if len(i.Audiences) == 0 {
		return errors.New("no audience: any token of the issuer's, made for anything, would open mailboxes")
	}
	return nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// Close gives back connections that are kept open. A nil Verifier has none.
func (v *Verifier) Close() {
	if v != nil && v.own != nil {
		v.own.CloseIdleConnections()
	}
}

// Verify says which login a token is for. Errors: ErrInvalid, ErrScope, ErrUnavailable, ctx's.
func (v *Verifier) Verify(ctx context.Context, token string) (login string, err error) {
	if len(token) > maxToken {
		return "", fmt.Errorf("%w: too long", ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*requestTimeout)
	defer cancel()
	if iss, ok := issuerOf(token); ok {
		for _, i := range v.issuers {
			if i.URL == iss {
				c, err := i.jwt(ctx, token)
				if err != nil {
					return "", err
				}
				return i.judge(c, v.opts.Clock())
			}
		}
		return "", fmt.Errorf("%w: of an issuer that is not trusted", ErrInvalid)
	}
	return v.opaque(ctx, token)
}

// issuerOf reads the claim "iss" of a JWT, unchecked: it only says whom to ask.
func issuerOf(token string) (iss string, isJWT bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		Issuer *string `json:"iss"`
	}
	if err != nil || json.Unmarshal(b, &c) != nil || c.Issuer == nil {
		return "", false
	}
	return *c.Issuer, true
}

// opaque asks the issuers about a token that says nothing by itself. The first one that knows it decides.
func (v *Verifier) opaque(ctx context.Context, token string) (login string, err error) {
	now := v.opts.Clock()
	key := v.known.key(token)
	if a, ok := v.known.get(key, now); ok {
		return a.login, a.err
	}
	err = fmt.Errorf("%w: no issuer knows it", ErrInvalid)
	until := now.Add(v.opts.Remember)
	for _, i := range v.issuers {
		if i.ClientID == "" {
			continue
		}
		c, ierr := i.introspect(ctx, token)
		if errors.Is(ierr, ErrInvalid) {
			continue
		}
		if ierr != nil {
			err = ierr // another may know it
			continue
		}
		login, err = i.judge(c, now)
		if exp, ok := c.time("exp"); ok && exp.Before(until) {
			until = exp
		}
		break
	}
	if err == nil || errors.Is(err, ErrInvalid) || errors.Is(err, ErrScope) {
		v.known.put(key, answer{login: login, err: err, until: until}, now)
	}
	return login, err
}
