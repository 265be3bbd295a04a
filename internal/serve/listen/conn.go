package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"restante/internal/proto/deflate"
)

// Conn is one client's connection. It implements net.Conn, but protocols read
// by Reader and write by Writer. Unless said otherwise its methods may be
// called only from its handler's goroutine.
type Conn struct {
	srv     *Server
	id      string
	logged  []any // what AddLog has added
	group   *group
	remote  netip.Addr // the client's
	front   *front     // nil when no proxy has said anything
	counted bool       // in the limits
	wire    wire
	tls     *tls.Conn       // nil in the clear
	inflate *deflate.Reader // nil without compression, as deflate is
	deflate *deflater
	raw     *rawInput // nil but after compression
	r       *bufio.Reader
	w       *bufio.Writer

	readErr error // what every read returns from now on
	peeked  bool  // one byte was read by WaitInput...
	peek    [1]byte

	mu struct {
		sync.Mutex
		waiting     bool // in WaitInput, interruptible by a read deadline
		interrupted bool
		draining    bool
	}
}

var _ net.Conn = (*Conn)(nil)

// ID names the connection in logs.
func (c *Conn) ID() string { return c.id }

// Log is the connection's logger: it carries the listener, the id, the
// client's address and that of a proxy before it.
func (c *Conn) Log() *slog.Logger {
	// Made when it is asked for, which is seldom: thousands of connections wait and have nothing to say.
	log := c.srv.opts.Logger.With(slog.String("listener", c.srv.opts.Name), slog.String("conn", c.id))
	if c.remote.IsValid() {
		log = log.With(slog.String("remote", c.remote.String()))
	}
	if c.Proxied() {
		log = log.With(slog.String("proxy", c.front.proxy.String()))
	}
	return log.With(c.logged...)
}

// debug logs what only debug logging asks for.
func (c *Conn) debug(msg string, args ...any) {
	if c.Tracing() {
		c.Log().Debug(msg, args...)
	}
}

// AddLog adds attributes to the connection's logger: who logged in.
func (c *Conn) AddLog(args ...any) { c.logged = append(c.logged, args...) }

// ResetLog takes away what AddLog has added.
func (c *Conn) ResetLog() { c.logged = nil }

// RemoteIP is the client's address, the invalid Addr when it has none (in
// tests, on a socket file). With a proxy before it, it is whom that speaks of.
func (c *Conn) RemoteIP() netip.Addr { return c.remote }

// LocalIP is this machine's end of the connection, the invalid Addr when it has none.
func (c *Conn) LocalIP() netip.Addr { return ipOf(c.wire.LocalAddr()) }

// OctetsIn is what was read from the wire, TLS included. Any goroutine may ask.
func (c *Conn) OctetsIn() int64 { return c.wire.in.Load() }

// OctetsOut is what was written to the wire, TLS included. Any goroutine may ask.
func (c *Conn) OctetsOut() int64 { return c.wire.out.Load() }

// SetTimeouts replaces the rolling time limits for one read and one write.
// Zero keeps what is.
func (c *Conn) SetTimeouts(read, write time.Duration) {
	if read > 0 {
		c.wire.readTimeout = read
	}
	if write > 0 {
		c.wire.writeTimeout = write
	}
}

// LimitUntil sets a point in time after which every read and write fails,
// whatever the rolling limits: "logged in within a minute". The zero Time
// takes it away.
func (c *Conn) LimitUntil(t time.Time) { c.wire.limit = t }

func (c *Conn) stream() net.Conn {
	if c.tls != nil {
		return c.tls
	}
	return &c.wire
}

// Reader is the buffered input. It holds until the next WaitInput or
// ReleaseBuffers: ask again after those. Before it waits for the client it
// flushes the Writer.
func (c *Conn) Reader() *bufio.Reader {
	if c.r == nil {
		c.r = c.srv.readers.Get().(*bufio.Reader)
		c.r.Reset(c)
	}
	return c.r
}

// Writer is the buffered output. It holds until the next WaitInput or
// ReleaseBuffers. Its errors are sticky; they come up in Flush and WaitInput,
// so replies may be written without a check.
func (c *Conn) Writer() *bufio.Writer {
	if c.w == nil {
		c.w = c.srv.writers.Get().(*bufio.Writer)
		c.w.Reset(writeOnly{c})
	}
	return c.w
}

// writeOnly hides Conn's other methods from bufio.
type writeOnly struct{ c *Conn }

func (w writeOnly) Write(p []byte) (int, error) { return w.c.send(p) }

// send writes below the Writer.
func (c *Conn) send(p []byte) (int, error) {
	if c.deflate != nil {
		return c.deflate.Write(p)
	}
	return c.stream().Write(p)
}

// Buffered is the number of octets that the client has sent and nobody has
// read yet, as far as is known here.
func (c *Conn) Buffered() int {
	n := 0
	if c.r != nil {
		n = c.r.Buffered()
	}
	if c.peeked {
		n++
	}
	if c.raw != nil {
		n += len(c.raw.left)
	}
	return n
}

// Flush sends what the Writer holds.
func (c *Conn) Flush() error {
	if c.w != nil {
		if err := c.w.Flush(); err != nil {
			return err
		}
	}
	if c.deflate != nil {
		return c.deflate.flush()
	}
	return nil
}

