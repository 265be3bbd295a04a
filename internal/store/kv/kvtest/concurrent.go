package kvtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"restante/internal/store/kv"
)

// increment adds one to the counters, all in one batch, and tries again on
// conflict.
func increment(t *testing.T, e kv.Engine, counters ...string) error {
	for {
		b := new(kv.Batch)
		for _, c := range counters {
			old, err := e.Get(t.Context(), key(c))
			switch {
			case errors.Is(err, kv.ErrNotFound):
				b.RequireAbsent(key(c))
			case err != nil:
				return err
			default:
				b.RequireValue(key(c), old)
			}
			b.Put(key(c), binary.BigEndian.AppendUint64(nil, number(old)+1))
		}
		err := e.Commit(t.Context(), b, kv.Lazy)
		if !errors.Is(err, kv.ErrConflict) {
			return err
		}
	}
}

func number(v []byte) uint64 {
	if len(v) == 0 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// parallel runs fn in n goroutines and waits for them.
func parallel(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// testCounters: no increment is lost, so check and change are one step.
func testCounters(t *testing.T, e kv.Engine) {
	const writers, rounds = 16, 50
	parallel(t, writers, func(int) error {
		for range rounds {
			if err := increment(t, e, "counter"); err != nil {
				return err
			}
		}
		return nil
	})
	v, err := e.Get(t.Context(), key("counter"))
	if err != nil || number(v) != writers*rounds {
		t.Errorf("counter is %d, %v; want %d", number(v), err, writers*rounds)
	}
}

// testTwoLocks: batches that require the same keys in different orders neither
// lose anything nor wait for each other for ever.
func testTwoLocks(t *testing.T, e kv.Engine) {
	const writers, rounds = 8, 30
	parallel(t, writers, func(i int) error {
		for r := range rounds {
			pair := []string{"a", fmt.Sprint("k", (i+r)%4)}
			if i%2 == 0 {
				pair[0], pair[1] = pair[1], pair[0]
			}
			if err := increment(t, e, pair...); err != nil {
				return err
			}
		}
		return nil
	})
	var sum uint64
	for _, k := range []string{"k0", "k1", "k2", "k3"} {
		v, err := e.Get(t.Context(), key(k))
		if err != nil {
			t.Fatal(err)
		}
		sum += number(v)
	}
	if v, err := e.Get(t.Context(), key("a")); err != nil || number(v) != writers*rounds || sum != writers*rounds {
		t.Errorf("a is %d, the others %d, want %d each; %v", number(v), sum, writers*rounds, err)
	}
}

// testSharedRequirement: many batches require one key without writing it, as
// deliveries do that refer to a stored body; one takes it away together with the
// references that there are, as the collector does. None may come after that.
func testSharedRequirement(t *testing.T, e kv.Engine) {
	for name, take := range map[string]func(*kv.Batch){
		"set":         func(b *kv.Batch) { b.Put(key("body"), key("doomed")) },
		"delete":      func(b *kv.Batch) { b.Remove(key("body")) },
		"deleteRange": func(b *kv.Batch) { b.RemoveSpan(kv.Prefix(key("bod")).Span()) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				takeAway(t, e, take)
			}
		})
	}
}

func takeAway(t *testing.T, e kv.Engine, take func(*kv.Batch)) {
	reset := new(kv.Batch)
	if old, err := e.Get(t.Context(), key("body")); err == nil {
		reset.RequireValue(key("body"), old)
	} else {
		reset.RequireAbsent(key("body"))
	}
	reset.Put(key("body"), key("live"))
	commit(t, e, reset)

	parallel(t, 9, func(i int) error {
		b := new(kv.Batch)
		b.RequireValue(key("body"), key("live"))
		if i == 8 {
			take(b)
			b.RemoveSpan(kv.Prefix(key("ref")).Span())
			return e.Commit(t.Context(), b, kv.Lazy)
		}
		for n := range 1000 {
			b.Set = []kv.Pair{{Key: fmt.Appendf(nil, "ref %d %d", i, n)}}
			if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
				if errors.Is(err, kv.ErrConflict) {
					return nil
				}
				return err
			}
		}
		return nil
	})
	if refs := read(t, e, kv.Prefix(key("ref"))); len(refs) > 0 {
		t.Errorf("references to a body that is gone: %q", refs)
	}
}

// testFencedDeleteRange: batches that add a numbered key to a range, and some that
// empty the range, all require and write one counter. So each emptying takes the
// keys of lower numbers, and none that come later.
func testFencedDeleteRange(t *testing.T, e kv.Engine) {
	const rounds = 40
	var mu sync.Mutex
	var emptied uint64 // the highest number of a batch that emptied the range
	step := func(empty bool) error {
		old, err := e.Get(t.Context(), key("counter"))
		b := new(kv.Batch)
		switch {
		case errors.Is(err, kv.ErrNotFound):
			b.RequireAbsent(key("counter"))
		case err != nil:
			return err
		default:
			b.RequireValue(key("counter"), old)
		}
		n := number(old) + 1
		b.Put(key("counter"), binary.BigEndian.AppendUint64(nil, n))
		b.Put(binary.BigEndian.AppendUint64(key("r"), n), nil)
		if empty {
			b.RemoveSpan(kv.Prefix(key("r")).Span())
		}
		err = e.Commit(t.Context(), b, kv.Lazy)
		if err == nil && empty {
			mu.Lock()
			emptied = max(emptied, n)
			mu.Unlock()
		}
		return err
	}
	parallel(t, 8, func(i int) error {
		for n := 0; n < rounds; {
			switch err := step((i+n)%10 == 0); {
			case err == nil:
				n++
			case !errors.Is(err, kv.ErrConflict):
				return err
			}
		}
		return nil
	})
	next := emptied // whose own key was set after the range was emptied
	err := e.Scan(t.Context(), kv.Prefix(key("r")), func(k, _ []byte) (bool, error) {
		if n := number(k[1:]); n != next {
			return false, fmt.Errorf("key %d where %d should be", n, next)
		}
		next++
		return true, nil
	})
	if err != nil || next != 8*rounds+1 {
		t.Errorf("keys from %d end before %d, %v; want %d", emptied, next, err, 8*rounds+1)
	}
}

