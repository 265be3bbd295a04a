package admind

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// SuppressionBackend is what an operator can do with addresses that do not exist, as their hosts have said, and that accounts therefore cannot write to.
type SuppressionBackend interface {
	// Suppressed yields the addresses that an account cannot write to, by account; of all accounts when it is empty.
	Suppressed(ctx context.Context, account string) iter.Seq2[Suppressed, error]
	// Unsuppress lets an account, or all when it is empty, write to an address again, and returns how many could not.
	Unsuppress(ctx context.Context, account, to string) (int, error)
}

// Suppressed is an address that an account cannot write to.
type Suppressed struct {
	Account string    `json:"account"`
	To      string    `json:"to"`
	Times   int       `json:"times"` // it has failed
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Until   time.Time `json:"until"` // it may be tried again
	Said    string    `json:"said"`  // the last word of its host
}

type unsuppressRequest struct {
	Account string `json:"account,omitempty"`
	To      string `json:"to"`
}

func suppressedRoutes(mux *http.ServeMux, b SuppressionBackend) {
	stream(mux, "suppressed-list", func(ctx context.Context, r addressRequest) iter.Seq2[Suppressed, error] {
		return b.Suppressed(ctx, r.Address)
	})
	handle(mux, "suppressed-forget", func(ctx context.Context, r unsuppressRequest) (count, error) {
		n, err := b.Unsuppress(ctx, r.Account, r.To)
		return count{n}, err
	})
}

// Suppressed implements Backend.
func (c *Client) Suppressed(ctx context.Context, account string) iter.Seq2[Suppressed, error] {
	return list[Suppressed](ctx, c, "suppressed-list", addressRequest{account})
}

// Unsuppress implements Backend.
func (c *Client) Unsuppress(ctx context.Context, account, to string) (int, error) {
	n, err := call[count](ctx, c, "suppressed-forget", unsuppressRequest{account, to})
	return n.Count, err
}
