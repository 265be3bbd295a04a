package directory_test

import (
	"fmt"
	"sync"
	"testing"

	"restante/internal/directory"
	"restante/internal/proto/addr"
)

// What is remembered of domains is what is so: through changes, beside those who ask all the time.
func TestHosted(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	hosts := func(name addr.Domain) bool {
		t.Helper()
		ok, err := h.Hosts(t.Context(), name)
		if err != nil {
			t.Error(err)
		}
		return ok
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					hosts("new.test")
					hosts(addr.Domain(fmt.Sprintf("d%d.test", n)))
				}
			}
		})
	}
	for range 50 {
		if hosts("new.test") {
			t.Error("hosted before it is added")
		}
		if err := h.AddDomain(t.Context(), "new.test"); err != nil {
			t.Fatal(err)
		}
		if !hosts("new.test") {
			t.Error("not hosted after it was added")
		}
		if err := h.RemoveDomain(t.Context(), "new.test"); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
}

func BenchmarkHosts(b *testing.B) {
	h := newHouse(b, directory.Options{MinPassword: 1})
	for b.Loop() {
		if ok, err := h.Hosts(b.Context(), "elsewhere.test"); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
