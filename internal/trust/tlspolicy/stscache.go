package tlspolicy

import (
	"context"
	"time"

	"restante/internal/base/dns"
)

// STS is what is known of a domain's MTA-STS policy. The zero value is that it has none.
type STS struct {
	Policy Policy
	// ID is the policy's, from the DNS.
	ID string
	// Failed, if set, says what went wrong with a policy that is announced. The Policy is then the one of old, or none.
	Failed *Error
}

// Getter fetches a policy file, https://mta-sts.DOMAIN/.well-known/mta-sts.txt, with a GET that follows no redirects, checks the certificate, and gives up
// when the context ends; it returns at most limit+1 octets of a body with status 200 and media type text/plain (RFC 8461 3.3).
type Getter interface {
	Get(ctx context.Context, url string, limit int) ([]byte, error)
}

// Store keeps policies over restarts, by domain. It is safe for concurrent use.
type Store interface {
	// Policy returns what was put last, nil if there is nothing.
	Policy(ctx context.Context, domain string) ([]byte, error)
	// PutPolicy keeps data until a time; nil data forgets it.
	PutPolicy(ctx context.Context, domain string, data []byte, until time.Time) error
}

// STSOptions are what an STSCache is made with. Resolver and Get must be set.
type STSOptions struct {
	Resolver dns.Resolver
	Get      Getter
	Store    Store            // nil: policies do not outlive the process
	Clock    func() time.Time // must be set
}

// STSCache finds and keeps the MTA-STS policies of other domains. It is safe for concurrent use.
type STSCache struct{ opts STSOptions }

// NewSTSCache returns an empty cache.
func NewSTSCache(opts STSOptions) *STSCache { return &STSCache{opts} }

// Lookup finds the policy of a domain. The error is the context's; what else goes wrong is in STS.Failed.
func (c *STSCache) Lookup(ctx context.Context, domain string) (STS, error) { return STS{}, nil }

// Refresh looks again for the policies that end soon, and forgets those that have ended. It is to be called once a day or more often.
func (c *STSCache) Refresh(ctx context.Context) error { return nil }
