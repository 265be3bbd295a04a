package pebblekv

import (
	"math"
	"sync/atomic"

	"restante/internal/store/kv"
)

// gate counts the calls under way, so that closing can wait for them: Pebble
// itself panics when it is used while or after it is closed. A RWMutex would do
// the same but for a call within a call, which would wait for the close that
// waits for it.
type gate struct {
	calls atomic.Int64  // math.MinInt64 is added once the gate is closed
	empty chan struct{} // closed when the gate is closed and the last call has left
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter begins a call, which ends with leave.
func (g *gate) enter() error {
	for {
		n := g.calls.Load()
		if n < 0 {
			return kv.ErrClosed
		}
		if g.calls.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

func (g *gate) leave() {
	if g.calls.Add(-1) == math.MinInt64 {
		close(g.empty)
	}
}

// close lets nobody in any more and waits for those inside. It tells whether
// this was the call that closed the gate.
func (g *gate) close() bool {
	for {
		n := g.calls.Load()
		if n < 0 {
			<-g.empty
			return false
		}
		if g.calls.CompareAndSwap(n, n+math.MinInt64) {
			if n == 0 {
				close(g.empty)
			}
			<-g.empty
			return true
		}
	}
}