// ReleaseBuffers flushes and gives the buffers back to the pool; unread input
// keeps the Reader's. Before a long wait (IDLE) it spares the two seconds
// after which WaitInput would do it.
func (c *Conn) ReleaseBuffers() error {
	err := c.Flush()
	if c.w != nil && err == nil { // with an error it stays, and so does the error
		c.w.Reset(nil)
		c.srv.writers.Put(c.w)
		c.w = nil
	}
	if c.r != nil && c.r.Buffered() == 0 {
		c.r.Reset(nil)
		c.srv.readers.Put(c.r)
		c.r = nil
	}
	if c.deflate != nil && err == nil {
		c.deflate.release()
		c.inflate.Release()
	}
	return err
}

// Read implements net.Conn, below the Reader.
func (c *Conn) Read(p []byte) (int, error) {
	switch {
	case c.readErr != nil:
		return 0, c.readErr
	case len(p) == 0:
		return 0, nil
	case c.peeked:
		c.peeked = false
		return copy(p, c.peek[:]), nil
	}
	if err := c.Flush(); err != nil {
		c.readErr = err
		return 0, err
	}
	n, err := c.receive(p)
	if err != nil && !(c.wire.parked && isTimeout(err)) {
		c.readErr = err
	}
	return n, err
}

// receive reads below the Reader.
func (c *Conn) receive(p []byte) (int, error) {
	switch {
	case c.inflate != nil:
		return c.inflate.Read(p)
	case c.raw != nil:
		return c.raw.read(p, c.stream())
	}
	return c.stream().Read(p)
}

// Write implements net.Conn, below the Writer; what the Writer holds goes first.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Flush(); err != nil {
		return 0, err
	}
	n, err := c.send(p)
	if err == nil {
		err = c.Flush()
	}
	return n, err
}

// Close closes the connection without flushing. Any goroutine may call it. A
// handler need not: it returns.
func (c *Conn) Close() error { return c.wire.Close() }

// abort is Close for those who cannot wait for a reply to the end of TLS.
func (c *Conn) abort() { c.wire.Close() }

// finish flushes, says goodbye to TLS, closes, and gives the buffers back.
func (c *Conn) finish() {
	c.LimitUntil(time.Now().Add(c.srv.opts.HandshakeTimeout))
	c.Flush() // an error ends nothing more than what is ending
	c.linger()
	c.stream().Close()
	if c.r != nil {
		c.r.Reset(nil)
		c.srv.readers.Put(c.r)
	}
	if c.w != nil {
		c.w.Reset(nil)
		c.srv.writers.Put(c.w)
	}
	c.r, c.w = nil, nil
	if c.deflate != nil {
		c.deflate.release()
	}
}

// Bounds of linger.
const (
	lingerFor  = 100 * time.Millisecond
	lingerSize = 1 << 20
)

// linger lets the client read our last words. Closing a socket that has unread
// input resets the connection, and a reset may overtake the reply that says
// why we hang up on somebody who sends too much.
func (c *Conn) linger() {
	half, ok := c.wire.Conn.(interface{ CloseWrite() error })
	if c.readErr != nil || !ok {
		return
	}
	if c.tls != nil {
		c.tls.CloseWrite() // close_notify; nothing to do about errors from here on
	}
	if half.CloseWrite() != nil || c.wire.Conn.SetReadDeadline(time.Now().Add(lingerFor)) != nil {
		return
	}
	io.Copy(io.Discard, io.LimitReader(c.wire.Conn, lingerSize))
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.wire.LocalAddr() }

// RemoteAddr implements net.Conn: it is the client's address, as RemoteIP is.
func (c *Conn) RemoteAddr() net.Addr {
	if c.Proxied() {
		return c.front.client
	}
	return c.wire.RemoteAddr()
}

// SetDeadline implements net.Conn. Reads and writes set their own deadlines,
// so this is LimitUntil.
func (c *Conn) SetDeadline(t time.Time) error { c.LimitUntil(t); return nil }

// SetReadDeadline implements net.Conn, as SetDeadline.
func (c *Conn) SetReadDeadline(t time.Time) error { c.LimitUntil(t); return nil }

// SetWriteDeadline implements net.Conn, as SetDeadline.
func (c *Conn) SetWriteDeadline(t time.Time) error { c.LimitUntil(t); return nil }

// traceMax bounds a line of a transcript.
const traceMax = 1024

// Tracing reports whether a transcript is wanted. Ask before building a line
// for it.
func (c *Conn) Tracing() bool {
	return c.srv.opts.Logger.Enabled(context.Background(), slog.LevelDebug)
}

// TraceIn logs a line of the client's at debug level. The caller masks secrets
// first (see Masked): here nobody knows where they are.
func (c *Conn) TraceIn(line string) { c.trace("client", line) }

// TraceOut logs a line of the server's at debug level.
func (c *Conn) TraceOut(line string) { c.trace("server", line) }

func (c *Conn) trace(side, line string) {
	if c.Tracing() {
		c.Log().Debug("wire", side, line[:min(len(line), traceMax)])
	}
}

// Masked stands for a secret in a transcript.
const Masked = "***"
