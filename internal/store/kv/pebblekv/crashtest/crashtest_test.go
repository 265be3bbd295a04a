package crashtest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv"
	"restante/internal/store/kv/pebblekv/crashtest"
)

func open(t *testing.T, fs *crashtest.FS, o crashtest.Options) *pebblekv.Engine {
	t.Helper()
	e, err := fs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func batch(key string) *kv.Batch {
	b := new(kv.Batch)
	b.Put([]byte(key), []byte("value"))
	return b
}

// TestCrash: the disk forgets what was not synced, keeps what was, and after a
// crash with an rng is at least consistent.
func TestCrash(t *testing.T) {
	fs := crashtest.New()
	e := open(t, fs, crashtest.Options{})
	defer e.Close()
	if err := e.Commit(t.Context(), batch("durable"), kv.Durable); err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(t.Context(), batch("lazy"), kv.Lazy); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		var rng *rand.Rand
		if i > 0 {
			rng = rand.New(rand.NewPCG(uint64(i), 0))
		}
		after := open(t, fs.Crash(rng), crashtest.Options{})
		if _, err := after.Get(t.Context(), []byte("durable")); err != nil {
			t.Errorf("crash %d: %v", i, err)
		}
		if _, err := after.Get(t.Context(), []byte("lazy")); rng == nil && !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("lazy: %v; the disk forgets nothing", err)
		}
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFatal: when the log can't be written the commit fails, the owner is told
// once and with the cause, everything after it fails in the same way, and what
// was acknowledged is there at the next start.
func TestFatal(t *testing.T) {
	for name, fail := range map[string]func(*crashtest.FS){
		"sync":  (*crashtest.FS).FailSyncs,
		"write": (*crashtest.FS).FailWrites,
	} {
		t.Run(name, func(t *testing.T) {
			fs := crashtest.New()
			told := make(chan error, 100)
			e := open(t, fs, crashtest.Options{OnFatal: func(err error) { told <- err }})
			if err := e.Commit(t.Context(), batch("early"), kv.Durable); err != nil {
				t.Fatal(err)
			}
			snapshot, err := e.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			fail(fs)
			wantFatal(t, "the commit that failed", e.Commit(t.Context(), batch("late"), kv.Durable))
			if err := <-told; !errors.Is(err, crashtest.ErrInjected) {
				t.Errorf("told: %v", err)
			}
			for _, d := range []kv.Durability{kv.Durable, kv.Lazy} {
				wantFatal(t, "the next commit", e.Commit(t.Context(), batch("later"), d))
			}
			_, err = e.Get(t.Context(), []byte("early"))
			wantFatal(t, "get", err)
			_, err = snapshot.Get(t.Context(), []byte("early"))
			wantFatal(t, "get from the snapshot", err)
			if err := snapshot.Close(); err != nil {
				t.Errorf("close of the snapshot: %v", err)
			}
			wantFatal(t, "close", e.Close())
			if len(told) > 0 {
				t.Errorf("told again: %v", <-told)
			}

			e = open(t, fs.Crash(nil), crashtest.Options{})
			defer e.Close()
			if _, err := e.Get(t.Context(), []byte("early")); err != nil {
				t.Errorf("after the restart: %v", err)
			}
		})
	}
}

// TestFatalInBackground: a flush that can't be written stops the engine as well.
func TestFatalInBackground(t *testing.T) {
	fs := crashtest.New()
	told := make(chan error, 100)
	e := open(t, fs, crashtest.Options{OnFatal: func(err error) { told <- err }})
	if err := e.Commit(t.Context(), batch("key"), kv.Durable); err != nil {
		t.Fatal(err)
	}
	fs.FailTables()
	for i := range 3 { // more than a memory table holds
		b := new(kv.Batch)
		for n := range 10 {
			b.Put(fmt.Appendf(nil, "%d %d", i, n), make([]byte, 50_000))
		}
		if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
			break // the flush was fast
		}
	}
	if err := <-told; !errors.Is(err, crashtest.ErrInjected) {
		t.Errorf("told: %v", err)
	}
	wantFatal(t, "commit", e.Commit(t.Context(), batch("later"), kv.Durable))
}

// TestPanics: without anybody to tell, a fatal error is a panic.
func TestPanics(t *testing.T) {
	fs := crashtest.New()
	e := open(t, fs, crashtest.Options{})
	fs.FailSyncs()
	defer func() {
		err, ok := recover().(error)
		if !ok {
			t.Fatal("no panic")
		}
		wantFatal(t, "panic", err)
	}()
	t.Error(e.Commit(t.Context(), batch("key"), kv.Durable))
}

func wantFatal(t *testing.T, what string, err error) {
	t.Helper()
	if f := new(pebblekv.FatalError); !errors.As(err, &f) {
		t.Errorf("%s: %v, want a FatalError", what, err)
	}
}

func Example() {
	fs := crashtest.New()
	engine, err := fs.Open(crashtest.Options{})
	if err != nil {
		panic(err)
	}
	defer engine.Close()
	after := fs.Crash(nil) // with the engine still at work
	engine, err = after.Open(crashtest.Options{})
	fmt.Println(engine != nil, err)
	engine.Close()
	// Output: true <nil>
}
