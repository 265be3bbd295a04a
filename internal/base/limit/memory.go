package limit

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"
)

// Memory bounds work that needs much memory for a short time: hashing of
// passwords, above all. Who finds none left waits in turn.
type Memory struct {
	octets int64
	sem    *semaphore.Weighted
}

// NewMemory returns a Memory of that many octets.
func NewMemory(octets int64) *Memory {
	return &Memory{octets, semaphore.NewWeighted(octets)}
}

// Acquire waits until n octets are free, or ctx ends. Call release once, when
// the work is done. Work that needs more than there is gets all there is, and
// runs alone.
func (m *Memory) Acquire(ctx context.Context, n int64) (release func(), err error) {
	if m == nil {
		return func() {}, nil
	}
	n = min(n, m.octets)
	if err := m.sem.Acquire(ctx, n); err != nil {
		return nil, fmt.Errorf("limit: waiting for memory: %w", err)
	}
	return func() { m.sem.Release(n) }, nil
}
