package admind

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"
)

// SigningBackend is what an operator can do with the keys that domains sign with (DKIM).
type SigningBackend interface {
	// SigningKeys yields the keys of a domain, of all when it is empty.
	SigningKeys(ctx context.Context, domain string) iter.Seq2[SigningKey, error]
	// NewSigningKeys makes a pair of keys, which are to be published. Those that were new before go.
	NewSigningKeys(ctx context.Context, domain string) ([]SigningKey, error)
	// UseSigningKeys signs with keys from now on, and returns all that are in use. ErrNotPublished.
	UseSigningKeys(ctx context.Context, u SigningUse) ([]SigningKey, error)
	// LookForSigningKeys signs with the new keys of a domain that are published, where the configuration has the server begin by itself. It returns those
	// that it has begun with now.
	LookForSigningKeys(ctx context.Context, domain string) ([]SigningKey, error)
	// RetireSigningKey signs with a key no more.
	RetireSigningKey(ctx context.Context, domain, selector string) error
	// RemoveSigningKey forgets a key that nobody signs with. ErrUnderWay, unless forced, while mail that it has signed may be under way.
	RemoveSigningKey(ctx context.Context, domain, selector string, force bool) error
}

// Errors of signing.
var (
	ErrNotPublished = errors.New("the key is not published")
	ErrUnderWay     = errors.New("mail that it has signed may be under way")
)

// SigningKey is a key of a domain, without its secret.
type SigningKey struct {
	Domain    string    `json:"domain"`
	Selector  string    `json:"selector"`
	Algorithm string    `json:"algorithm"` // rsa, ed25519
	State     string    `json:"state"`     // next, active, retired
	Created   time.Time `json:"created"`
	Since     time.Time `json:"since"` // when it came into its state
	Name      string    `json:"name"`  // of the TXT record to publish
	Text      string    `json:"text"`  // its text
	// Needed says that the record has to be published now, and not only for what comes or has been.
	Needed bool `json:"needed"`
	// Past says that it was retired so long ago that no mail with it is under way: it can be removed, and its record, too.
	Past bool `json:"past,omitempty"`
}

// SigningUse says which keys of a domain are to be used: those named, or all new ones.
type SigningUse struct {
	Domain    string   `json:"domain"`
	Selectors []string `json:"selectors,omitempty"`
	// Force uses them whether they are published or not.
	Force bool `json:"force,omitempty"`
}

// SigningStatus says whose mail is signed.
type SigningStatus struct {
	Domains int `json:"domains"` // all there are
	Signed  int `json:"signed"`  // those with a key in use
	// Unsigned are some of the domains whose mail is not signed, Old some of those whose keys should be changed.
	Unsigned []string `json:"unsigned,omitempty"`
	Old      []string `json:"old,omitempty"`
}

type signingRequest struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Force    bool   `json:"force,omitempty"`
}

type signingResponse struct {
	Keys []SigningKey `json:"keys"`
}

func signingRoutes(mux *http.ServeMux, b SigningBackend) {
	keys := func(list []SigningKey, err error) (signingResponse, error) { return signingResponse{list}, err }
	stream(mux, "dkim-list", func(ctx context.Context, r domainRequest) iter.Seq2[SigningKey, error] {
		return b.SigningKeys(ctx, r.Domain)
	})
	handle(mux, "dkim-new", func(ctx context.Context, r domainRequest) (signingResponse, error) {
		return keys(b.NewSigningKeys(ctx, r.Domain))
	})
	handle(mux, "dkim-use", func(ctx context.Context, u SigningUse) (signingResponse, error) {
		return keys(b.UseSigningKeys(ctx, u))
	})
	handle(mux, "dkim-look", func(ctx context.Context, r domainRequest) (signingResponse, error) {
		return keys(b.LookForSigningKeys(ctx, r.Domain))
	})
	act(mux, "dkim-retire", func(ctx context.Context, r signingRequest) error {
		return b.RetireSigningKey(ctx, r.Domain, r.Selector)
	})
	act(mux, "dkim-remove", func(ctx context.Context, r signingRequest) error {
		return b.RemoveSigningKey(ctx, r.Domain, r.Selector, r.Force)
	})
}

// SigningKeys implements Backend.
func (c *Client) SigningKeys(ctx context.Context, domain string) iter.Seq2[SigningKey, error] {
	return list[SigningKey](ctx, c, "dkim-list", domainRequest{domain})
}

// NewSigningKeys implements Backend.
func (c *Client) NewSigningKeys(ctx context.Context, domain string) ([]SigningKey, error) {
	r, err := call[signingResponse](ctx, c, "dkim-new", domainRequest{domain})
	return r.Keys, err
}

// UseSigningKeys implements Backend.
func (c *Client) UseSigningKeys(ctx context.Context, u SigningUse) ([]SigningKey, error) {
	r, err := call[signingResponse](ctx, c, "dkim-use", u)
	return r.Keys, err
}

// LookForSigningKeys implements Backend.
func (c *Client) LookForSigningKeys(ctx context.Context, domain string) ([]SigningKey, error) {
	r, err := call[signingResponse](ctx, c, "dkim-look", domainRequest{domain})
	return r.Keys, err
}

// RetireSigningKey implements Backend.
func (c *Client) RetireSigningKey(ctx context.Context, domain, selector string) error {
	return c.do(ctx, "dkim-retire", signingRequest{Domain: domain, Selector: selector})
}

// RemoveSigningKey implements Backend.
func (c *Client) RemoveSigningKey(ctx context.Context, domain, selector string, force bool) error {
	return c.do(ctx, "dkim-remove", signingRequest{domain, selector, force})
}
