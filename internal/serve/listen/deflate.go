package listen

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"restante/internal/proto/deflate"
)

// DEFLATE above TLS (RFC 4978, RFC 1951).
//
// A compressor takes 800 KB, so a connection has one only while it is busy, and all connections of a Server have 64 together. What is to be sent
// when none is left goes out in stored blocks, as it is: slow readers can slow down only themselves. A connection that waits holds
// what the client's stream can refer to (as much as it has sent, 36 KB at most) and nothing of its own: a new compressor goes on in the
// same stream, without looking back.
const maxCompressors = 64

// ErrDeflateActive means that the connection is compressed already.
var ErrDeflateActive = errors.New("listen: compression is active")

// StartDeflate sends what the Writer holds; all that follows is compressed, both ways. ErrPipelined when the client did not wait for
// the reply that says so: check Buffered before it.
func (c *Conn) StartDeflate() error {
	switch {
	case c.deflate != nil:
		return ErrDeflateActive
	case c.Buffered() > 0:
		return ErrPipelined
	}
	if err := c.Flush(); err != nil {
		return err
	}
	c.inflate = deflate.NewReader(source{c})
	c.deflate = &deflater{c: c}
	return nil
}

// StopDeflate ends compression, both ways, behind what has been read and written; without it, it does nothing. What the client has sent
// behind the end of its stream is read as it is.
func (c *Conn) StopDeflate() error {
	if c.deflate == nil {
		return nil
	}
	err := c.Flush()
	c.deflate.release()
	c.raw = &rawInput{left: c.inflate.Rest()}
	c.raw.left = c.raw.text(c.raw.left)
	c.inflate, c.deflate = nil, nil
	return err
}

// Deflating reports whether the connection is compressed.
func (c *Conn) Deflating() bool { return c.deflate != nil }

// rawInput is what was read of the client's stream of compressed octets and does not belong to it. The end of that stream may be
// still to come: a flush is "00 00 FF FF" and a few bits, and no line begins with such octets.
type rawInput struct {
	left  []byte
	begun bool // an octet of text has come
}

// read takes text from what is left or from src.
func (r *rawInput) read(p []byte, src io.Reader) (n int, err error) {
	for n == 0 && err == nil {
		if n = copy(p, r.left); n > 0 {
			r.left = r.left[n:]
		} else {
			n, err = src.Read(p)
		}
		n = copy(p, r.text(p[:n]))
	}
	return n, err
}

// text is what stands behind the end of the stream.
func (r *rawInput) text(p []byte) []byte {
	for !r.begun && len(p) > 0 {
		if r.begun = p[0] >= ' ' && p[0] < 0x80; !r.begun {
			p = p[1:]
		}
	}
	return p
}

// source is the connection below compression.
type source struct{ c *Conn }

// Read implements io.Reader.
func (s source) Read(p []byte) (int, error) { return s.c.stream().Read(p) }

// deflater compresses what a connection sends.
type deflater struct {
	c   *Conn
	w   *deflate.Writer // nil: stored blocks
	out *bufio.Writer   // below w; nil when released
	err error           // sticky

	clean bool // nothing has been written since the flush
}

// Write implements io.Writer.
func (d *deflater) Write(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.out == nil {
		d.out = d.c.srv.writers.Get().(*bufio.Writer)
		d.out.Reset(sink{d.c})
		if d.w = d.c.srv.compressors.get(); d.w != nil {
			d.w.Reset(d.out)
		}
	}
	d.clean = false
	if d.w == nil {
		d.err = deflate.WriteStored(d.out, p)
	} else {
		_, d.err = d.w.Write(p)
	}
	return len(p), d.err
}

// flush sends all, so that the client can decompress it.
func (d *deflater) flush() error {
	if d.err != nil || d.out == nil {
		return d.err
	}
	switch {
	case d.clean:
		return nil
	case d.w != nil:
		d.err = d.w.Flush()
	default:
		d.err = deflate.WriteStored(d.out, nil) // which a flush ends with, too
	}
	if d.err == nil {
		d.err = d.out.Flush()
	}
	d.clean = true
	return d.err
}

// release gives back what it has, which has been flushed.
func (d *deflater) release() {
	if d.out == nil {
		return
	}
	d.c.srv.compressors.put(d.w)
	d.out.Reset(nil)
	d.c.srv.writers.Put(d.out)
	d.w, d.out = nil, nil
}

// sink is the connection below compression.
type sink struct{ c *Conn }

// Write implements io.Writer.
func (s sink) Write(p []byte) (int, error) { return s.c.stream().Write(p) }

// compressors lends deflate.Writers.
type compressors struct {
	pool sync.Pool
	mu   struct {
		sync.Mutex
		lent int
	}
}

// get returns nil when all are lent.
func (s *compressors) get() *deflate.Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.lent == maxCompressors {
		return nil
	}
	s.mu.lent++
	if w, ok := s.pool.Get().(*deflate.Writer); ok {
		return w
	}
	return deflate.NewWriter()
}

// put takes nil, too.
func (s *compressors) put(w *deflate.Writer) {
	if w == nil {
		return
	}
	w.Reset(io.Discard) // holds on to nothing of the connection
	s.pool.Put(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.lent--
}
