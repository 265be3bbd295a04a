package tlspolicy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"restante/internal/base/dns"
)

const (
	// recheck is how long what was found is taken as it is, failures too (RFC 8461 3.3: five minutes or longer).
	recheck = 5 * time.Minute
	// refresh is how old a policy may be before it is fetched again, though its id is the same (RFC 8461 3.3).
	refresh = 24 * time.Hour
	// fetchTime bounds a fetch. RFC 8461 3.3 suggests a minute; a delivery waits for it.
	fetchTime = 30 * time.Second
	// maxDomains and maxOctets bound what is in memory. Whoever is pushed out is read from the store again.
	maxDomains = 20000
	maxOctets  = 16 << 20
)

// STS is what is known of a domain's MTA-STS policy. The zero value is that it has none.
type STS struct {
	Policy Policy
	// ID is the policy's, from the DNS.
	ID string
	// Failed, if set, says what went wrong with a policy that is announced, or was. The Policy is then the one of old, or none.
	Failed *Error
}

// Getter fetches a policy file with a GET over HTTPS that follows no redirects and checks the certificate. It returns the body, of at most limit octets, of an answer with
// status 200 and media type text/plain; what is longer is an error (RFC 8461 3.3). It is safe for concurrent use.
type Getter interface {
	Get(ctx context.Context, url string, limit int) ([]byte, error)
}

// Store keeps policies over restarts, by domain. It is safe for concurrent use.
type Store interface {
	// Policy returns what was put last, nil if there is nothing.
	Policy(ctx context.Context, domain string) ([]byte, error)
	// PutPolicy keeps data, at most 70 KB, until a time; then it may be forgotten.
	PutPolicy(ctx context.Context, domain string, data []byte, until time.Time) error
}

// STSOptions are what an STSCache is made with.
type STSOptions struct {
	Resolver dns.Resolver
	Getter   Getter
	Clock    func() time.Time
	Store    Store // nil: policies do not outlive the process
}

// STSCache finds and keeps the MTA-STS policies of other domains. It is safe for concurrent use.
type STSCache struct {
	opts STSOptions

	mu struct {
		sync.Mutex
		domains map[string]known
		octets  int
		flights map[string]chan struct{} // closed when a look-up that is under way has ended
	}
}

// known is what is known of a domain. Times are zero where nothing of the kind has happened.
type known struct {
	STS
	fetched time.Time // when the policy was
	checked time.Time // when the DNS was asked
}

// end is when the policy is to be forgotten.
func (k known) end() time.Time { return k.fetched.Add(k.Policy.MaxAge) }

func (k known) size() int {
	n := 300
	for _, mx := range k.Policy.MX {
		n += 16 + len(mx)
	}
	return n
}

// NewSTSCache returns an empty cache.
func NewSTSCache(opts STSOptions) *STSCache {
	c := &STSCache{opts: opts}
	c.mu.domains = make(map[string]known)
	c.mu.flights = make(map[string]chan struct{})
	return c
}

// Lookup finds the policy of a domain, A-labels in lower case. The error is the context's; what else goes wrong is in STS.Failed.
func (c *STSCache) Lookup(ctx context.Context, domain string) (STS, error) {
	if !isHostName(domain) {
		return STS{}, nil // an address literal (RFC 8461 3.4)
	}
	for {
		k, wait, ours := c.board(domain)
		if !ours && wait == nil {
			return k.STS, nil
		}
		if ours {
			k, err := c.look(ctx, domain, k)
			c.land(domain, k, err)
			return k.STS, err
		}
		select {
		case <-ctx.Done():
			return STS{}, ctx.Err()
		case <-wait:
		}
	}
}

