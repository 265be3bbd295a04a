package admind

import (
	"context"
	"net/http"

	"restante/internal/directory"
)

// ForwardBackend is what an operator can do with mail that goes on to other addresses.
type ForwardBackend interface {
	// Forward returns where an account's mail goes on to.
	Forward(ctx context.Context, address string) (directory.Forward, error)
	// SetForward says where it goes on to, and nowhere else; with only the account keeps no copy.
	SetForward(ctx context.Context, address string, to []string, only bool) error
}

// NewAlias is what a new alias stands for.
type NewAlias struct {
	Targets []string          `json:"targets"`
	Senders directory.Senders `json:"senders,omitempty"`
	// Force lets a catch-all stand for addresses of other hosts.
	Force bool `json:"force,omitempty"`
}

// Requests.
type (
	aliasRequest struct {
		Address string `json:"address"`
		NewAlias
	}
	forwardRequest struct {
		Address string   `json:"address"`
		To      []string `json:"to"`
		Only    bool     `json:"only"`
	}
)

func forwardRoutes(mux *http.ServeMux, b ForwardBackend) {
	handle(mux, "account-forward", func(ctx context.Context, r addressRequest) (directory.Forward, error) {
		return b.Forward(ctx, r.Address)
	})
	act(mux, "account-set-forward", func(ctx context.Context, r forwardRequest) error {
		return b.SetForward(ctx, r.Address, r.To, r.Only)
	})
}

// Forward implements Backend.
func (c *Client) Forward(ctx context.Context, address string) (directory.Forward, error) {
	return call[directory.Forward](ctx, c, "account-forward", addressRequest{address})
}

// SetForward implements Backend.
func (c *Client) SetForward(ctx context.Context, address string, to []string, only bool) error {
	return c.do(ctx, "account-set-forward", forwardRequest{address, to, only})
}
