package directory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// The one who checks for all may hang up; the others must not suffer for it.
func TestWaitersSurviveTheirLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Cost: Cost{Memory: 64, Time: 1, Parallel: 1}}.withDefaults()
		h := newHasher(&o)
		p := newPHC("pass", o.Cost, make([]byte, 16))
		q := h.ask("", p.String(), "pass")

		release, err := h.memory.Acquire(t.Context(), 64<<10) // nothing can start
		if err != nil {
			t.Fatal(err)
		}
		ctx, hangUp := context.WithCancel(t.Context())
		type answer struct {
			fits bool
			err  error
		}
		leader, waiter := make(chan answer), make(chan answer)
		ask := func(ctx context.Context, c chan answer) {
			fits, err := h.check(ctx, q, p, "pass")
			c <- answer{fits, err}
		}
		go ask(ctx, leader)
		synctest.Wait()
		go ask(t.Context(), waiter)
		synctest.Wait()
		hangUp()
		if a := <-leader; !errors.Is(a.err, context.Canceled) {
			t.Errorf("leader: %v", a)
		}
		release()
		if a := <-waiter; !a.fits || a.err != nil {
			t.Errorf("waiter: %v", a)
		}
		if len(h.mu.flights) != 0 || h.waiting.Load() != 0 {
			t.Error("something was left behind")
		}
	})
}
