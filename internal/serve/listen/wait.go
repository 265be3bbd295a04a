package listen

import (
	"errors"
	"net"
	"time"
)

// Event is why WaitInput returned.
type Event int

// The events of WaitInput.
const (
	_           Event = iota
	Input             // the client sent something
	Interrupted       // Interrupt was called
	TimedOut          // nothing came in time
	Draining          // the server is going down: say so and return
)

// parkAfter is how long a silent connection keeps its buffers.
const parkAfter = 2 * time.Second

// WaitInput flushes the Writer and waits for up to d for input. On Input there
// is at least one octet to read. An error is the connection's end (io.EOF
// when the client closed it).
//
// A handler calls it before each command. Input that is buffered already wins
// over all other events: a client that pipelines is served first.
func (c *Conn) WaitInput(d time.Duration) (Event, error) {
	if c.Buffered() > 0 {
		return Input, nil
	}
	if c.readErr != nil {
		return 0, c.readErr
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	until := c.wire.cap(time.Now().Add(d))
	if c.r != nil {
		brief := time.Now().Add(parkAfter)
		if !brief.Before(until) {
			return c.wait(until, c.fill)
		}
		if event, err := c.wait(brief, c.fill); event != TimedOut {
			return event, err
		}
	}
	if err := c.ReleaseBuffers(); err != nil {
		return 0, err
	}
	return c.wait(until, c.peekOne)
}

// Interrupt makes the current or the next WaitInput return Interrupted. Any
// number of calls before it does count as one. Any goroutine may call it, even
// under a lock: it does not block. It suits bus.Bus.SubscribeFunc.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.interrupted = true
	c.wakeLocked()
}

func (c *Conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.draining = true
	c.wakeLocked()
}

// wakeLocked ends a wait by moving its deadline into the past.
func (c *Conn) wakeLocked() {
	if c.mu.waiting {
		c.wire.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// fill waits for input in the Reader's buffer.
func (c *Conn) fill() error {
	_, err := c.r.Peek(1)
	return err
}

// peekOne waits for one octet without any buffer. (Waiting for the socket to
// become readable would do in the clear, but TLS may hold a record already.)
func (c *Conn) peekOne() error {
	_, err := c.Read(c.peek[:])
	c.peeked = err == nil
	return err
}

// wait runs read until the deadline, Interrupt or drain.
func (c *Conn) wait(until time.Time, read func() error) (Event, error) {
	if event := c.beginWait(until); event != 0 {
		return event, nil
	}
	c.wire.parked = true
	err := read()
	c.wire.parked = false
	return c.endWait(err)
}

func (c *Conn) beginWait(until time.Time) Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mu.draining:
		return Draining
	case c.mu.interrupted:
		c.mu.interrupted = false
		return Interrupted
	}
	c.mu.waiting = true
	c.wire.Conn.SetReadDeadline(until) // of a closed connection: the read says so
	return 0
}

func (c *Conn) endWait(err error) (Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.waiting = false
	switch {
	case err == nil:
		return Input, nil // an Interrupt meanwhile is kept for the next wait
	case !isTimeout(err):
		return 0, err
	case c.mu.draining:
		return Draining, nil
	case c.mu.interrupted:
		c.mu.interrupted = false
		return Interrupted, nil
	}
	return TimedOut, nil
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
