package pebblekv

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"go.uber.org/goleak"

	"restante/internal/store/kv"
	"restante/internal/store/kv/kvtest"
)

// TestMain fails when a test leaves goroutines behind. An engine that has failed
// does so by design, which is why that is tested in crashtest.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PEBBLEKV_TEST_HOLD"); dir != "" {
		hold(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	for name, o := range map[string]Options{
		"disk":        {LowMemory: true},
		"default":     {FS: vfs.NewMem()},
		"wholeValues": {FS: vfs.NewMem(), WholeValues: true},
		"noLog":       {FS: vfs.NewMem(), NoLog: true},
	} {
		t.Run(name, func(t *testing.T) {
			kvtest.Run(t, func(t *testing.T) kv.Engine {
				o.Dir = t.TempDir()
				return open(t, o)
			})
		})
	}
	t.Run("tombstones", func(t *testing.T) {
		kvtest.Run(t, func(t *testing.T) kv.Engine {
			e := open(t, Options{Dir: t.TempDir(), FS: vfs.NewMem()})
			e.pointDeletes = 0
			return e
		})
	})
}

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func closeEngine(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// values are pairs of all sizes that are treated differently.
func values() []kv.Pair {
	rng := rand.New(rand.NewPCG(1, 1))
	var pairs []kv.Pair
	for i, n := range []int{0, 1, 100, separateFrom - 1, separateFrom, 5000, 65536, kv.MaxValue} {
		v := make([]byte, n)
		for i := range v {
			v[i] = byte(rng.Uint32())
		}
		pairs = append(pairs, kv.Pair{Key: fmt.Appendf(nil, "key %d", i), Value: v})
	}
	return pairs
}

func wantValues(t testing.TB, e *Engine) {
	t.Helper()
	for _, p := range values() {
		if got, err := e.Get(t.Context(), p.Key); err != nil || !bytes.Equal(got, p.Value) {
			t.Errorf("%s: %d bytes, %v; want its %d bytes", p.Key, len(got), err, len(p.Value))
		}
	}
}

// TestSettingsMayChange: a store opens with any settings, whatever wrote it, and
// after a compaction that rewrites it.
func TestSettingsMayChange(t *testing.T) {
	o := Options{Dir: "/store", FS: vfs.NewMem()}
	e := open(t, o)
	if err := e.Commit(t.Context(), &kv.Batch{Set: values()}, kv.Durable); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, e)
	for _, o.WholeValues = range []bool{true, false, true} {
		for _, o.LowMemory = range []bool{true, false} {
			e := open(t, o)
			wantValues(t, e)
			// A value of the same range, so that there is something to merge.
			b := &kv.Batch{Set: []kv.Pair{{Key: []byte("key 9"), Value: []byte("new")}}}
			if err := e.Commit(t.Context(), b, kv.Durable); err != nil {
				t.Fatal(err)
			}
			if err := e.Compact(t.Context(), kv.Span{}); err != nil {
				t.Fatal(err)
			}
			wantValues(t, e)
			closeEngine(t, e)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir(), LowMemory: true})
	defer closeEngine(t, e)
	if err := e.Commit(t.Context(), &kv.Batch{Set: values()}, kv.Lazy); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	if err := e.Checkpoint(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := e.Checkpoint(t.Context(), dir); err == nil {
		t.Error("a checkpoint was written over another")
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		if info, err := os.Stat(log); err != nil || info.Size() > 100 {
			t.Errorf("a log of %d octets (%v): what is in it will be copied twice", info.Size(), err)
		}
	}
	later := &kv.Batch{DeleteRange: []kv.Span{{}}}
	if err := e.Commit(t.Context(), later, kv.Durable); err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{Dir: dir, LowMemory: true})
	defer closeEngine(t, c)
	wantValues(t, c)
}

// TestTombstonesAreFlushed: range tombstones, which slow down reads while they
// are in memory, don't gather there.
func TestTombstonesAreFlushed(t *testing.T) {
	e := open(t, Options{Dir: "/store", FS: vfs.NewMem()})
	defer closeEngine(t, e)
	for round := range 2 * maxTombs {
		b := new(kv.Batch)
		b.RemoveSpan(kv.Prefix([]byte("k")).Span())
		for i := range defaultPointDeletes + 1 {
			b.Put(fmt.Appendf(nil, "k %d %d", round, i), nil)
		}
		if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := e.Scan(t.Context(), kv.Range{}, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	if err != nil || n != defaultPointDeletes+1 {
		t.Errorf("%d keys, %v", n, err)
	}
	if e.Stats().Flushes == 0 {
		t.Error("no flush")
	}
}

// TestCompactFreesSpace: after most bodies are deleted and their range is
// compacted the disk has the space again.
func TestCompactFreesSpace(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("wholeValues=%t", whole), func(t *testing.T) {
			o := Options{Dir: t.TempDir(), LowMemory: true, WholeValues: whole, MemTableBytes: 4 << 20}
			e := open(t, o)
			rng := rand.NewChaCha8([32]byte{})
			const bodies = 1000
			for i := range bodies {
				v := make([]byte, 64<<10)
				rng.Read(v)
				b := new(kv.Batch)
				b.Put(fmt.Appendf(nil, "B%04d", i), v)
				if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
					t.Fatal(err)
				}
			}
			b := new(kv.Batch)
			b.RemoveSpan(kv.Span{Lo: []byte("B0100"), Hi: []byte("B1")})
			if err := e.Commit(t.Context(), b, kv.Durable); err != nil {
				t.Fatal(err)
			}
			if err := e.Compact(t.Context(), kv.Prefix([]byte("B")).Span()); err != nil {
				t.Fatal(err)
			}
			closeEngine(t, e) // waits until files that nobody needs are gone
			e = open(t, o)
			defer closeEngine(t, e)
			if left := e.Stats().DiskBytes; left > 16<<20 {
				t.Errorf("%d bytes are in use for 6.5 MB of bodies that are left of 65", left)
			}
		})
	}
}

// TestLocked: a second opening of a store is refused, and the error says who has
// it: this process, by whatever name, or another one.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir, LowMemory: true})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	wantLocked(t, link, os.Getpid())
	wantLocked(t, dir+"/../"+filepath.Base(dir), os.Getpid())
	closeEngine(t, e)

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PEBBLEKV_TEST_HOLD="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	wantLocked(t, dir, cmd.Process.Pid)
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, open(t, Options{Dir: dir, LowMemory: true}))
}

func wantLocked(t *testing.T, dir string, pid int) {
	t.Helper()
	e, err := Open(Options{Dir: dir, LowMemory: true})
	if err == nil {
		closeEngine(t, e)
	}
	locked := new(LockedError)
	if !errors.As(err, &locked) || locked.PID != pid {
		t.Errorf("open %s: %v, want it locked by process %d", dir, err, pid)
	}
}

// hold is the other process of TestLocked: it has the store open until its
// input ends.
func hold(dir string) {
	e, err := Open(Options{Dir: dir, LowMemory: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("open")
	bufio.NewReader(os.Stdin).ReadString('\n')
	if err := e.Close(); err != nil {
		os.Exit(1)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(Options{}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("without a directory: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: filepath.Join(file, "store")}); err == nil {
		t.Error("a store below a file was opened")
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	closeEngine(t, open(t, Options{Dir: dir, LowMemory: true}))
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v; mail is for its owner only", info.Mode(), err)
	}
}
