package relay

import (
	"context"
	"fmt"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
)

// Directory says which domains are ours.
type Directory interface {
	Hosts(ctx context.Context, d addr.Domain) (bool, error)
}

// Router says which way mail goes: to mailboxes here for the domains that are ours, wherever the DNS says that they are; by the transport of a
// domain; by the default; and otherwise to the domain's own hosts. It is safe for concurrent use.
type Router struct {
	Directory Directory // required
	// Here is the way of mail for the domains that are ours.
	Here queue.Way
	// Transports are the ways of domains, and of all below one: "example.org", ".example.org". The longest counts. A Way without Next is to the domain's own hosts.
	Transports map[string]queue.Way
	// Default is the way of all others; without Next, as in Transports.
	Default queue.Way
}

var _ queue.Router = (*Router)(nil)

// Route implements queue.Router.
func (r *Router) Route(ctx context.Context, to addr.Address) (queue.Way, error) {
	if to.Domain == "" { // <Postmaster>
		return r.Here, nil
	}
	ours, err := r.Directory.Hosts(ctx, to.Domain)
	if err != nil {
		return queue.Way{}, fmt.Errorf("whether %s is here: %w", to.Domain, err)
	}
	if ours {
		return r.Here, nil
	}
	if way := r.transport(string(to.Domain)); way.Next != "" {
		return way, nil
	}
	return queue.Way{Carrier: MX, Next: string(to.Domain)}, nil
}

func (r *Router) transport(domain string) queue.Way {
	if way, ok := r.Transports[domain]; ok {
		return way
	}
	for i := range len(domain) {
		if domain[i] == '.' {
			if way, ok := r.Transports[domain[i:]]; ok {
				return way
			}
		}
	}
	return r.Default
}
