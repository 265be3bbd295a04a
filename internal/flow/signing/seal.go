package signing

import (
	"context"

	"restante/internal/flow/forward"
	"restante/internal/proto/addr"
	"restante/internal/trust/dkim"
)

var _ forward.Keys = (*Keys)(nil)

// Sealing implements forward.Keys.
func (k *Keys) Sealing(ctx context.Context, domain addr.Domain) (*dkim.Key, error) {
	keys, err := k.signers(ctx, domain)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if keys[i].Algorithm() == dkim.RSA {
			return &keys[i], nil
		}
	}
	return nil, nil
}
