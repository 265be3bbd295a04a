package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// maxDocs is how many messages a segment has at most: a set of them is then a
// list of bits of 8 KiB, and nothing cleverer is needed.
const maxDocs = 1 << 16

// errCorrupt says that a record of the index is not what was written. The
// account's index is then dropped and built again.
var errCorrupt = errors.New("search: corrupt record")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCorrupt, fmt.Sprintf(format, args...))
}

// docSet is a set of a segment's messages by their numbers there; nil is the
// empty one.
type docSet []uint64

func newDocSet(docs int) docSet { return make(docSet, (docs+63)/64) }

func (s docSet) add(doc uint32)      { s[doc/64] |= 1 << (doc % 64) }
func (s docSet) has(doc uint32) bool { return int(doc/64) < len(s) && s[doc/64]&(1<<(doc%64)) != 0 }

func (s docSet) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// and leaves what is in o too.
func (s docSet) and(o docSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

// each calls fn for the members, ascending.
func (s docSet) each(fn func(doc uint32)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			fn(uint32(i*64 + bits.TrailingZeros64(w)))
		}
	}
}

// Forms of a list, the low bit of its length in a block.
const (
	formGaps = 0 // uvarints: the first number, then the distance to each next one, less one
	formBits = 1 // eight numbers an octet, up to the last that is there
)

// appendPosting appends a list of ascending numbers in the form that is shorter.
func appendPosting(dst []byte, docs []uint16) (out []byte, form uint64) {
	start := len(dst)
	last := docs[len(docs)-1]
	size := int(last)/8 + 1
	next := uint32(0)
	for _, d := range docs {
		dst = binary.AppendUvarint(dst, uint64(uint32(d)-next))
		next = uint32(d) + 1
	}
	if len(dst)-start <= size {
		return dst, formGaps
	}
	dst = append(dst[:start], make([]byte, size)...)
	for _, d := range docs {
		dst[start+int(d)/8] |= 1 << (d % 8)
	}
	return dst, formBits
}

// addPosting adds a list to a set of a segment of so many messages.
func addPosting(s docSet, b []byte, form uint64, docs int) error {
	if form != formBits {
		return eachPosting(b, form, docs, s.add)
	}
	if err := checkBits(b, docs); err != nil {
		return err
	}
	for i, c := range b {
		s[i/8] |= uint64(c) << (i % 8 * 8)
	}
	return nil
}

// eachPosting calls fn for the members of a list, ascending.
func eachPosting(b []byte, form uint64, docs int, fn func(doc uint32)) error {
	if form == formBits {
		if err := checkBits(b, docs); err != nil {
			return err
		}
		for i, c := range b {
			for ; c != 0; c &= c - 1 {
				fn(uint32(i*8 + bits.TrailingZeros8(c)))
			}
		}
		return nil
	}
	next := uint64(0)
	for len(b) > 0 {
		gap, n := binary.Uvarint(b)
		if n <= 0 || gap >= uint64(docs) || next+gap >= uint64(docs) {
			return corrupt("a list goes beyond %d messages", docs)
		}
		b = b[n:]
		fn(uint32(next + gap))
		next += gap + 1
	}
	return nil
}

// checkBits says whether a list of bits has only messages that there are.
func checkBits(b []byte, docs int) error {
	if n := len(b); n > (docs+7)/8 || n > 0 && n == (docs+7)/8 && docs%8 != 0 && b[n-1]>>(docs%8) != 0 {
		return corrupt("a list goes beyond %d messages", docs)
	}
	return nil
}

// block writes successive lists of a segment, each with its gram, into rows.
type blockWriter struct {
	buf   []byte
	first gram // of the block
	last  gram
	list  []byte
	emit  func(first gram, block []byte) error
}

// blockSize is where a block ends; lists of one gram stay together.
const blockSize = 16 << 10

func (w *blockWriter) add(g gram, docs []uint16) error {
	if len(w.buf) >= blockSize && g>>classBits != w.last>>classBits {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.buf) == 0 {
		w.first, w.last = g, g
	}
	var form uint64
	w.list, form = appendPosting(w.list[:0], docs)
	w.buf = binary.AppendUvarint(w.buf, uint64(g-w.last))
	w.buf = binary.AppendUvarint(w.buf, uint64(len(w.list))<<1|form)
	w.buf = append(w.buf, w.list...)
	w.last = g
	return nil
}

func (w *blockWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.emit(w.first, w.buf)
	w.buf = w.buf[:0]
	return err
}

// blockReader reads what blockWriter wrote.
type blockReader struct {
	rest []byte
	gram gram
	form uint64
	list []byte
}

func readBlock(first gram, block []byte) blockReader { return blockReader{rest: block, gram: first} }

// next goes to the next list.
func (r *blockReader) next() (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	delta, n := binary.Uvarint(r.rest)
	if n <= 0 {
		return false, corrupt("a block")
	}
	size, k := binary.Uvarint(r.rest[n:])
	if k <= 0 || size>>1 > uint64(len(r.rest)-n-k) || r.gram+gram(delta) < r.gram {
		return false, corrupt("a block")
	}
	r.gram += gram(delta)
	end := n + k + int(size>>1)
	r.form, r.list, r.rest = size&1, r.rest[n+k:end], r.rest[end:]
	return true, nil
}
