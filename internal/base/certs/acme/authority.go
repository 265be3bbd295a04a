package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// Bounds of what is said to an authority, and by it.
const (
	orderTime    = 4 * time.Minute // one order, whole
	requestTime  = 30 * time.Second
	maxResponse  = 1 << 20
	longestRetry = 7 * 24 * time.Hour // what it may have us wait
)

// authority is the one that certificates are had from. Only who holds Keeper.work uses it.
type authority struct {
	opts    *Options
	client  acmez.Client
	http    *bounded
	account acme.Account // with a Location when it is known there
}

func newAuthority(o *Options, a *answers) *authority {
	rt := &bounded{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: requestTime,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
	}}
	return &authority{opts: o, http: rt, client: acmez.Client{
		Client: &acme.Client{
			Directory: o.Account.Directory, UserAgent: o.UserAgent, PollTimeout: orderTime,
			HTTPClient: &http.Client{Transport: rt, Timeout: requestTime},
		},
		ChallengeSolvers: a.solvers(o),
	}}
}

// bounded is a transport that reads no more than maxResponse of an answer, and remembers when it said to come again.
type bounded struct {
	*http.Transport
	retry atomic.Int64 // Unix seconds; 0: nothing was said
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
		b.retry.Store(retryAfter(answer.Header.Get("Retry-After")))
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxResponse), answer.Body}
	return answer, nil
}

// retryAfter reads the field (RFC 9110 10.2.3).
func retryAfter(field string) int64 {
	if at, err := http.ParseTime(field); err == nil {
		return at.Unix()
	}
	if d, err := time.ParseDuration(field + "s"); err == nil && d >= 0 && d < longestRetry {
		return time.Now().Add(d).Unix()
	}
	return 0
}

// restore takes an account that was made before, unless it is bound to another one than is configured now.
func (a *authority) restore(value []byte) error {
	var r accountRow
	if err := json.Unmarshal(value, &r); err != nil {
		return err
	}
	key, err := parseKey(r.Key)
	if err != nil || r.KeyID != a.opts.Account.KeyID {
		return err
	}
	a.account = acme.Account{Status: acme.StatusValid, Location: r.Location, PrivateKey: key}
	return nil
}

// register makes an account where there is none (RFC 8555 7.3). Its key is kept first: an account whose key is lost is lost.
func (a *authority) register(ctx context.Context) error {
	if a.account.Location != "" {
		return nil
	}
	o := &a.opts.Account
	if a.account.PrivateKey == nil {
		key, err := newKey()
		if err != nil {
			return err
		}
		a.account = acme.Account{PrivateKey: key}
		if err := a.keep(ctx); err != nil {
			return err
		}
	}
	account := acme.Account{TermsOfServiceAgreed: true, PrivateKey: a.account.PrivateKey}
	if o.Email != "" {
		account.Contact = []string{"mailto:" + o.Email}
	}
	if o.KeyID != "" {
		if err := account.SetExternalAccountBinding(ctx, a.client.Client, acme.EAB{KeyID: o.KeyID, MACKey: o.MACKey}); err != nil {
			return fmt.Errorf("binding the account: %w", err)
		}
	}
	account, err := a.client.NewAccount(ctx, account)
	if err != nil {
		return fmt.Errorf("making an account: %w", err)
	}
	a.account = account
	return a.keep(ctx)
}

// keep stores the account.
func (a *authority) keep(ctx context.Context) error {
	der, err := x509.MarshalPKCS8PrivateKey(a.account.PrivateKey)
	if err != nil {
		return err
	}
	value, err := json.Marshal(accountRow{Location: a.account.Location, Key: der, KeyID: a.opts.Account.KeyID})
	if err != nil {
		return err
	}
	return a.opts.Storage.Put(ctx, accountPrefix+a.opts.Account.Directory, value)
}

func newKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// identities are the domains that CAA records name the authority by (RFC 8555 9.7.6). An attempt begins with them.
func (a *authority) identities(ctx context.Context) ([]string, error) {
	a.http.retry.Store(0)
	d, err := a.client.GetDirectory(ctx)
	if err != nil || d.Meta == nil {
		return nil, err
	}
	return d.Meta.CAAIdentities, nil
}

// order has a certificate issued. replaces is the one that it takes the place of; nil: the authority is not told. when is what the authority says of
// its renewal, the zero value if it does not.
func (a *authority) order(ctx context.Context, name string, key crypto.Signer, replaces *x509.Certificate) (chain []byte, when renewal, err error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	if err := a.register(ctx); err != nil {
		return nil, when, err
	}
	csr, err := acmez.NewCSR(key, []string{name})
	if err != nil {
		return nil, when, err
	}
	params, err := acmez.OrderParametersFromCSR(a.account, csr)
	if err != nil {
		return nil, when, err
	}
	if d, err := a.client.GetDirectory(ctx); err == nil && d.RenewalInfo != "" {
		params.Replaces = replaces // RFC 9773 5: it counts less against limits
	}
	chains, err := a.client.ObtainCertificate(ctx, params)
	var p acme.Problem
	if errors.As(err, &p) && p.Type == acme.ProblemTypeAccountDoesNotExist {
		a.account.Location = "" // the next attempt makes it again, with the same key
	}
	if err != nil {
		return nil, when, err
	}
	if len(chains) == 0 {
		return nil, when, ErrWrong
	}
	if chains[0].RenewalInfo != nil {
		when = renewalOf(*chains[0].RenewalInfo)
	}
	return chains[0].ChainPEM, when, nil
}

// window asks when a certificate should be renewed (RFC 9773 4.2). ok is false where the authority does not say.
func (a *authority) window(ctx context.Context, cert *x509.Certificate) (w renewal, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	info, err := a.client.GetRenewalInfo(ctx, cert)
	if err != nil {
		return renewal{}, false
	}
	return renewalOf(info), true
}

// renewal is when an authority wants a certificate renewed.
type renewal struct{ from, to, at, again time.Time }

func renewalOf(info acme.RenewalInfo) renewal {
	w := renewal{from: info.SuggestedWindow.Start, to: info.SuggestedWindow.End, at: info.SelectedTime}
	if info.RetryAfter != nil {
		w.again = *info.RetryAfter
	}
	return w
}
