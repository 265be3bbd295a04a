package listen

import (
	"syscall"
	"time"
)

// WaitReadable is WaitInput for connections that wait long: Input means that it is worth while to call WaitInput, which may still find that no whole
// octet has come (of TLS, half a record). It reads nothing, so the call is shallow, and nothing but the Conn is held while it waits: see Aside.
func (c *Conn) WaitReadable(d time.Duration) (Event, error) {
	if c.wire.raw == nil { // it is no socket
		return c.WaitInput(d)
	}
	switch {
	case c.Buffered() > 0:
		return Input, nil
	case c.readErr != nil:
		return 0, c.readErr
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	if c.tls != nil || c.inflate != nil {
		if err := c.drain1(); err != nil || c.peeked {
			return Input, err
		}
	}
	until := c.wire.cap(time.Now().Add(d))
	if c.r != nil || c.w != nil || c.deflate != nil {
		brief := time.Now().Add(parkAfter)
		if !brief.Before(until) {
			return c.wait(until, c.wire.ready)
		}
		if event, err := c.wait(brief, c.wire.ready); event != TimedOut {
			return event, err
		}
		if err := c.ReleaseBuffers(); err != nil {
			return 0, err
		}
	}
	return c.wait(until, c.wire.ready)
}

// drain1 reads an octet that TLS or compression may hold already, without asking the socket.
func (c *Conn) drain1() error {
	c.wire.dry, c.wire.parked = true, true
	err := c.peekOne()
	c.wire.dry, c.wire.parked = false, false
	if err != nil && isTimeout(err) {
		return nil
	}
	return err
}

// ready waits until the socket has something to read, or the deadline.
func (w *wire) ready() error { return w.raw.Read(readable) }

// readable looks whether a socket has something to read, its end and its errors included.
func readable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
