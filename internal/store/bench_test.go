package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
)

// mail makes messages of lognormal size, median 12 KB and mean about 75 KB, as
// real mail has; the text compresses about as real mail does.
func mail(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := bytes.Fields([]byte("the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part"))
	out := make([][]byte, n)
	for i := range out {
		size := int(math.Exp(rng.NormFloat64()*1.9 + math.Log(12_000)))
		size = min(max(size, 800), 8<<20)
		var b bytes.Buffer
		fmt.Fprintf(&b, "From: Sender %d <s%d@example.org>\r\nTo: you@example.net\r\nSubject: message number %d\r\nMessage-ID: <%d.%d@example.org>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", i, i, i, i, rng.Uint64())
		base64 := size > 100_000
		for b.Len() < size {
			if base64 {
				const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
				for range 76 {
					b.WriteByte(alphabet[rng.IntN(64)])
				}
			} else {
				for range 12 {
					b.Write(words[rng.IntN(len(words))])
					b.WriteByte(' ')
				}
			}
			b.WriteString("\r\n")
		}
		out[i] = b.Bytes()
	}
	return out
}

func cpuSeconds() float64 {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()).Seconds()
}

// BenchmarkDeliver measures durable deliveries to one recipient each, on disk.
func BenchmarkDeliver(b *testing.B) {
	msgs := mail(500)
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			engine, err := pebblekv.Open(pebblekv.Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			f := open(b, engine, store.Options{})
			var ids []store.AccountID
			for range 100 {
				id, err := f.CreateAccount(context.Background(), store.AccountOptions{})
				if err != nil {
					b.Fatal(err)
				}
				ids = append(ids, id)
			}
			var next, octets atomic.Int64
			cpu := cpuSeconds()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for {
						n := int(next.Add(1)) - 1
						if n >= b.N {
							return
						}
						m := msgs[n%len(msgs)]
						w, err := f.NewBody(context.Background(), store.BodyOptions{})
						if err != nil {
							b.Error(err)
							return
						}
						fmt.Fprintf(w, "X-Number: %d\r\n", n)
						for off := 0; off < len(m); off += 32 << 10 {
							_, _ = w.Write(m[off:min(off+32<<10, len(m))])
						}
						body, err := w.Finish(context.Background())
						if err != nil {
							b.Error(err)
							return
						}
						octets.Add(body.Size())
						d := f.Deliver(context.Background(), store.Origin{}, body, []store.Delivery{{Account: ids[n%len(ids)]}})
						if d[0].Err != nil {
							b.Error(d[0].Err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			mb := float64(octets.Load()) / 1e6
			b.ReportMetric(mb/b.Elapsed().Seconds(), "MB/s")
			b.ReportMetric(mb/(cpuSeconds()-cpu), "MB/cpu-s")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
