package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// leases give out ids that are unique over restarts: a run of ids is taken in
// one durable commit, and what is left of it at the end is never used.
type leases struct {
	engine kv.Engine
	mu     struct {
		sync.Mutex
		runs map[string]*run
	}
}

type run struct{ next, end uint64 }

// The rows of the counters, and how many ids a lease takes. A run that is
// not used up is lost, so account ids, which have 32 bits, go in small ones.
const (
	rowBlobs      = "blobs"
	rowAccounts   = "accounts"
	blobLease     = 1 << 20
	accountLease  = 16
	leaseAttempts = 10
)

func (l *leases) take(ctx context.Context, row string, size uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.mu.runs[row]
	if r == nil || r.next == r.end {
		var err error
		if r, err = l.renew(ctx, row, size); err != nil {
			return 0, fmt.Errorf("store: lease of %s: %w", row, err)
		}
		if l.mu.runs == nil {
			l.mu.runs = make(map[string]*run)
		}
		l.mu.runs[row] = r
	}
	r.next++
	return r.next - 1, nil
}

func (l *leases) renew(ctx context.Context, row string, size uint64) (*run, error) {
	key := keys.StoreKey(row)
	for range leaseAttempts {
		b := new(kv.Batch)
		next := uint64(1)
		value, err := l.engine.Get(ctx, key)
		switch {
		case isNotFound(err):
			b.RequireAbsent(key)
		case err != nil:
			return nil, err
		default:
			if next, err = keys.DecodeID(value); err != nil {
				return nil, corrupt(row, err)
			}
			b.RequireValue(key, value)
		}
		b.Put(key, keys.EncodeID(next+size))
		err = l.engine.Commit(ctx, b, kv.Durable)
		if err == nil {
			return &run{next, next + size}, nil
		}
		if !errors.Is(err, kv.ErrConflict) {
			return nil, err
		}
	}
	return nil, errRetryConflict
}
