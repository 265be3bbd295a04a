package search

import (
	"context"
	"errors"
	"fmt"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// Verify takes a cheap look at the index: whether each account's manifest can be read, and goes no further than the account does. It reads no
// segments and changes nothing. found is called with what is wrong; searches do without such an index, and the worker makes it anew.
// One that another version has made is not wrong, nor is one of an account that is no more: both are on their way out.
func (x *Index) Verify(ctx context.Context, found func(a store.AccountID, what string)) error {
	var ids []store.AccountID
	err := x.opts.Engine.Scan(ctx, kv.Prefix([]byte{tableManifest}), func(k, _ []byte) (bool, error) {
		if len(k) != len(manifestKey(0)) {
			found(0, fmt.Sprintf("a key of %d octets", len(k)))
			return true, nil
		}
		ids = append(ids, accountOf(k))
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("search: verifying: %w", err)
	}
	for _, id := range ids {
		h, err := x.opts.Store.Account(ctx, id)
		if errors.Is(err, store.ErrNoAccount) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = x.manifest(ctx, x.opts.Engine, h)
		h.Close()
		switch {
		case err == nil || errors.Is(err, errOutdated):
		case errors.Is(err, errCorrupt):
			found(id, err.Error())
		default:
			return err
		}
	}
	return nil
}
