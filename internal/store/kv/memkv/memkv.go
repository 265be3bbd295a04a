// Package memkv is the ordered-key engine in memory, for tests and for servers
// that may forget.
//
// It has no goroutines, no clock and no files, so it runs under testing/synctest.
// The whole state hangs on one immutable root: readers take the root and need no
// lock, a snapshot is a root kept, a commit builds a new root beside the old one
// and swaps it in. Commits run one at a time.
//
// It is as unkind as the contract allows, to find bugs that another engine would
// show only on a bad day: slices given to the function of a Scan or View are
// overwritten when it returns, and a batch that writes a key which some earlier batch required,
// without requiring it itself, is refused with kv.ErrUnguarded.
package memkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"restante/internal/store/kv"
)

// Engine is the engine in memory. Make it with New.
type Engine struct {
	view
	seed maphash.Seed
	mu   struct {
		sync.Mutex       // held by Commit
		guarded    *node // every key that a batch has required
		snapshots  map[*snapshot]bool
		stats      kv.Stats
	}
}

// view reads the state that it points to, nil once it is closed.
type view struct {
	now atomic.Pointer[state]
}

type state struct {
	root *node
}

type snapshot struct {
	view
	engine *Engine
}

var (
	_ kv.Engine   = (*Engine)(nil)
	_ kv.Snapshot = (*snapshot)(nil)
)

// New returns an empty engine.
func New() *Engine {
	e := &Engine{seed: maphash.MakeSeed()}
	e.now.Store(new(state))
	e.mu.snapshots = make(map[*snapshot]bool)
	return e
}

// Get implements kv.Reader.
func (v *view) Get(ctx context.Context, key []byte) ([]byte, error) {
	root, err := v.load(ctx)
	if err != nil {
		return nil, err
	}
	n := root.get(key)
	if n == nil {
		return nil, kv.ErrNotFound
	}
	return append([]byte{}, n.value...), nil
}

// View implements kv.Reader. fn gets a copy: a test that breaks the rule and
// writes to it must not change the store.
func (v *view) View(ctx context.Context, key []byte, fn func([]byte) error) error {
	value, err := v.Get(ctx, key)
	if err != nil {
		return err
	}
	defer scribble(value)
	return fn(value)
}

// Scan implements kv.Reader.
func (v *view) Scan(ctx context.Context, r kv.Range, fn func(key, value []byte) (bool, error)) error {
	root, err := v.load(ctx)
	if err != nil {
		return err
	}
	var key, value []byte
	count := 0
	root.walk(r.Lo, r.Hi, r.Reverse, func(n *node) bool {
		if err = ctx.Err(); err != nil {
			return false
		}
		key = append(key[:0], n.key...)
		if !r.KeysOnly {
			value = append(value[:0], n.value...)
		}
		var more bool
		more, err = fn(key, value)
		scribble(key)
		scribble(value)
		count++
		return more && err == nil && count != r.Limit
	})
	return err
}

// scribble makes a slice that is no longer valid visibly so.
func scribble(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}

func (v *view) load(ctx context.Context) (*node, error) {
	s := v.now.Load()
	if s == nil {
		return nil, kv.ErrClosed
	}
	return s.root, ctx.Err()
}

// Snapshot implements kv.Engine. It costs nothing but the memory of what is
// changed or deleted while it is open.
func (e *Engine) Snapshot() (kv.Snapshot, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now.Load()
	if now == nil {
		return nil, kv.ErrClosed
	}
	s := &snapshot{engine: e}
	s.now.Store(now)
	e.mu.snapshots[s] = true
	return s, nil
}

// Close implements kv.Snapshot.
func (s *snapshot) Close() error {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.now.Store(nil)
	delete(s.engine.mu.snapshots, s)
	return nil
}

// Commit implements kv.Engine. Both durabilities are the same here.
func (e *Engine) Commit(ctx context.Context, b *kv.Batch, _ kv.Durability) error {
	if err := b.Check(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	root, err := e.load(ctx)
	if err != nil {
		return err
	}
	if err := e.checkGuardsLocked(b); err != nil {
		return err
	}
	for _, r := range b.Require {
		n := root.get(r.Key)
		if n == nil && !r.Absent || n != nil && !r.Holds(n.value, true) {
			e.mu.stats.Conflicts++
			return &kv.ConflictError{Key: bytes.Clone(r.Key)}
		}
	}
	for _, s := range b.DeleteRange {
		if !s.Empty() {
			root = root.removeSpan(s.Lo, s.Hi)
		}
	}
	for _, k := range b.Delete {
		root = root.remove(k)
	}
	for _, p := range b.Set {
		root = root.set(e.leaf(p.Key, p.Value))
	}
	e.now.Store(&state{root: root})
	e.mu.stats.Commits++
	return nil
}

// checkGuardsLocked remembers the keys that b requires and refuses b when it
// writes a key that was required before and is not now. The keys are never
// forgotten: the engine lives as long as a test.
func (e *Engine) checkGuardsLocked(b *kv.Batch) error {
	required := make(map[string]bool, len(b.Require))
	for _, r := range b.Require {
		required[string(r.Key)] = true
		if e.mu.guarded.get(r.Key) == nil {
			e.mu.guarded = e.mu.guarded.set(e.leaf(r.Key, nil))
		}
	}
	unguarded := func(key []byte) bool {
		return !required[string(key)] && e.mu.guarded.get(key) != nil
	}
	for _, k := range b.Delete {
		if unguarded(k) {
			return fmt.Errorf("delete of key %x: %w", k, kv.ErrUnguarded)
		}
	}
	for _, p := range b.Set {
		if unguarded(p.Key) {
			return fmt.Errorf("set of key %x: %w", p.Key, kv.ErrUnguarded)
		}
	}
	return nil
}

// leaf makes a node that shares nothing with the caller.
func (e *Engine) leaf(key, value []byte) *node {
	both := make([]byte, len(key)+len(value))
	copy(both, key)
	copy(both[len(key):], value)
	return &node{
		key:   both[:len(key):len(key)],
		value: both[len(key):],
		rank:  maphash.Bytes(e.seed, key),
	}
}

// Compact implements kv.Engine: there is nothing to do.
func (e *Engine) Compact(ctx context.Context, _ kv.Span) error {
	_, err := e.load(ctx)
	return err
}

// Checkpoint implements kv.Engine: there are no files.
func (e *Engine) Checkpoint(context.Context, string) error {
	return fmt.Errorf("memkv: checkpoint: %w", errors.ErrUnsupported)
}

// Stats implements kv.Engine.
func (e *Engine) Stats() kv.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.mu.stats
	s.Snapshots = len(e.mu.snapshots)
	return s
}

// Close implements kv.Engine. Everything is forgotten.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now.Store(nil)
	for s := range e.mu.snapshots {
		s.now.Store(nil)
	}
	clear(e.mu.snapshots)
	return nil
}
