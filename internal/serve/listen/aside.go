package listen

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Aside runs f on a goroutine that is lent for it, and returns when f does. A goroutine's stack grows to what its deepest call needs and hardly shrinks,
// so a connection that waits for hours should wait on one that has never been deep: with WaitReadable, and what is to be done then done
// aside. The goroutines that are lent are few, and their stacks are warm.
//
// A panic of f comes up in the caller.
func (c *Conn) Aside(f func()) { c.group.helpers.run(f) }

// keepHelpers is how many goroutines are kept when nobody needs them.
const keepHelpers = 16

// helpers lends goroutines.
type helpers struct {
	wg sync.WaitGroup
	mu struct {
		sync.Mutex
		free   []*helper
		closed bool
	}
}

// helper is a goroutine that does one job after the other.
type helper struct {
	jobs chan func()
	done chan any // what the job panicked with
}

func (hs *helpers) run(f func()) {
	h := hs.take()
	h.jobs <- f
	p := <-h.done
	hs.give(h)
	if p != nil {
		panic(p)
	}
}

func (hs *helpers) take() *helper {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if n := len(hs.mu.free); n > 0 {
		h := hs.mu.free[n-1]
		hs.mu.free = hs.mu.free[:n-1]
		return h
	}
	h := &helper{jobs: make(chan func(), 1), done: make(chan any, 1)}
	hs.wg.Go(h.work)
	return h
}

func (hs *helpers) give(h *helper) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.mu.closed || len(hs.mu.free) == keepHelpers {
		close(h.jobs)
		return
	}
	hs.mu.free = append(hs.mu.free, h)
}

// close ends the goroutines, once nobody runs anything.
func (hs *helpers) close() {
	hs.mu.Lock()
	hs.mu.closed = true
	for _, h := range hs.mu.free {
		close(h.jobs)
	}
	hs.mu.free = nil
	hs.mu.Unlock()
	hs.wg.Wait()
}

func (h *helper) work() {
	for f := range h.jobs {
		h.do(f)
	}
}

func (h *helper) do(f func()) {
	defer func() {
		p := recover()
		if p != nil {
			p = panicked{p, string(debug.Stack())}
		}
		h.done <- p
	}()
	f()
}

// panicked is a panic that came up aside, with the stack that it came from.
type panicked struct {
	value any
	stack string
}

// String is the panic as it would have been.
func (p panicked) String() string { return fmt.Sprint(p.value) }
