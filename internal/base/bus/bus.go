// Package bus carries hints: "account a has reached modseq m".
//
// A hint has no content. Whoever wakes on one pulls what changed from the
// store, from its own view; so a doubled hint is harmless, a lost one costs
// only delay (sessions also look on a slow timer), and hints need no order.
// That is what lets one machine use the in-process [Local] and several use a
// network beside it without a change in any session.
//
// The bus does not remember: a subscriber that comes after a Publish hears
// nothing of it. Subscribe first, then read the store.
//
// Lock order: a shard's lock is the innermost lock of the program. Nothing is
// called under it but the wake functions of [Local.SubscribeFunc].
package bus

import (
	"sync"
	"sync/atomic"
)

// Bus is what publishers and subscribers see. All methods are safe for
// concurrent use.
type Bus interface {
	// Publish hints that account has reached modseq. It never blocks on a
	// subscriber. Call it after the commit is durable, never before.
	Publish(account uint32, modseq uint64)
	// Subscribe returns a subscription to the hints of account. The caller
	// closes it.
	Subscribe(account uint32) *Sub
	// SubscribeFunc is Subscribe with a function in the place of the
	// channel: wake runs in the publisher's goroutine, under a lock, and so
	// must return at once and must not touch the bus. A parked connection
	// that can be woken by a function needs no goroutine of its own. wake
	// may still run while Close is under way, but not after Close returned.
	SubscribeFunc(account uint32, wake func()) *Sub
}

// shards is a power of two; accounts are dealt round-robin by their low bits.
const shards = 64

// Local is the in-process Bus.
type Local struct {
	shards [shards]shard
}

var _ Bus = (*Local)(nil)

type shard struct {
	mu struct {
		sync.Mutex
		heads map[uint32]*Sub // the first of each account's list
	}
	_ [40]byte // one shard per cache line: publishers don't share
}

// Sub is one subscription. It costs some 64 bytes beside its channel.
type Sub struct {
	c      chan struct{}
	wake   func()
	latest atomic.Uint64

	shard      *shard
	prev, next *Sub // guarded by shard.mu
	account    uint32
	closed     atomic.Bool
}

// New returns an empty Local.
func New() *Local {
	b := new(Local)
	for i := range b.shards {
		b.shards[i].mu.heads = make(map[uint32]*Sub)
	}
	return b
}

func (b *Local) shard(account uint32) *shard { return &b.shards[account%shards] }

// Publish wakes the subscribers of account. It allocates nothing.
func (b *Local) Publish(account uint32, modseq uint64) {
	s := b.shard(account)
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := s.mu.heads[account]; sub != nil; sub = sub.next {
		sub.hint(modseq)
	}
}

// Subscribe returns a subscription that signals on its channel.
func (b *Local) Subscribe(account uint32) *Sub {
	return b.add(&Sub{account: account, c: make(chan struct{}, 1)})
}

// SubscribeFunc returns a subscription that calls wake.
func (b *Local) SubscribeFunc(account uint32, wake func()) *Sub {
	return b.add(&Sub{account: account, wake: wake})
}

func (b *Local) add(sub *Sub) *Sub {
	s := b.shard(sub.account)
	sub.shard = s
	s.mu.Lock()
	defer s.mu.Unlock()
	if head := s.mu.heads[sub.account]; head != nil {
		sub.next, head.prev = head, sub
	}
	s.mu.heads[sub.account] = sub
	return sub
}

func (s *Sub) hint(modseq uint64) {
	if modseq > s.latest.Load() { // only the shard's lock holder stores
		s.latest.Store(modseq)
	}
	if s.wake != nil {
		s.wake()
		return
	}
	select {
	case s.c <- struct{}{}:
	default: // one is waiting already, and one is enough
	}
}

// C signals that the account has changed since the last receive. Hints that
// come before the receiver is ready coalesce into one. C is never closed; it
// is nil for a subscription made by SubscribeFunc.
func (s *Sub) C() <-chan struct{} { return s.c }

// Latest is the highest modseq hinted since Subscribe, 0 before the first. A
// session whose view is there already may spare the pull.
func (s *Sub) Latest() uint64 { return s.latest.Load() }

// Close ends the subscription. It may be called more than once.
func (s *Sub) Close() {
	if s.closed.Swap(true) {
		return
	}
	sh := s.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch {
	case s.prev != nil:
		s.prev.next = s.next
	case s.next != nil:
		sh.mu.heads[s.account] = s.next
	default:
		delete(sh.mu.heads, s.account)
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
