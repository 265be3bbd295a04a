package bus_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"restante/internal/base/bus"
	"restante/internal/base/bus/bustest"
)

func ready(s *bus.Sub) bool {
	select {
	case <-s.C():
		return true
	default:
		return false
	}
}

func TestHintsReachOnlyTheirAccount(t *testing.T) {
	b := bus.New()
	one, two := b.Subscribe(1), b.Subscribe(1)
	other := b.Subscribe(1 + 64) // same shard
	b.Publish(1, 5)
	if !ready(one) || !ready(two) {
		t.Error("a subscriber of the account heard nothing")
	}
	if ready(other) {
		t.Error("another account's subscriber was woken")
	}
	if got := one.Latest(); got != 5 {
		t.Errorf("Latest = %d, want 5", got)
	}
}

func TestHintsCoalesce(t *testing.T) {
	b := bus.New()
	s := b.Subscribe(7)
	b.Publish(7, 3)
	b.Publish(7, 2)
	b.Publish(7, 9)
	if !ready(s) || ready(s) {
		t.Error("three hints did not become exactly one")
	}
	if got := s.Latest(); got != 9 {
		t.Errorf("Latest = %d, want 9", got)
	}
}

func TestCloseInEveryPosition(t *testing.T) {
	for victim := range 3 {
		b := bus.New()
		subs := []*bus.Sub{b.Subscribe(1), b.Subscribe(1), b.Subscribe(1)}
		subs[victim].Close()
		subs[victim].Close()
		b.Publish(1, 1)
		for i, s := range subs {
			if got, want := ready(s), i != victim; got != want {
				t.Errorf("closed %d: subscriber %d woken: %v, want %v", victim, i, got, want)
			}
			s.Close()
		}
		b.Publish(1, 2)
	}
}

func TestSubscribeFunc(t *testing.T) {
	b := bus.New()
	n := 0
	s := b.SubscribeFunc(1, func() { n++ })
	b.Publish(1, 1)
	b.Publish(1, 2)
	s.Close()
	b.Publish(1, 3)
	if n != 2 || s.Latest() != 2 {
		t.Errorf("woken %d times up to %d, want 2 up to 2", n, s.Latest())
	}
}

func TestConcurrent(t *testing.T) {
	b := bus.New()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				s := b.Subscribe(uint32(g % 2))
				b.Publish(uint32(g%2), uint64(i))
				<-s.C()
				s.Close()
			}
		})
	}
	wg.Wait()
}

func TestPublishAllocatesNothing(t *testing.T) {
	b := bus.New()
	for range 10 {
		b.Subscribe(1)
	}
	if n := testing.AllocsPerRun(100, func() { b.Publish(1, 1) }); n != 0 {
		t.Errorf("Publish allocates %v times", n)
	}
}

func TestIdleSubscriptionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(bus.Sub{}); n > 80 {
		t.Errorf("Sub is %d bytes", n)
	}
	const n = 20000
	b := bus.New()
	subs := make([]*bus.Sub, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range subs {
		subs[i] = b.Subscribe(uint32(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	if per > 300 { // Sub 80, channel 96, map entry about 40
		t.Errorf("a subscription holds %d bytes", per)
	}
	runtime.KeepAlive(subs)
}

func TestWrappers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New()
		s := b.Subscribe(1)

		drop := &bustest.Dropping{Bus: b, Keep: func(n uint64) bool { return n%2 == 1 }}
		drop.Publish(1, 1)
		if ready(s) {
			t.Error("the first hint was to be dropped")
		}
		drop.Publish(1, 2)
		if !ready(s) {
			t.Error("the second hint was to come through")
		}

		bustest.Doubling{Bus: b}.Publish(1, 3)
		if !ready(s) || ready(s) {
			t.Error("a doubled hint is one wake-up")
		}

		late := &bustest.Delaying{Bus: b, After: time.Minute}
		late.Publish(1, 4)
		if synctest.Wait(); ready(s) {
			t.Error("the hint came at once")
		}
		<-s.C()
		late.Publish(1, 5)
		late.Close()
		late.Publish(1, 6)
		<-time.After(time.Hour)
		if ready(s) {
			t.Error("a hint came after Close")
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	l := bus.New()
	for i := range uint32(5000) {
		l.Subscribe(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Publish(17, 1)
	}
}
