package deflate

import (
	"io"

	"github.com/klauspost/compress/flate"
)

// Level 1 takes mail headers and text to 43 %, at twice the speed of the levels that get to 40.
const level = 1

// Writer compresses what is written to it into a stream that has no end. It holds 800 KB. It is not safe for concurrent use.
type Writer struct{ w *flate.Writer }

// NewWriter returns a Writer, which is used after a Reset.
func NewWriter() *Writer {
	w, err := flate.NewWriter(io.Discard, level)
	if err != nil {
		panic(err) // there is no such level
	}
	return &Writer{w}
}

// Reset makes w write to dst, where a stream begins or goes on behind a Flush: no reference is made to what was written before.
func (w *Writer) Reset(dst io.Writer) { w.w.Reset(dst) }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) { return w.w.Write(p) }

// Flush lets the reader have all that was written. The stream ends at an octet then.
func (w *Writer) Flush() error { return w.w.Flush() }

// WriteStored writes p to dst in stored blocks, as it is, where a stream begins or goes on behind a Flush or other stored blocks (RFC 1951
// 3.2.4). Some readers give out nothing before an empty one.
func WriteStored(dst io.Writer, p []byte) error {
	for first := true; first || len(p) > 0; first = false {
		n := min(len(p), 1<<16-1)
		head := [5]byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}
		if _, err := dst.Write(head[:]); err != nil {
			return err
		}
		if _, err := dst.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
