package admind

import (
	"context"
	"iter"
	"net/http"

	"restante/internal/directory"
)

// RulesBackend is what an operator can say for domains and for mailboxes.
type RulesBackend interface {
	// Domain returns a domain with its rules and what it holds.
	Domain(ctx context.Context, name string) (DomainDetail, error)
	SetDomainQuota(ctx context.Context, q DomainQuota) error
	// SetRetention says how long messages stay in a mailbox.
	SetRetention(ctx context.Context, r RetentionChange) error
	// Retains yields what would leave a mailbox, and when, if the retention were so: a dry run.
	Retains(ctx context.Context, r RetentionChange) iter.Seq2[Release, error]
}

// DomainDetail is a domain with what it holds.
type DomainDetail struct {
	directory.Domain
	Accounts int              `json:"accounts"`
	Used     directory.Limits `json:"used"` // by all of its accounts together
}

// DomainQuota says how much a domain may keep; what is nil stays as it is.
type DomainQuota struct {
	Domain string `json:"domain"`
	// Each is for an account that has no quota of its own, Total for all of them together.
	Each  *directory.Limits `json:"each,omitempty"`
	Total *directory.Limits `json:"total,omitempty"`
	// Reset forgets Each first: the server's default holds.
	Reset bool `json:"reset,omitempty"`
}

// RetentionChange says how long messages are to stay in a mailbox.
type RetentionChange struct {
	Address string `json:"address"`
	Mailbox string `json:"mailbox"`
	// Stay is "forever", "14d", "14d flagged", or "default" for what the domain or the server says; "" is what holds now.
	Stay string `json:"stay,omitempty"`
}

func rulesRoutes(mux *http.ServeMux, b RulesBackend) {
	handle(mux, "domain-show", func(ctx context.Context, r domainRequest) (DomainDetail, error) { return b.Domain(ctx, r.Domain) })
	act(mux, "domain-quota", b.SetDomainQuota)
	act(mux, "mailbox-retention", b.SetRetention)
	stream(mux, "mailbox-retains", b.Retains)
}

// Domain implements Backend.
func (c *Client) Domain(ctx context.Context, name string) (DomainDetail, error) {
	return call[DomainDetail](ctx, c, "domain-show", domainRequest{name})
}

// SetDomainQuota implements Backend.
func (c *Client) SetDomainQuota(ctx context.Context, q DomainQuota) error {
	return c.do(ctx, "domain-quota", q)
}

// SetRetention implements Backend.
func (c *Client) SetRetention(ctx context.Context, r RetentionChange) error {
	return c.do(ctx, "mailbox-retention", r)
}

// Retains implements Backend.
func (c *Client) Retains(ctx context.Context, r RetentionChange) iter.Seq2[Release, error] {
	return list[Release](ctx, c, "mailbox-retains", r)
}