// board finds what is known and fresh, a look-up to wait for, or makes the caller the one who looks.
func (c *STSCache) board(domain string) (k known, wait chan struct{}, ours bool) {
	now := c.opts.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	k = c.mu.domains[domain]
	if !k.checked.IsZero() && now.Sub(k.checked) < recheck && (k.Policy.Mode == "" || now.Before(k.end())) {
		return k, nil, false
	}
	if wait := c.mu.flights[domain]; wait != nil {
		return k, wait, false
	}
	c.mu.flights[domain] = make(chan struct{})
	return k, nil, true
}

// land ends a look-up.
func (c *STSCache) land(domain string, k known, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.mu.flights[domain])
	delete(c.mu.flights, domain)
	if err != nil {
		return
	}
	c.mu.octets += k.size()
	if old, ok := c.mu.domains[domain]; ok {
		c.mu.octets -= old.size()
	}
	c.mu.domains[domain] = k
	for other, o := range c.mu.domains { // in random order
		if len(c.mu.domains) <= maxDomains && c.mu.octets <= maxOctets {
			break
		}
		if other != domain {
			delete(c.mu.domains, other)
			c.mu.octets -= o.size()
		}
	}
}

// look finds what is there now of a domain of which k is known. The error is the context's.
func (c *STSCache) look(ctx context.Context, domain string, k known) (known, error) {
	now := c.opts.Clock()
	if k.checked.IsZero() {
		k = c.recall(ctx, domain)
	}
	if !now.Before(k.end()) {
		k = known{}
	}
	k.checked, k.Failed = now, nil
	texts, _, err := dns.TXTs(ctx, c.opts.Resolver, "_mta-sts."+domain)
	if ctx.Err() != nil {
		return k, ctx.Err()
	}
	id := ParseSTSRecord(texts)
	switch {
	case err != nil && !dns.Absent(err):
		if k.Policy.Active() {
			k.Failed = stsFailure(FailureSTSFetch, fmt.Errorf("its record cannot be looked up: %w", err))
		}
		return k, nil
	case id == "", id == k.ID && now.Sub(k.fetched) < min(refresh, k.Policy.MaxAge/2):
		return k, nil // That there is no record does not end a policy (RFC 8461 3.1).
	}
	policy, failed := c.fetch(ctx, domain)
	switch {
	case ctx.Err() != nil:
		return k, ctx.Err()
	case failed != nil:
		k.Failed = failed
		return k, nil
	}
	k.Policy, k.ID, k.fetched = policy, id, now
	c.keep(ctx, domain, k)
	return k, nil
}

// fetch gets the policy of a domain.
func (c *STSCache) fetch(ctx context.Context, domain string) (Policy, *Error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	text, err := c.opts.Getter.Get(ctx, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", MaxPolicy)
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return Policy{}, stsFailure(FailureSTSWebPKI, err)
	case err != nil:
		return Policy{}, stsFailure(FailureSTSFetch, err)
	}
	p, err := ParsePolicy(text)
	if err != nil {
		return Policy{}, stsFailure(FailureSTSInvalid, err)
	}
	return p, nil
}

func stsFailure(f FailureType, err error) *Error {
	return &Error{Policy: PolicySTS, Failure: f, Status: statusCrypto, Err: err}
}

// Refresh fetches the policies in use again before they end, and forgets the rest. It is to be called about once an hour (RFC 8461 3.3). The error is
// the context's.
func (c *STSCache) Refresh(ctx context.Context) error {
	now := c.opts.Clock()
	var due []string
	c.mu.Lock()
	for domain, k := range c.mu.domains {
		switch {
		case !now.Before(k.end()) && now.Sub(k.checked) >= recheck:
			delete(c.mu.domains, domain)
			c.mu.octets -= k.size()
		case k.Policy.Mode != "" && now.Sub(k.fetched) >= min(refresh, k.Policy.MaxAge/2):
			due = append(due, domain)
		}
	}
	c.mu.Unlock()
	for _, domain := range due {
		if _, err := c.Lookup(ctx, domain); err != nil {
			return err
		}
	}
	return nil
}
