package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"restante/internal/store"
	"restante/internal/trust/tlspolicy"
)

// Bounds of Policies. A policy of the world has some 200 octets.
const (
	maxPolicies     = 50_000
	maxPolicyOctets = 64 << 20
)

// Policies keep the MTA-STS policies of other domains in the store until they end, so that a restart forgets no promise (RFC 8461 5.1). When there
// are too many, those that end first go. It is safe for concurrent use.
type Policies struct {
	store *store.Store
	clock func() time.Time

	mu struct {
		sync.Mutex
		counted       bool
		rows, octets  int // at most: what was written anew is counted twice until the next sweep
		rowsMax, size int
	}
}

var _ tlspolicy.Store = (*Policies)(nil)

// NewPolicies returns the policies in a store.
func NewPolicies(s *store.Store, clock func() time.Time) *Policies {
	p := &Policies{store: s, clock: clock}
	p.mu.rowsMax, p.mu.size = maxPolicies, maxPolicyOctets
	return p
}

// A row of store.SendingRows is "sts/DOMAIN": the second when it ends, in eight octets, and what tlspolicy wants kept.
const policyRows = "sts/"

// Policy implements tlspolicy.Store.
func (p *Policies) Policy(ctx context.Context, domain string) ([]byte, error) {
	b, err := p.store.Row(ctx, store.SendingRows, policyRows+domain)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return nil, nil
	case err != nil:
		return nil, err
	}
	end, data := policyRow(b)
	if !p.clock().Before(end) {
		return nil, nil
	}
	return data, nil
}

func policyRow(b []byte) (end time.Time, data []byte) {
	if len(b) < 8 {
		return time.Time{}, nil
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0), b[8:]
}

// PutPolicy implements tlspolicy.Store. It is durable: what has been promised once is held to after a power cut, too.
func (p *Policies) PutPolicy(ctx context.Context, domain string, data []byte, until time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.counted || p.mu.rows >= p.mu.rowsMax || p.mu.octets+len(data) > p.mu.size {
		if err := p.sweep(ctx, len(data)); err != nil {
			return err
		}
	}
	row := append(binary.BigEndian.AppendUint64(nil, uint64(max(until.Unix(), 0))), data...)
	err := p.store.UpdateRows(ctx, func(tx *store.RowTx) error {
		return tx.Put(store.SendingRows, policyRows+domain, row)
	})
	if err == nil {
		p.mu.rows++
		p.mu.octets += len(row)
	}
	return err
}

// Sweep forgets the policies that have ended.
func (p *Policies) Sweep(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sweep(ctx, 0)
}

// sweep forgets what has ended, counts the rest, and makes room for need octets and one row where there is none; p.mu is held.
func (p *Policies) sweep(ctx context.Context, need int) error {
	type entry struct {
		name string
		end  time.Time
		size int
	}
	var list []entry
	var drop []string
	now, octets := p.clock(), 0
	err := p.store.Rows(ctx, store.SendingRows, policyRows, func(name string, value []byte) error {
		if end, _ := policyRow(value); now.Before(end) {
			list = append(list, entry{name, end, len(value)})
			octets += len(value)
		} else {
			drop = append(drop, name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("relay: policies: %w", err)
	}
	if len(list) >= p.mu.rowsMax || octets+need > p.mu.size {
		slices.SortFunc(list, func(a, b entry) int { return a.end.Compare(b.end) })
		for len(list) > p.mu.rowsMax*9/10 || len(list) > 0 && octets+need > p.mu.size/10*9 {
			drop, octets = append(drop, list[0].name), octets-list[0].size
			list = list[1:]
		}
	}
	for part := range slices.Chunk(drop, 500) {
		err := p.store.UpdateRows(ctx, func(tx *store.RowTx) error {
			for _, name := range part {
				if err := tx.Delete(store.SendingRows, name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("relay: policies: %w", err)
		}
	}
	p.mu.counted, p.mu.rows, p.mu.octets = true, len(list), octets
	return nil
}

// Domains are those with a policy that has not ended, by name.
func (p *Policies) Domains(ctx context.Context) (list []string, err error) {
	now := p.clock()
	err = p.store.Rows(ctx, store.SendingRows, policyRows, func(name string, value []byte) error {
		if end, _ := policyRow(value); now.Before(end) {
			list = append(list, strings.TrimPrefix(name, policyRows))
		}
		return nil
	})
	return list, err
}
