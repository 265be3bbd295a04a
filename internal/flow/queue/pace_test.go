package queue

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// A host that bears two connections at a time and says 421 to all others gets its mail two at a time, not in bursts that wait for the next try.
func TestBusyHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		var mu sync.Mutex
		open, refused := 0, 0
		w.answer = func(to addr.Address, try int) Outcome {
			mu.Lock()
			open++
			busy := open > 2
			if busy {
				refused++
			}
			mu.Unlock()
			defer func() { mu.Lock(); open--; mu.Unlock() }()
			time.Sleep(10 * time.Millisecond)
			if busy {
				return Outcome{Reply: said(421, "too many connections"), Host: "mx.busy.test"}
			}
			time.Sleep(time.Second)
			return relayed(to, try)
		}
		for i := range 100 {
			w.send("a@here.test", Outgoing{}, fmt.Sprintf("r%d@busy.test", i))
		}
		w.run(2 * time.Minute)
		if n := w.left(); n > 0 {
			t.Errorf("after two minutes there wait %d", n)
		}
		if refused > 20 {
			t.Errorf("%d attempts were refused", refused)
		}
	})
}

func TestPace(t *testing.T) {
	const most = 10
	var p pace
	busy, good := []Outcome{{Reply: said(421, "busy")}}, []Outcome{{Reply: said(250, "ok"), State: store.QueueRelayed}}
	for _, c := range []struct {
		what   string
		out    []Outcome
		others int
		want   int
	}{
		{"alone: it is not our number", busy, 0, 10}, {"nobody's word", []Outcome{{}}, 5, 10}, {"seven others are borne", busy, 7, 7}, {"no more than before", busy, 9, 7},
		{"and six", busy, 6, 6}, {"one", busy, 1, 1}, {"never none", busy, 0, 1},
	} {
		if p.heard(c.out, c.others, most); p.bears(most) != c.want {
			t.Errorf("%s: %d, want %d", c.what, p.bears(most), c.want)
		}
	}
	n := 0
	for ; p.bears(most) < most; n++ {
		p.heard(good, 0, most)
	}
	if p != (pace{}) || n != goodEach*(1+2+3+4+5+6+7+8+9) {
		t.Errorf("%+v after %d", p, n)
	}
}
