package deflate

import "math/bits"

// symbols decompresses octets of a block with Huffman codes (RFC 1951 3.2.5).
func (r *Reader) symbols(p []byte, n int) (int, bool) {
	for n < len(p) {
		if r.length > 0 {
			n += r.copy(p, n)
			continue
		}
		r.load(48) // all that a length and a distance can have
		sym, used, ok := r.codes.lit.decode(r.bits, r.nbits)
		if !ok {
			return n, r.short(used)
		}
		switch {
		case sym < endOfBlock:
			p[n] = byte(sym)
			n++
			r.drop(used)
			continue
		case sym == endOfBlock:
			r.drop(used)
			r.endBlock()
			return n, true
		}
		length, used, ok := r.extra(lengthCode(sym-endOfBlock-1), used)
		if !ok {
			return n, r.short(used)
		}
		sym, bits, ok := r.codes.dist.decode(r.bits>>used, r.nbits-used)
		if !ok {
			return n, r.short(bits)
		}
		distance, used, ok := r.extra(distanceCode(sym), used+bits)
		switch {
		case !ok:
			return n, r.short(used)
		case distance > n+len(r.hist):
			return n, r.fail()
		}
		r.drop(used)
		r.length, r.distance = length, distance
	}
	return n, true
}

// invalid, in the place of a number of bits, says that they are no code; anything else, that there are too few of them.
const invalid = ^uint(0)

// short is what there is to say when no symbol could be read; it is always false.
func (r *Reader) short(used uint) bool {
	if used == invalid {
		return r.fail()
	}
	return false
}

// base is the least value of a symbol for a length or distance, and how many bits follow that are added to it. The zero base is of none.
type base struct {
	value int
	bits  uint
}

// extra reads the bits that follow a symbol of which used bits have been seen.
func (r *Reader) extra(b base, used uint) (value int, after uint, ok bool) {
	switch {
	case b.value == 0:
		return 0, invalid, false
	case used+b.bits > r.nbits:
		return 0, 0, false
	}
	return b.value + int(r.bits>>used&(1<<b.bits-1)), used + b.bits, true
}

// lengthCode and distanceCode are the tables of RFC 1951 3.2.5: the bits grow by one every four symbols, or two.
func lengthCode(sym int) base {
	switch {
	case sym < 8:
		return base{3 + sym, 0}
	case sym < 28:
		n := uint(sym/4 - 1)
		return base{3 + (4+sym%4)<<n, n}
	case sym == 28:
		return base{258, 0}
	}
	return base{}
}

func distanceCode(sym int) base {
	switch {
	case sym < 4:
		return base{1 + sym, 0}
	case sym < 30:
		n := uint(sym/2 - 1)
		return base{1 + (2+sym%2)<<n, n}
	}
	return base{}
}

// copy repeats octets that were given out before, as far as p goes.
func (r *Reader) copy(p []byte, n int) (copied int) {
	for r.length > 0 && n < len(p) {
		var from []byte
		if r.distance <= n {
			from = p[n-r.distance : n]
		} else {
			from = r.hist[len(r.hist)+n-r.distance:]
		}
		k := copy(p[n:min(len(p), n+r.length)], from)
		n += k
		copied += k
		r.length -= k
	}
	return copied
}

const (
	endOfBlock = 256
	maxLit     = 288 // with the two that have a code and no meaning
	maxDist    = 32
	maxBits    = 15 // of a code
	fastBits   = 9  // of codes that are found in one look
)

// codes are those of a block.
type codes struct{ lit, dist code }

// code is a canonical Huffman code (RFC 1951 3.2.2).
type code struct {
	fast    [1 << fastBits]uint16 // by the next bits: symbol<<4 | bits, 0 for the longer codes
	count   [maxBits + 1]uint16   // of codes by their length
	symbols [maxLit]uint16        // by code
}

