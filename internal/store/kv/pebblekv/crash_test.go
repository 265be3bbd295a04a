package pebblekv_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv/crashtest"
)

// writer is one of the 64 that deliver to a store until its power fails. Its
// commit n sets its own counter to n, requiring n-1, together with some rows of
// that number, whose bytes follow from their key.
type writer struct {
	id    int
	acked atomic.Uint64 // the last commit that was acknowledged as durable
}

const rowsPerCommit = 4

func (w *writer) counter() []byte { return fmt.Appendf(nil, "counter %02d", w.id) }

func (w *writer) row(n uint64, i int) []byte {
	return binary.BigEndian.AppendUint64(fmt.Appendf(nil, "row %02d %d ", w.id, i), n)
}

// body makes the value of a row: a checksum and noise, of a size that goes
// from inline to kept apart.
func body(key []byte) []byte {
	sum := crc32.ChecksumIEEE(key)
	rng := rand.New(rand.NewPCG(uint64(sum), 1))
	v := make([]byte, 4+rng.IntN(3000))
	binary.BigEndian.PutUint32(v, sum)
	for i := 4; i+8 <= len(v); i += 8 {
		binary.BigEndian.PutUint64(v[i:], rng.Uint64())
	}
	return v
}

func number(v []byte) uint64 {
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// step is commit n. Every fourth is lazy; it is never acknowledged by itself.
func (w *writer) step(ctx context.Context, e kv.Engine, n uint64) error {
	b := new(kv.Batch)
	if n == 1 {
		b.RequireAbsent(w.counter())
	} else {
		b.RequireValue(w.counter(), binary.BigEndian.AppendUint64(nil, n-1))
	}
	b.Put(w.counter(), binary.BigEndian.AppendUint64(nil, n))
	for i := range rowsPerCommit {
		k := w.row(n, i)
		b.Put(k, body(k))
	}
	if n > 8 { // the last few commits' rows are kept
		for i := range rowsPerCommit {
			b.Remove(w.row(n-8, i))
		}
	}
	if n%4 == 0 {
		return e.Commit(ctx, b, kv.Lazy)
	}
	if err := e.Commit(ctx, b, kv.Durable); err != nil {
		return err
	}
	w.acked.Store(n)
	return nil
}

// check holds what is found after a crash against what was acknowledged before:
// nothing is missing, and the state of each writer is that after a whole commit.
func (w *writer) check(t *testing.T, e kv.Engine, acked uint64) {
	v, err := e.Get(t.Context(), w.counter())
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		t.Fatal(err)
	}
	n := number(v)
	if n < acked {
		t.Errorf("writer %d: commit %d was acknowledged, the store knows %d", w.id, acked, n)
	}
	found := 0
	err = e.Scan(t.Context(), kv.Prefix(fmt.Appendf(nil, "row %02d ", w.id)), func(k, v []byte) (bool, error) {
		found++
		if !bytes.Equal(v, body(k)) {
			t.Errorf("row %q is damaged", k)
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := rowsPerCommit * int(min(n, 8)); found != want {
		t.Errorf("writer %d: %d rows after commit %d, want %d", w.id, found, n, want)
	}
	w.acked.Store(n)
}

// TestCrash cuts the power of a store that 64 writers write to, at random
// moments, and opens what is left, again and again.
func TestCrash(t *testing.T) {
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for name, o := range map[string]crashtest.Options{"default": {}, "wholeValues": {WholeValues: true}, "noLog": {NoLog: true}} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
			writers := make([]*writer, 64)
			for i := range writers {
				writers[i] = &writer{id: i}
			}
			fs := crashtest.New()
			for range rounds {
				fs = crashRound(t, fs, o, writers, rng)
			}
		})
	}
}

// crashRound lets the writers work for a while, crashes, checks, and returns
// the disk as it was found.
func crashRound(t *testing.T, fs *crashtest.FS, o crashtest.Options, writers []*writer, rng *rand.Rand) *crashtest.FS {
	e, err := fs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var done, steps atomic.Int64
	crash := make(chan struct{})
	crashAt := int64(100 + rng.IntN(600))
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() {
			start, err := e.Get(t.Context(), w.counter())
			if err != nil && !errors.Is(err, kv.ErrNotFound) {
				t.Error(err)
				return
			}
			for n := number(start) + 1; done.Load() == 0; n++ {
				if err := w.step(t.Context(), e, n); err != nil {
					t.Errorf("writer %d, commit %d: %v", w.id, n, err)
					return
				}
				if steps.Add(1) == crashAt {
					close(crash)
				}
			}
		})
	}
	<-crash
	acked := make([]uint64, len(writers)) // before the crash
	for i, w := range writers {
		acked[i] = w.acked.Load()
	}
	if rng.IntN(4) == 0 {
		rng = nil
	}
	after := fs.Crash(rng)
	done.Store(1)
	wg.Wait()
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}

	e, err = after.Open(o)
	if err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	for i, w := range writers {
		w.check(t, e, acked[i])
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return after
}

// TestCrashBarrier: a durable commit of an empty batch makes what came before
// it durable; without one a lazy commit is lost when nothing unsynced survives.
func TestCrashBarrier(t *testing.T) {
	fs := crashtest.New()
	e, err := fs.Open(crashtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	put := func(key string) {
		b := new(kv.Batch)
		b.Put([]byte(key), []byte("value"))
		if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
			t.Fatal(err)
		}
	}
	put("before")
	if err := e.Commit(t.Context(), new(kv.Batch), kv.Durable); err != nil {
		t.Fatal(err)
	}
	put("after")

	left, err := fs.Crash(nil).Open(crashtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	if _, err := left.Get(t.Context(), []byte("before")); err != nil {
		t.Errorf("before the barrier: %v", err)
	}
	if _, err := left.Get(t.Context(), []byte("after")); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("after the barrier: %v; the disk of this test forgets nothing", err)
	}
}

// TestCloseIsDurable: lazy commits survive a crash after Close.
func TestCloseIsDurable(t *testing.T) {
	fs := crashtest.New()
	e, err := fs.Open(crashtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	b.Put([]byte("key"), []byte("value"))
	if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e, err = fs.Crash(nil).Open(crashtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Get(t.Context(), []byte("key")); err != nil {
		t.Error(err)
	}
}
