// Package listentest is a network in memory for tests of servers: listeners
// and connections with buffers and deadlines and no socket, so that they run
// under testing/synctest.
package listentest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Addr is the address of an in-memory end. Its String is the text itself, so
// "192.0.2.1:4000" passes for a TCP address.
type Addr string

// Network implements net.Addr.
func (Addr) Network() string { return "memory" }

// String implements net.Addr.
func (a Addr) String() string { return string(a) }

// Listener hands the server's end of each Dial to Accept.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

var _ net.Listener = (*Listener)(nil)

// Listen returns a Listener.
func Listen() *Listener {
	return &Listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return Addr("memory") }

// Dial connects to the listener from the address from ("" for none).
func (l *Listener) Dial(from string) (net.Conn, error) {
	client, server := Pipe(from)
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// window is how much one direction holds before a writer waits: about what a
// kernel's socket buffers do.
const window = 256 << 10

// Pipe returns the two ends of a connection. The server sees the address from.
func Pipe(from string) (client, server net.Conn) {
	up, down := newStream(), newStream()
	return &end{r: down, w: up, local: Addr(from), remote: "memory"},
		&end{r: up, w: down, local: "memory", remote: Addr(from)}
}

// end is one end of a connection.
type end struct {
	r, w          *stream
	local, remote Addr
}

func (e *end) Read(p []byte) (int, error)  { return e.r.read(p) }
func (e *end) Write(p []byte) (int, error) { return e.w.write(p) }
func (e *end) LocalAddr() net.Addr         { return e.local }
func (e *end) RemoteAddr() net.Addr        { return e.remote }

// Close lets the other end read what is under way, then EOF.
func (e *end) Close() error {
	e.w.close(io.EOF)
	e.r.close(net.ErrClosed)
	return nil
}

// CloseWrite ends one direction only.
func (e *end) CloseWrite() error {
	e.w.close(io.EOF)
	return nil
}

func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}
func (e *end) SetReadDeadline(t time.Time) error  { return e.r.setDeadline(&e.r.readers, t) }
func (e *end) SetWriteDeadline(t time.Time) error { return e.w.setDeadline(&e.w.writers, t) }

// stream is one direction.
type stream struct {
	mu      sync.Mutex
	cond    *sync.Cond
	buf     []byte
	readErr error // EOF when the writer closed, ErrClosed when the reader did
	readers deadline
	writers deadline
}

type deadline struct {
	timer   *time.Timer
	expired bool
}

func newStream() *stream {
	s := new(stream)
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readErr == net.ErrClosed:
			return 0, net.ErrClosed
		case s.readers.expired:
			return 0, os.ErrDeadlineExceeded
		case len(s.buf) > 0:
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			s.cond.Broadcast()
			return n, nil
		case s.readErr != nil:
			return 0, s.readErr
		}
		s.cond.Wait()
	}
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readErr == io.EOF:
			return written, net.ErrClosed
		case s.readErr != nil:
			return written, errors.New("listentest: broken pipe")
		case s.writers.expired:
			return written, os.ErrDeadlineExceeded
		case len(p) == 0:
			return written, nil
		}
		n := min(len(p), window-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		p = p[n:]
		written += n
		s.cond.Broadcast()
		if len(p) > 0 {
			s.cond.Wait()
		}
	}
}

func (s *stream) close(readErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readErr == nil || readErr == net.ErrClosed {
		s.readErr = readErr
	}
	for _, d := range []*deadline{&s.readers, &s.writers} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	s.cond.Broadcast()
}

func (s *stream) setDeadline(d *deadline, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readErr == net.ErrClosed && d == &s.readers {
		return net.ErrClosed
	}
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.expired = !t.IsZero() && !t.After(time.Now())
	if !t.IsZero() && !d.expired {
		var timer *time.Timer
		timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if d.timer == timer { // not replaced meanwhile
				d.expired = true
				s.cond.Broadcast()
			}
		})
		d.timer = timer
	}
	s.cond.Broadcast()
	return nil
}
