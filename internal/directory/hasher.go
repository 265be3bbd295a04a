package directory

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"restante/internal/base/limit"
	"restante/internal/base/metrics"
)

// hasher checks passwords against hashes: few at once, the same one once, and
// not again what it has found lately.
type hasher struct {
	memory  *limit.Memory
	turn    uint32 // KiB that every check takes of it, so that no more than Parallel run, whatever their hash
	waiting atomic.Int64
	most    int64 // that may wait
	secret  [32]byte
	known   *otter.Cache[question, bool]
	done    *metrics.Counter

	mu struct {
		sync.Mutex
		flights map[question]*flight
	}
}

// question is a keyed hash of a password and the hash that it may fit. It is
// the only trace of a password that stays in memory, hence its short life.
type question [sha256.Size]byte

// flight is a check that is under way.
type flight struct {
	done chan struct{} // closed when fits and err are set
	fits bool
	err  error
}

// knownMax bounds what is remembered: some 200 octets each.
const knownMax = 10_000

func newHasher(o *Options) *hasher {
	h := &hasher{
		memory: limit.NewMemory(int64(o.Cost.Parallel) * int64(o.Cost.Memory) << 10),
		turn:   o.Cost.Memory,
		most:   int64(o.Cost.Waiting),
		done:   o.Metrics.Counter("restante_password_hashes_total", "Passwords hashed."),
	}
	_, _ = rand.Read(h.secret[:]) // never fails (crypto/rand)
	h.mu.flights = make(map[question]*flight)
	if o.Remember > 0 {
		h.known = otter.Must(&otter.Options[question, bool]{
			MaximumSize:      knownMax,
			ExpiryCalculator: otter.ExpiryWriting[question, bool](o.Remember),
			Clock:            cacheClock(o.Clock),
			Executor:         func(fn func()) { fn() },
		})
	}
	return h
}

// cacheClock is the directory's clock for the cache. It does not tick, so the
// cache needs no goroutine: what has expired goes as new entries come.
type cacheClock func() time.Time

func (c cacheClock) NowNano() int64                    { return c().UnixNano() }
func (cacheClock) Tick(time.Duration) <-chan time.Time { return nil }

// ask is the question whether password fits hash. Accounts that do not exist
// have one hash in common; name keeps their answers apart.
func (h *hasher) ask(name, hash, password string) question {
	m := hmac.New(sha256.New, h.secret[:])
	for _, s := range []string{name, hash, password} {
		m.Write([]byte(s))
		m.Write([]byte{0}) // in none of them
	}
	return question(m.Sum(nil))
}

// recall returns the answer to q, if it is known.
func (h *hasher) recall(q question) (fits, known bool) {
	if h.known == nil {
		return false, false
	}
	return h.known.GetIfPresent(q)
}

// check answers q by hashing, or waits for somebody who does.
func (h *hasher) check(ctx context.Context, q question, p secretHash, password string) (bool, error) {
	for {
		f, mine := h.join(q)
		if mine {
			h.fly(ctx, q, f, p, password)
			return f.fits, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		// The one who was to do it may have hung up while waiting for its turn.
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
			return f.fits, f.err
		}
	}
}

func (h *hasher) join(q question) (f *flight, mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.mu.flights[q]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	h.mu.flights[q] = f
	return f, true
}

func (h *hasher) fly(ctx context.Context, q question, f *flight, p secretHash, password string) {
	defer func() {
		h.mu.Lock()
		delete(h.mu.flights, q)
		h.mu.Unlock()
		close(f.done)
	}()
	// The last flight may have landed since the caller asked what is known.
	if fits, known := h.recall(q); known {
		f.fits = fits
		return
	}
	f.err = h.run(ctx, max(p.needs(), h.turn), func() { f.fits = p.fits(password) })
	if f.err == nil && h.known != nil {
		h.known.Set(q, f.fits)
	}
}

// run runs fn, which takes so many KiB, when its turn has come. ErrBusy when too
// many wait.
func (h *hasher) run(ctx context.Context, memory uint32, fn func()) error {
	if h.waiting.Add(1) > h.most {
		h.waiting.Add(-1)
		return ErrBusy
	}
	release, err := h.memory.Acquire(ctx, int64(memory)<<10)
	h.waiting.Add(-1)
	if err != nil {
		return err
	}
	defer release()
	h.done.Inc()
	fn()
	return nil
}
