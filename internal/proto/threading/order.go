package threading

import "slices"

// Order is the places 0 to n-1 in an order.
type Order []uint32

// NewOrder is the order of the mailbox.
func NewOrder(n int) Order {
	o := make(Order, n)
	for i := range o {
		o[i] = uint32(i)
	}
	return o
}

// Key makes a number that can be negative fit for SortBy.
func Key(n int64) uint64 { return uint64(n) ^ 1<<63 }

// SortBy sorts the places by ascending keys, and leaves those with the same key in their order. keys has one for each place. To sort by
// several criteria, sort by the last one first.
func (o Order) SortBy(keys []uint64) {
	if len(o) < smallOrder {
		slices.SortStableFunc(o, func(a, b uint32) int {
			switch ka, kb := keys[a], keys[b]; {
			case ka < kb:
				return -1
			case ka > kb:
				return 1
			}
			return 0
		})
		return
	}
	low, high := keys[o[0]], keys[o[0]]
	sorted := true
	for i, at := range o {
		k := keys[at]
		low, high = min(low, k), max(high, k)
		sorted = sorted && (i == 0 || keys[o[i-1]] <= k)
	}
	if !sorted {
		o.radix(keys, low, high)
	}
}

const (
	smallOrder = 1 << 9
	digitBits  = 11
)

type keyed struct {
	key uint64
	at  uint32
}

// radix sorts by one digit of the keys after the other, the lowest first.
func (o Order) radix(keys []uint64, low, high uint64) {
	from, to := make([]keyed, len(o)), make([]keyed, len(o))
	for i, at := range o {
		from[i] = keyed{keys[at] - low, at}
	}
	var count [1 << digitBits]uint32
	for shift := uint(0); shift < 64 && (high-low)>>shift != 0; shift += digitBits {
		clear(count[:])
		for i := range from {
			count[from[i].key>>shift&(1<<digitBits-1)]++
		}
		sum := uint32(0)
		for i, n := range count {
			count[i] = sum
			sum += n
		}
		for i := range from {
			d := from[i].key >> shift & (1<<digitBits - 1)
			to[count[d]] = from[i]
			count[d]++
		}
		from, to = to, from
	}
	for i := range from {
		o[i] = from[i].at
	}
}
