package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
)

// issuer is an Issuer and what was found out about it.
type issuer struct {
	Issuer
	client *http.Client
	clock  func() time.Time
	log    *slog.Logger

	looking singleflight.Group
	mu      struct {
		sync.Mutex
		found *found
		tried time.Time // the last time that looking it up failed
	}
}

// found is what discovery says.
type found struct {
	at            time.Time
	keys          oidc.KeySet
	introspection string
}

// Times of discovery.
const (
	lookAgain = 24 * time.Hour   // what was found is looked up anew; if that fails, it stays
	notBefore = 10 * time.Second // after a failure
	sparing   = 5 * time.Second  // between two requests for the same document
)

func newIssuer(i Issuer, o Options) *issuer {
	return &issuer{
		Issuer: i, clock: o.Clock, log: o.Log,
		client: &http.Client{
			Transport:     &careful{next: o.Transport, clock: o.Clock},
			Timeout:       requestTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// look finds out where the issuer's keys are, if that is not known.
func (i *issuer) look(ctx context.Context) (*found, error) {
	i.mu.Lock()
	f, tried, now := i.mu.found, i.mu.tried, i.clock()
	i.mu.Unlock()
	switch {
	case f != nil && (now.Sub(f.at) < lookAgain || now.Sub(tried) < notBefore):
		return f, nil
	case f == nil && now.Sub(tried) < notBefore:
		return nil, ErrUnavailable
	}
	// Whoever waits may give up; the lookup goes on for the others, within the client's time limit.
	done := i.looking.DoChan("", func() (any, error) { return i.discover(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case r := <-done:
		if r.Err != nil && f != nil {
			return f, nil
		}
		if r.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, r.Err)
		}
		return r.Val.(*found), nil
	}
}

// discover is OpenID Connect Discovery 4.
func (i *issuer) discover(ctx context.Context) (*found, error) {
	ctx = oidc.ClientContext(ctx, i.client)
	p, err := oidc.NewProvider(ctx, i.URL)
	var more struct {
		Keys          string `json:"jwks_uri"`
		Introspection string `json:"introspection_endpoint"` // RFC 8414 2
	}
	if err == nil {
		err = p.Claims(&more)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		i.mu.tried = i.clock()
		i.log.Warn("issuer of tokens not looked up", "issuer", i.URL, "error", err)
		return nil, err
	}
	f := &found{at: i.clock(), keys: oidc.NewRemoteKeySet(ctx, more.Keys), introspection: more.Introspection}
	if i.Introspection != "" {
		f.introspection = i.Introspection
	}
	i.mu.found = f
	return f, nil
}

// jwt checks a token's signature and issuer, and returns what it claims. What that is worth is judge's to say.
func (i *issuer) jwt(ctx context.Context, token string) (claims, error) {
	f, err := i.look(ctx)
	if err != nil {
		return nil, err
	}
	keys := keys{KeySet: f.keys}
	verifier := oidc.NewVerifier(i.URL, &keys, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, // judge does both, with our own clock and audiences
		// RFC 8725 3.1: no algorithm whose key is the issuer's secret, and not "none".
		SupportedSigningAlgs: []string{
			oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
		},
	})
	verified, err := verifier.Verify(ctx, token)
	var network *url.Error
	switch {
	case errors.Is(keys.err, errSpared):
		return nil, fmt.Errorf("%w: signed by an unknown key", ErrInvalid)
	case errors.As(keys.err, &network), ctx.Err() != nil:
		i.log.Warn("keys of an issuer not fetched", "issuer", i.URL, "error", keys.err)
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, keys.err)
	case err != nil:
		return nil, fmt.Errorf("%w: it is no token of this issuer's", ErrInvalid) // the library's text may quote it
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return nil, fmt.Errorf("%w: its claims cannot be read", ErrInvalid)
	}
	return c, nil
}

// keys keeps the error of a key set, which the library gives on as text only.
type keys struct {
	oidc.KeySet
	err error
}

// VerifySignature implements oidc.KeySet.
func (k *keys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	b, err := k.KeySet.VerifySignature(ctx, jwt)
	k.err = err
	return b, err
}

// introspect asks the issuer about a token (RFC 7662 2). ErrInvalid when it knows none such.
func (i *issuer) introspect(ctx context.Context, token string) (claims, error) {
	endpoint := i.Introspection
	if endpoint == "" {
		f, err := i.look(ctx)
		if err != nil {
			return nil, err
		}
		if endpoint = f.introspection; endpoint == "" {
			return nil, fmt.Errorf("%w: the issuer has no introspection", ErrInvalid)
		}
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(i.ClientSecret)) // RFC 6749 2.3.1
	c, err := i.ask(req)
	if err != nil {
		i.log.Warn("issuer not asked about a token", "issuer", i.URL, "error", err)
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if c["active"] != true {
		return nil, ErrInvalid
	}
	if iss := c.text("iss"); iss != "" && iss != i.URL {
		return nil, ErrInvalid
	}
	return c, nil
}

// ask sends a request and reads a JSON object.
func (i *issuer) ask(req *http.Request) (c claims, err error) {
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	return c, err
}

// careful is a transport that bounds answers, and how often the same document is fetched.
type careful struct {
	next  http.RoundTripper
	clock func() time.Time
	mu    struct {
		sync.Mutex
		last map[string]fetch // by URL, of which there are few: they come from configuration and discovery
	}
}

// fetch is the last time that a document was asked for.
type fetch struct {
	at  time.Time
	err error // what comes of asking again at once: errSpared, or why the last time failed
}

// errSpared means that a document was fetched a moment ago.
var errSpared = errors.New("oauth: fetched a moment ago")

// RoundTrip implements http.RoundTripper. A server that fails is an error, as one is that cannot be reached.
func (t *careful) RoundTrip(req *http.Request) (*http.Response, error) {
	document := req.URL.String()
	if req.Method != http.MethodGet {
		return t.fetch(req)
	}
	if err := t.spare(document); err != nil {
		return nil, err
	}
	resp, err := t.fetch(req)
	if err != nil {
		t.note(document, err)
	}
	return resp, err
}

func (t *careful) fetch(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		resp.Body.Close()
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// maxDocuments bounds what a careful remembers.
const maxDocuments = 64

// spare says why a document should not be fetched now; if there is no reason, it takes the moment down.
func (t *careful) spare(document string) error {
	t.mu.Lock()
	last, ok := t.mu.last[document]
	t.mu.Unlock()
	if ok && t.clock().Sub(last.at) < sparing {
		return last.err
	}
	t.note(document, errSpared)
	return nil
}

func (t *careful) note(document string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.last == nil || len(t.mu.last) >= maxDocuments {
		t.mu.last = make(map[string]fetch)
	}
	t.mu.last[document] = fetch{t.clock(), err}
}
