// Package bustest wraps a bus so that its hints are dropped, doubled or late.
//
// Law 2 says that none of these may change what a session sees in the end;
// tests run once more on each wrapper to hold it. The wrappers bend Publish
// only: subscriptions are those of the bus below.
package bustest

import (
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/base/bus"
)

// Dropping loses hints.
type Dropping struct {
	bus.Bus
	// Keep says whether the n-th hint (from 0) goes through. nil drops all.
	Keep func(n uint64) bool

	n atomic.Uint64
}

// Publish implements bus.Bus.
func (d *Dropping) Publish(account uint32, modseq uint64) {
	n := d.n.Add(1) - 1
	if d.Keep != nil && d.Keep(n) {
		d.Bus.Publish(account, modseq)
	}
}

// Doubling gives every hint twice.
type Doubling struct{ bus.Bus }

// Publish implements bus.Bus.
func (d Doubling) Publish(account uint32, modseq uint64) {
	d.Bus.Publish(account, modseq)
	d.Bus.Publish(account, modseq)
}

// Delaying gives every hint After later. Close it before the test ends.
type Delaying struct {
	bus.Bus
	After time.Duration

	mu struct {
		sync.Mutex
		closed  bool
		pending map[*time.Timer]struct{}
	}
}

// Publish implements bus.Bus.
func (d *Delaying) Publish(account uint32, modseq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return
	}
	if d.mu.pending == nil {
		d.mu.pending = make(map[*time.Timer]struct{})
	}
	var t *time.Timer
	t = time.AfterFunc(d.After, func() {
		d.mu.Lock()
		delete(d.mu.pending, t)
		closed := d.mu.closed
		d.mu.Unlock()
		if !closed {
			d.Bus.Publish(account, modseq)
		}
	})
	d.mu.pending[t] = struct{}{}
}

// Close drops the hints still under way.
func (d *Delaying) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.closed = true
	for t := range d.mu.pending {
		t.Stop()
	}
	clear(d.mu.pending)
}

var (
	_ bus.Bus = (*Dropping)(nil)
	_ bus.Bus = Doubling{}
	_ bus.Bus = (*Delaying)(nil)
)