// testAtomic: readers never see half of a batch, whatever way they read.
func testAtomic(t *testing.T, e kv.Engine) {
	const keys, rounds = 10, 200
	done := make(chan struct{})
	write := func() error {
		defer close(done)
		for n := range rounds {
			b := new(kv.Batch)
			if n%3 == 2 {
				b.RemoveSpan(kv.Prefix(key("k")).Span())
			} else {
				for k := range keys {
					b.Put(fmt.Appendf(nil, "k%d", k), fmt.Append(nil, n))
				}
			}
			if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
				return err
			}
		}
		return nil
	}
	look := func(r kv.Reader) error {
		var first string
		n := 0
		err := r.Scan(t.Context(), kv.Prefix(key("k")), func(k, v []byte) (bool, error) {
			if n == 0 {
				first = string(v)
			} else if first != string(v) {
				return false, fmt.Errorf("%s is %s beside %s", k, v, first)
			}
			n++
			return true, nil
		})
		if err == nil && n != 0 && n != keys {
			err = fmt.Errorf("%d keys of %d", n, keys)
		}
		return err
	}
	parallel(t, 4, func(i int) error {
		if i == 0 {
			return write()
		}
		for {
			select {
			case <-done:
				return nil
			default:
			}
			if err := look(e); err != nil {
				return err
			}
			s, err := e.Snapshot()
			if err != nil {
				return err
			}
			err = errors.Join(look(s), look(s), s.Close())
			if err != nil {
				return err
			}
		}
	})
}

// testOrderSeen: what has been seen once stays seen, and what Commit has
// returned is visible.
func testOrderSeen(t *testing.T, e kv.Engine) {
	const rounds = 100
	put(t, e, "n", string(make([]byte, 8)))
	done := make(chan struct{})
	parallel(t, 4, func(i int) error {
		if i == 0 {
			defer close(done)
			for n := range uint64(rounds) {
				if err := increment(t, e, "n"); err != nil {
					return err
				}
				if v, err := e.Get(t.Context(), key("n")); err != nil || number(v) != n+1 {
					return fmt.Errorf("%d is not visible after its commit: %d, %w", n+1, number(v), err)
				}
			}
			return nil
		}
		var last uint64
		for {
			select {
			case <-done:
				return nil
			default:
			}
			v, err := e.Get(t.Context(), key("n"))
			if err != nil {
				return err
			}
			if number(v) < last {
				return fmt.Errorf("%d was seen after %d", number(v), last)
			}
			last = number(v)
		}
	})
}

// testCloseUnderLoad: Close among readers and writers ends them with ErrClosed
// and nothing else.
func testCloseUnderLoad(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2")
	var ready sync.WaitGroup
	ready.Add(8)
	parallel(t, 9, func(i int) error {
		if i == 8 {
			ready.Wait()
			return e.Close()
		}
		for n := 0; ; n++ {
			err := workOnce(t, e, i, n)
			if n == 0 {
				ready.Done()
			}
			if errors.Is(err, kv.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
}

func workOnce(t *testing.T, e kv.Engine, i, n int) error {
	switch i % 4 {
	case 0:
		b := new(kv.Batch)
		b.Put(fmt.Appendf(nil, "w%d", i), fmt.Append(nil, n))
		return e.Commit(t.Context(), b, kv.Lazy)
	case 1:
		_, err := e.Get(t.Context(), key("a"))
		return err
	case 2:
		return e.Scan(t.Context(), kv.Range{}, func(k, _ []byte) (bool, error) {
			_, err := e.Get(t.Context(), k)
			return true, err
		})
	default:
		s, err := e.Snapshot()
		if err != nil {
			return err
		}
		_, err = s.Get(t.Context(), key("a"))
		return errors.Join(err, s.Close())
	}
}

func testStats(t *testing.T, e kv.Engine) {
	before := e.Stats()
	put(t, e, "a", "1")
	b := new(kv.Batch)
	b.RequireAbsent(key("a"))
	wantErr(t, "commit", e.Commit(t.Context(), b, kv.Lazy), kv.ErrConflict)
	s, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	after := e.Stats()
	if after.Commits-before.Commits != 1 || after.Conflicts-before.Conflicts != 1 || after.Snapshots != 1 {
		t.Errorf("one commit, one conflict, one snapshot: %+v", after)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := e.Stats().Snapshots; n != 0 {
		t.Errorf("%d snapshots after the close", n)
	}
}