// decode finds the symbol that the n bits begin with, and how many it takes. When there is none, used is invalid or n is too small.
func (c *code) decode(v uint64, n uint) (sym int, used uint, ok bool) {
	if e := c.fast[v&(1<<fastBits-1)]; e != 0 {
		used = uint(e & 15)
		return int(e >> 4), used, used <= n
	}
	var at, first, index int
	for l := uint(1); l <= maxBits; l++ {
		if l > n {
			return 0, 0, false
		}
		at |= int(v & 1)
		v >>= 1
		count := int(c.count[l])
		if at-count < first {
			return int(c.symbols[index+at-first]), l, true
		}
		index += count
		first = (first + count) << 1
		at <<= 1
	}
	return 0, invalid, false
}

// set makes the code from the lengths of its symbols' codes. Lengths that leave bits without a meaning are no code, but for that of one
// symbol, or none, among distances.
func (c *code) set(lengths []uint8) bool {
	*c = code{}
	for _, l := range lengths {
		c.count[l]++
	}
	used := len(lengths) - int(c.count[0])
	c.count[0] = 0
	var next, index [maxBits + 2]int
	room := 1
	for l := 1; l <= maxBits; l++ {
		if room = room<<1 - int(c.count[l]); room < 0 {
			return false
		}
		next[l+1] = (next[l] + int(c.count[l])) << 1
		index[l+1] = index[l] + int(c.count[l])
	}
	if room > 0 && (used > 1 || used == 1 && c.count[1] == 0) {
		return false
	}
	for sym, l := range lengths {
		if l == 0 {
			continue
		}
		c.symbols[index[l]] = uint16(sym)
		index[l]++
		if l <= fastBits {
			// Codes come with their highest bit first (RFC 1951 3.1.1).
			for at := bits.Reverse16(uint16(next[l])) >> (16 - l); at < 1<<fastBits; at += 1 << l {
				c.fast[at] = uint16(sym)<<4 | uint16(l)
			}
		}
		next[l]++
	}
	return true
}

func (r *Reader) table() *codes {
	if r.codes == nil {
		r.codes = new(codes)
	}
	return r.codes
}

// fixed is RFC 1951 3.2.6.
func (c *codes) fixed() {
	var lengths [maxLit]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	c.lit.set(lengths[:])
	for i := range maxDist {
		lengths[i] = 5
	}
	c.dist.set(lengths[:maxDist])
}

// dynamic reads the codes of a block (RFC 1951 3.2.7).
func (r *Reader) dynamic() bool {
	head, ok := r.take(14)
	if !ok {
		return false
	}
	nlit, ndist, nlen := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	if nlit > 286 || ndist > 30 {
		return r.fail()
	}
	var lengths [maxLit + maxDist]uint8
	order := [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, at := range order[:nlen] {
		l, ok := r.take(3)
		if !ok {
			return false
		}
		lengths[at] = uint8(l)
	}
	t := r.table()
	if !t.lit.set(lengths[:len(order)]) {
		return r.fail()
	}
	clear(lengths[:])
	for i := 0; i < nlit+ndist; {
		var ok bool
		if i, ok = r.codeLength(&t.lit, lengths[:nlit+ndist], i); !ok {
			return false
		}
	}
	if lengths[endOfBlock] == 0 || !t.lit.set(lengths[:nlit]) || !t.dist.set(lengths[nlit:nlit+ndist]) {
		return r.fail()
	}
	return true
}

// codeLength reads one symbol of the code lengths into those from i on, and returns where the next one goes.
func (r *Reader) codeLength(c *code, lengths []uint8, i int) (int, bool) {
	r.load(7 + 7)
	sym, used, ok := c.decode(r.bits, r.nbits)
	if !ok {
		return i, r.short(used)
	}
	r.drop(used)
	if sym < 16 {
		lengths[i] = uint8(sym)
		return i + 1, true
	}
	n, bits, value := 3, uint(2), uint8(0)
	switch {
	case sym == 17:
		bits = 3
	case sym == 18:
		n, bits = 11, 7
	case i == 0:
		return i, r.fail()
	default:
		value = lengths[i-1]
	}
	more, ok := r.take(bits)
	if !ok {
		return i, false
	}
	if n += int(more); i+n > len(lengths) {
		return i, r.fail()
	}
	for range n {
		lengths[i] = value
		i++
	}
	return i, true
}
