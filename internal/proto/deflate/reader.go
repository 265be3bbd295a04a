// Package deflate reads a DEFLATE stream (RFC 1951) as it arrives, and writes one that can be left and gone on with.
//
// # Model
//
// A [Reader] gives out every octet as soon as the bits that stand for it are there. Readers that are made for files wait for the end of
// a block, and that end may never come: a mail client that asks zlib for Z_PARTIAL_FLUSH, or for no flush at all, leaves its command in the middle of
// one and waits for the answer (RFC 4978).
//
// An error of the source changes nothing but that it is returned: after a deadline the next Read goes on where this one stopped.
//
// # Memory
//
// What a Reader holds between two blocks is its window: as much of the output as the stream can still refer to, 36 KiB at most,
// and no more than twice what there was. Its input buffer (4 KiB) and code tables (3 KiB) are there while they are needed; see [Reader.Release].
//
// # What it does not do
//
// It sets no limit to its output, which may have a thousand octets for each of the input: whoever reads from it counts.
package deflate

import (
	"errors"
	"io"
)

// ErrCorrupt says that the input is no DEFLATE stream. It is final.
var ErrCorrupt = errors.New("deflate: corrupt stream")

const (
	window = 32 << 10 // how far back a stream may refer (RFC 1951 2)
	// inputSize is more than the longest head of a block, which is read in one go.
	inputSize = 4 << 10
)

// step is what comes next in the stream.
type step uint8

const (
	atHeader step = iota
	inStored
	inSymbols
	ended
)

// Reader decompresses what it reads from its source. Make it with NewReader. It is not safe for concurrent use.
type Reader struct {
	src io.Reader
	err error // final

	bits  uint64 // the next bits, the first one lowest
	nbits uint
	in    []byte // what follows them; lies in buf or little
	buf   []byte
	// little takes input while nobody asks for more than an octet: a connection that waits needs no buffer.
	little [16]byte

	step  step
	final bool // this block is the last one
	left  int  // octets of a stored block
	codes *codes

	length, distance int    // of a copy that is under way
	hist             []byte // the last octets that were given out
}

// NewReader returns a Reader that reads from src, which must give out what has arrived without waiting for more.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Read implements io.Reader. It returns with what there is rather than wait for more, and does not go on from one block to the next once it
// has something. io.EOF is the end of the stream, which need not be that of the source.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil {
		n := r.decode(p)
		if n > 0 {
			r.remember(p[:n])
			return n, nil
		}
		if r.err != nil {
			break
		}
		if err := r.fill(len(p) < len(r.little)); err != nil {
			return 0, err
		}
	}
	return 0, r.err
}

// Release gives back the input buffer and the tables if they are not in use.
func (r *Reader) Release() {
	if len(r.in) <= len(r.little) {
		r.in = r.little[:copy(r.little[:], r.in)]
		r.buf = nil
	}
	if r.step == atHeader {
		r.codes = nil
	}
}

// Rest is the input that has been read from the source and not been used, for when something else follows the stream. What is left of an
// octet that was begun is dropped. The Reader must not be used any more.
func (r *Reader) Rest() []byte {
	r.align()
	var out []byte
	for ; r.nbits > 0; r.nbits -= 8 {
		out = append(out, byte(r.bits))
		r.bits >>= 8
	}
	return append(out, r.in...)
}

// fill reads more input. An error changes nothing.
func (r *Reader) fill(little bool) error {
	var n int
	var err error
	if little && r.buf == nil && len(r.in) == 0 {
		n, err = r.src.Read(r.little[:])
		r.in = r.little[:n]
	} else {
		if r.buf == nil {
			r.buf = make([]byte, inputSize)
		}
		have := copy(r.buf, r.in)
		n, err = r.src.Read(r.buf[have:])
		r.in = r.buf[:have+n]
	}
	switch {
	case n > 0:
		return nil // an error that lasts comes again
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// decode decompresses into p what the input at hand is enough for.
func (r *Reader) decode(p []byte) (n int) {
	for ok := true; ok && r.err == nil && n < len(p); {
		switch r.step {
		case atHeader:
			if n > 0 {
				return n
			}
			ok = r.header()
		case inStored:
			n, ok = r.stored(p, n)
		case inSymbols:
			n, ok = r.symbols(p, n)
		case ended:
			r.err = io.EOF
		}
	}
	return n
}

// endBlock goes on to the next block, or to the end.
func (r *Reader) endBlock() {
	r.step = atHeader
	if r.final {
		r.step = ended
	}
}

// fail notes that the stream is corrupt; it is always false.
func (r *Reader) fail() bool {
	r.err = ErrCorrupt
	return false
}

// header reads the head of a block, or nothing when it is not all there.
func (r *Reader) header() bool {
	bits, nbits, in := r.bits, r.nbits, r.in
	if r.readHeader() {
		return true
	}
	if r.err == nil {
		r.bits, r.nbits, r.in = bits, nbits, in
	}
	return false
}

// RFC 1951 3.2.3
func (r *Reader) readHeader() bool {
	head, ok := r.take(3)
	if !ok {
		return false
	}
	final := head&1 != 0
	switch head >> 1 {
	case 0: // RFC 1951 3.2.4
		r.align()
		n, ok := r.take(32)
		if !ok {
			return false
		}
		if n&0xffff != ^n>>16&0xffff {
			return r.fail()
		}
		r.left, r.step = int(n&0xffff), inStored
	case 1:
		r.table().fixed()
		r.step = inSymbols
	case 2:
		if !r.dynamic() {
			return false
		}
		r.step = inSymbols
	default:
		return r.fail()
	}
	if r.final = final; r.step == inStored && r.left == 0 {
		r.endBlock()
	}
	return true
}

// stored copies octets of a stored block.
func (r *Reader) stored(p []byte, n int) (int, bool) {
	for r.nbits > 0 && r.left > 0 && n < len(p) {
		b, _ := r.take(8)
		p[n] = byte(b)
		n++
		r.left--
	}
	if r.nbits == 0 {
		k := copy(p[n:min(len(p), n+r.left)], r.in)
		r.in = r.in[k:]
		n += k
		r.left -= k
	}
	if r.left == 0 {
		r.endBlock()
		return n, true
	}
	return n, n == len(p)
}

// load sees to it that n bits are at hand, n <= 56, or as many as there are.
func (r *Reader) load(n uint) bool {
	for r.nbits < n {
		if len(r.in) == 0 {
			return false
		}
		r.bits |= uint64(r.in[0]) << r.nbits
		r.in = r.in[1:]
		r.nbits += 8
	}
	return true
}

// take takes n bits, n <= 56.
func (r *Reader) take(n uint) (uint64, bool) {
	if !r.load(n) {
		return 0, false
	}
	v := r.bits & (1<<n - 1)
	r.drop(n)
	return v, true
}

func (r *Reader) drop(n uint) {
	r.bits >>= n
	r.nbits -= n
}

// align drops what is left of an octet.
func (r *Reader) align() { r.drop(r.nbits % 8) }

// remember keeps the end of the output, for later references. There is room for more than the window, so that small pieces do not
// move it each time.
func (r *Reader) remember(p []byte) {
	const room = window + window/8
	p = p[max(0, len(p)-window):]
	if len(r.hist)+len(p) > room {
		r.hist = r.hist[:copy(r.hist, r.hist[len(r.hist)+len(p)-window:])]
	}
	if need := len(r.hist) + len(p); need > cap(r.hist) {
		grown := make([]byte, len(r.hist), min(room, max(512, 2*need)))
		copy(grown, r.hist)
		r.hist = grown
	}
	r.hist = append(r.hist, p...)
}
