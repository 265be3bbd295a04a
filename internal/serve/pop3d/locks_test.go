package pop3d

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLocksAreExclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		var inside, entered atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				release, ok := l.acquire(t.Context(), lockKey{1, 1, ""}, time.Hour)
				if !ok {
					t.Error("a lock that became free was not had")
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold one lock")
				}
				<-time.After(time.Second)
				inside.Add(-1)
				entered.Add(1)
				release()
			})
		}
		wg.Wait()
		if entered.Load() != 50 || len(l.mu.held) != 0 {
			t.Errorf("%d entered, %d still held", entered.Load(), len(l.mu.held))
		}
	})
}

func TestLocksOfOthersAndPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		release, ok := l.acquire(t.Context(), lockKey{1, 1, ""}, 0)
		if !ok {
			t.Fatal("a free lock was not had")
		}
		for _, k := range []lockKey{{1, 2, ""}, {2, 1, ""}} {
			if _, ok := l.acquire(t.Context(), k, 0); !ok {
				t.Errorf("%v is not the lock that is held", k)
			}
		}
		began := time.Now()
		if _, ok := l.acquire(t.Context(), lockKey{1, 1, ""}, time.Second); ok || time.Since(began) != time.Second {
			t.Errorf("had %v after %v", ok, time.Since(began))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ok := l.acquire(gone, lockKey{1, 1, ""}, time.Hour); ok {
			t.Error("a lock for somebody who has gone")
		}
		release()
	})
}
