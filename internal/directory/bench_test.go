package directory_test

import (
	"fmt"
	"testing"

	"restante/internal/directory"
	"restante/internal/proto/addr"
)

// A login whose password was checked less than a minute ago.
func BenchmarkLoginRemembered(b *testing.B) {
	h := newHouse(b, directory.Options{MinPassword: 1})
	h.add(b, "u1", "pass")
	for b.Loop() {
		if _, err := h.Authenticate(b.Context(), "u1", "pass", peer); err != nil {
			b.Fatal(err)
		}
	}
}

// A login that has to be hashed, at the default cost.
func BenchmarkLoginHashed(b *testing.B) {
	h := newHouse(b, directory.Options{MinPassword: 1, Remember: -1, Cost: directory.Cost{Threads: 1}})
	h.add(b, "u1", "pass")
	for b.Loop() {
		if _, err := h.Authenticate(b.Context(), "u1", "pass", peer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	h := newHouse(b, directory.Options{MinPassword: 1})
	h.add(b, "u1", "pass")
	for i := range 1000 {
		if _, err := h.AddAlias(b.Context(), address(b, fmt.Sprintf("a%d@demo.test", i)), directory.NewAlias{Targets: []addr.Address{address(b, "u1@demo.test")}}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := h.Lookup(b.Context(), address(b, "a500+tag@demo.test")); err != nil {
			b.Fatal(err)
		}
	}
}
