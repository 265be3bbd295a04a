package pebblekv

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"restante/internal/store/kv"
)

// enter begins a call on the engine, which ends with e.gate.leave.
func (e *Engine) enter(ctx context.Context) error {
	if f := e.fatal.Load(); f != nil {
		return f
	}
	if err := e.gate.enter(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		e.gate.leave()
		return err
	}
	return nil
}

// Get implements kv.Reader.
func (e *Engine) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	return get(e.db, key)
}

// View implements kv.Reader.
func (e *Engine) View(ctx context.Context, key []byte, fn func([]byte) error) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	return view(e.db, key, fn)
}

// Scan implements kv.Reader.
func (e *Engine) Scan(ctx context.Context, r kv.Range, fn func(key, value []byte) (bool, error)) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	return scan(ctx, e.db, r, fn)
}

// Snapshot implements kv.Engine.
func (e *Engine) Snapshot() (kv.Snapshot, error) {
	if err := e.enter(context.Background()); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	s := &snapshot{engine: e, db: e.db.NewSnapshot(), gate: newGate()}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.snapshots[s] = true
	return s, nil
}

// snapshot is a kv.Snapshot. A read passes the engine's gate and then its own.
type snapshot struct {
	engine *Engine
	db     *pebble.Snapshot
	gate   *gate
}

func (s *snapshot) enter(ctx context.Context) error {
	if err := s.engine.enter(ctx); err != nil {
		return err
	}
	if err := s.gate.enter(); err != nil {
		s.engine.gate.leave()
		return err
	}
	return nil
}

func (s *snapshot) leave() {
	s.gate.leave()
	s.engine.gate.leave()
}

// Get implements kv.Reader.
func (s *snapshot) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return get(s.db, key)
}

// View implements kv.Reader.
func (s *snapshot) View(ctx context.Context, key []byte, fn func([]byte) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return view(s.db, key, fn)
}

// Scan implements kv.Reader.
func (s *snapshot) Scan(ctx context.Context, r kv.Range, fn func(key, value []byte) (bool, error)) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return scan(ctx, s.db, r, fn)
}

// Close implements kv.Snapshot. When the engine is closed or has failed, the
// snapshot is closed with it and there is nothing to do.
func (s *snapshot) Close() error {
	if s.engine.enter(context.Background()) != nil {
		return nil
	}
	defer s.engine.gate.leave()
	if !s.gate.close() {
		return nil
	}
	s.engine.mu.Lock()
	delete(s.engine.mu.snapshots, s)
	s.engine.mu.Unlock()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close snapshot: %w", err)
	}
	return nil
}

func get(db pebble.Reader, key []byte) (value []byte, err error) {
	err = view(db, key, func(found []byte) error {
		value = make([]byte, len(found)) // never nil
		copy(value, found)
		return nil
	})
	return value, err
}

func view(db pebble.Reader, key []byte, fn func([]byte) error) (err error) {
	found, done, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return kv.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read key %x: %w", key, err)
	}
	defer func() { // whatever fn does: what is not closed keeps old files for ever
		if cerr := done.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("read key %x: %w", key, cerr)
		}
	}()
	return fn(found)
}

// scanCheck is how many pairs a scan passes between looks at its context.
const scanCheck = 64

func scan(ctx context.Context, db pebble.Reader, r kv.Range, fn func(key, value []byte) (bool, error)) (err error) {
	if r.Span().Empty() {
		return nil
	}
	it, err := db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: r.Lo, UpperBound: r.Hi})
	if err != nil {
		return fmt.Errorf("scan from %x: %w", r.Lo, err)
	}
	defer func() {
		if cerr := it.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("scan from %x: %w", r.Lo, cerr)
		}
	}()
	first, next := it.First, it.Next
	if r.Reverse {
		first, next = it.Last, it.Prev
	}
	count := 0
	for ok := first(); ok; ok = next() {
		var value []byte
		if !r.KeysOnly {
			if value, err = it.ValueAndErr(); err != nil {
				return fmt.Errorf("scan at %x: %w", it.Key(), err)
			}
		}
		more, err := fn(it.Key(), value)
		if err != nil || !more {
			return err
		}
		count++
		if count == r.Limit {
			return nil
		}
		if count%scanCheck == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil // an error that ended the loop comes out of it.Close
}
