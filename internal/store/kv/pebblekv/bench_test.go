package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"restante/internal/store/kv"
)

// The benchmarks run on the disk of the temporary directory. Durable commits
// measure that disk's sync as much as this package; run them interleaved and
// take medians.

// BenchmarkCommit4K is one durable commit of one 4 KB value.
func BenchmarkCommit4K(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			e := open(b, Options{Dir: b.TempDir()})
			defer closeEngine(b, e)
			page := noise(4096)
			measure(b, e, writers, func(w, i int) int {
				batch := new(kv.Batch)
				batch.Put(binary.BigEndian.AppendUint64(nil, uint64(i)), page)
				commit(b, e, batch)
				return len(page)
			})
		})
	}
}

// BenchmarkDeliver is the durable commit of one delivered message: a body of
// lognormal size (median 12 KB, mean 75 KB), compressed already, in chunks of
// 64 KB, the message's record and four small rows, with the account required.
func BenchmarkDeliver(b *testing.B) {
	for _, o := range []struct {
		name string
		Options
	}{
		{"apart", Options{}},
		{"whole", Options{WholeValues: true}},
		{"lowMemory", Options{LowMemory: true}},
	} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", o.name, writers), func(b *testing.B) {
				benchmarkDeliver(b, o.Options, writers, noise(64<<20), func(body []byte) []byte { return body })
			})
		}
	}
}

// BenchmarkDeliverCompress is BenchmarkDeliver with the compression of the body
// before the commit, as the store does it; MB are those of the body before it.
func BenchmarkDeliverCompress(b *testing.B) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(64))
	if err != nil {
		b.Fatal(err)
	}
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			benchmarkDeliver(b, Options{}, writers, mail(64<<20), func(body []byte) []byte { return enc.EncodeAll(body, nil) })
		})
	}
}

func benchmarkDeliver(b *testing.B, o Options, writers int, text []byte, pack func(body []byte) []byte) {
	o.Dir = b.TempDir()
	e := open(b, o)
	defer closeEngine(b, e)
	accounts := make([][]byte, writers)
	measure(b, e, writers, func(w, i int) int {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		size := min(int(12<<10*math.Exp(1.914*rng.NormFloat64())), 4<<20)
		at := rng.IntN(len(text) - size)
		batch, account := delivery(w, i, accounts[w], text[at:at+size], pack)
		accounts[w] = account
		commit(b, e, batch)
		return size
	})
}

// delivery makes the batch of message i for the account of writer w.
func delivery(w, i int, old, body []byte, pack func([]byte) []byte) (batch *kv.Batch, account []byte) {
	batch = new(kv.Batch)
	key := func(table byte, parts ...uint64) []byte {
		k := []byte{table}
		for _, p := range parts {
			k = binary.BigEndian.AppendUint64(k, p)
		}
		return k
	}
	account = append(noise(150), fmt.Sprintf("%010d", i)...)
	acct, msg := uint64(w), uint64(i)
	if old == nil {
		batch.RequireAbsent(key('A', acct))
	} else {
		batch.RequireValue(key('A', acct), old)
	}
	batch.Put(key('A', acct), account)
	batch.Put(key('C', acct, msg), noise(110))
	batch.Put(key('M', acct, msg), body[:min(len(body), 1800)])
	batch.Put(key('m', acct, msg), noise(16))
	batch.Put(key('b', msg), noise(48))
	for n := uint64(0); len(body) > 0; n++ {
		size := min(len(body), 64<<10)
		batch.Put(key('B', msg, n), pack(body[:size]))
		body = body[size:]
	}
	return batch, account
}

