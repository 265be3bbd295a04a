// Package limit keeps guessing, hammering and heavy work in bounds.
//
// [Guard] slows down those who guess passwords, [Rate] bounds how often one
// address does something, [Memory] bounds work that needs much memory. All are
// safe for concurrent use; a nil *Guard, *Rate or *Memory bounds nothing, which
// is how an operator switches one off.
//
// What is remembered of an address is remembered of its IPv6 /64, since that
// is what one customer holds, or of a wider network where a Rate says so; and it is bounded: under a flood of new keys the
// ones that nobody has touched for longest are forgotten first.
package limit

import "net/netip"

// Network is what one client is thought to hold: an IPv4 address, or an IPv6
// /64. It is the invalid Prefix for the invalid Addr.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// table is a map that forgets: it holds at most size entries, in two
// generations. An entry that is touched moves to the young one; when that is
// full it becomes the old one, and the old one is dropped whole. No list to
// keep, and no sweep.
type table[K comparable, V any] struct {
	size       int // of both together
	young, old map[K]V
}

func newTable[K comparable, V any](size int) table[K, V] {
	return table[K, V]{size: size, young: make(map[K]V)}
}

func (t *table[K, V]) get(k K) (V, bool) {
	if v, ok := t.young[k]; ok {
		return v, true
	}
	v, ok := t.old[k]
	return v, ok
}

func (t *table[K, V]) put(k K, v V) {
	if _, ok := t.young[k]; !ok && len(t.young) >= t.size/2 {
		t.old, t.young = t.young, make(map[K]V)
	}
	t.young[k] = v
}