// BenchmarkGet4K reads pages of 4 KB that are in the cache.
func BenchmarkGet4K(b *testing.B) {
	e := pages(b, 10_000, 4096)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Get(b.Context(), fmt.Appendf(nil, "P%08d", rng.IntN(10_000))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGetParallel is BenchmarkGet4K on all cores.
func BenchmarkGetParallel(b *testing.B) {
	e := pages(b, 10_000, 4096)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
		for pb.Next() {
			if _, err := e.Get(b.Context(), fmt.Appendf(nil, "P%08d", rng.IntN(10_000))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGetMissing asks for keys that are not there, among others that are.
func BenchmarkGetMissing(b *testing.B) {
	e := pages(b, 10_000, 4096)
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		_, _ = e.Get(b.Context(), fmt.Appendf(nil, "P%08d.", rng.IntN(10_000)))
	}
}

// BenchmarkDeleteRange deletes small ranges, one a commit, each followed by a
// read: that the cost does not grow with the number of ranges matters more than
// what it is.
func BenchmarkDeleteRange(b *testing.B) {
	e := pages(b, 10_000, 60)
	i := 0
	for b.Loop() {
		batch := new(kv.Batch)
		batch.RemoveSpan(kv.Prefix(fmt.Appendf(nil, "P%07d", i%1000)).Span())
		if err := e.Commit(b.Context(), batch, kv.Lazy); err != nil {
			b.Fatal(err)
		}
		if _, err := e.Get(b.Context(), []byte("none")); !errors.Is(err, kv.ErrNotFound) {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkScanPages reads 100 pages of 4 KB in one scan, from the cache.
func BenchmarkScanPages(b *testing.B) {
	e := pages(b, 10_000, 4096)
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		scanAll(b, e, kv.Range{Lo: fmt.Appendf(nil, "P%08d", rng.IntN(9_900)), Limit: 100}, 100)
	}
}

// BenchmarkScanShort is a scan for one small row, as a look at a queue is.
func BenchmarkScanShort(b *testing.B) {
	e := pages(b, 10_000, 60)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		scanAll(b, e, kv.Range{Lo: fmt.Appendf(nil, "P%08d", rng.IntN(9_900)), Limit: 1}, 1)
	}
}

// BenchmarkScan100k reads all rows of a prefix, 100,000 of 60 bytes.
func BenchmarkScan100k(b *testing.B) {
	e := pages(b, 100_000, 60)
	for _, r := range []struct {
		name string
		kv.Range
	}{{"up", kv.Prefix([]byte("P"))}, {"down", kv.Range{Reverse: true}}, {"keys", kv.Range{KeysOnly: true}}} {
		b.Run(r.name, func(b *testing.B) {
			for b.Loop() {
				scanAll(b, e, r.Range, 100_000)
			}
		})
	}
}

func scanAll(b *testing.B, r kv.Reader, rng kv.Range, want int) {
	n := 0
	err := r.Scan(b.Context(), rng, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	if err != nil || n != want {
		b.Fatalf("%d rows, want %d: %v", n, want, err)
	}
}

// pages returns a store with n values of a size, compacted, and reads it once.
func pages(b *testing.B, n, size int) *Engine {
	e := open(b, Options{Dir: b.TempDir()})
	b.Cleanup(func() { closeEngine(b, e) })
	batch := new(kv.Batch)
	for i := range n {
		batch.Put(fmt.Appendf(nil, "P%08d", i), noise(size))
		if i%1000 == 999 {
			commit(b, e, batch)
			batch.Reset()
		}
	}
	if err := e.Compact(b.Context(), kv.Span{}); err != nil {
		b.Fatal(err)
	}
	scanAll(b, e, kv.Range{}, n)
	return e
}

func commit(b *testing.B, e *Engine, batch *kv.Batch) {
	if err := e.Commit(b.Context(), batch, kv.Durable); err != nil {
		b.Error(err)
	}
}

// measure runs b.N operations in so many goroutines and reports rates: op says
// how many bytes it stored. "amp" is what flushes and compactions wrote for each
// byte that was flushed.
func measure(b *testing.B, e *Engine, writers int, op func(w, i int) int) {
	var (
		next, bytes atomic.Int64
		wg          sync.WaitGroup
		mu          sync.Mutex
		latencies   []time.Duration
	)
	cpu := cpuTime()
	b.ResetTimer()
	for w := range writers {
		wg.Go(func() {
			var own []time.Duration
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				start := time.Now()
				bytes.Add(int64(op(w, int(i))))
				own = append(own, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
		})
	}
	wg.Wait()
	b.StopTimer()
	mb := float64(bytes.Load()) / 1e6
	slices.Sort(latencies)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(mb/b.Elapsed().Seconds(), "MB/s")
	b.ReportMetric(mb/(cpuTime()-cpu).Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
	s := e.Stats()
	if s.FlushWritten > 0 {
		b.ReportMetric(1+float64(s.CompactWritten)/float64(s.FlushWritten), "amp")
	}
	b.ReportMetric(float64(s.StallTime.Milliseconds()), "stall-ms")
}

// cpuTime is what the process has used so far, with the system's part.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// noise returns bytes that no compression makes smaller.
func noise(n int) []byte {
	v := make([]byte, n)
	for i := 0; i < n; i += 8 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], rand.Uint64())
		copy(v[i:], w[:])
	}
	return v
}

// mail returns bytes that compress as mail does, to about two thirds: most of
// it is base64, the rest text.
func mail(n int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	words := []string{"the ", "message ", "was ", "received ", "from ", "your ", "<td style=\"padding:0\">", "</td>\r\n", "of ", "and ", "meeting ", "https://example.com/"}
	rng := rand.New(rand.NewPCG(3, 3))
	v := make([]byte, 0, n+1024)
	for len(v) < n {
		if rng.IntN(5) > 0 { // blocks of 8 KB, four in five are base64
			for i := range 8192 {
				if i%78 == 76 {
					v = append(v, "\r\n"...)
				}
				v = append(v, alphabet[rng.Uint32()&63])
			}
		} else {
			for range 1200 {
				v = append(v, words[rng.IntN(len(words))]...)
			}
		}
	}
	return v[:n]
}
