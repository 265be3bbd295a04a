package listen

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

// Serve accepts connections from ln until ctx ends, then drains them (see the
// package doc) and returns nil once all are gone. It closes ln. Another error
// than ctx's means that ln failed; the connections are drained all the same.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	run, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()

	g := newGroup()
	var wg sync.WaitGroup
	err := s.accept(ctx, ln, func(nc net.Conn) {
		wg.Go(func() { s.serve(run, g, nc) })
	})
	ln.Close()
	gone := g.drain()
	grace := time.NewTimer(s.opts.Grace)
	defer grace.Stop()
	select {
	case <-gone:
		kill() // for those whose header has not come
	case <-grace.C:
		kill()
		g.abort()
	}
	wg.Wait()
	g.helpers.close()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("listen: %s: %w", s.opts.Name, err)
}

// ServeConn runs one connection to its end: for tests, and for connections
// that come from elsewhere than a listener. The end of ctx cuts it.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) {
	g := newGroup()
	defer g.helpers.close()
	s.serve(ctx, g, nc)
}

// accept hands each connection to run. Errors that pass (no descriptors left)
// are waited out; it returns on the others.
func (s *Server) accept(ctx context.Context, ln net.Listener, run func(net.Conn)) error {
	var pause time.Duration
	for {
		nc, err := ln.Accept()
		if err == nil {
			pause = 0
			run(nc)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || !temporary.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.opts.Logger.Warn("accept failed, will try again", "listener", s.opts.Name, "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// serve runs one connection.
func (s *Server) serve(ctx context.Context, g *group, nc net.Conn) {
	s.count.accepted.Inc()
	s.count.open.Add(1)
	defer s.count.open.Add(-1)
	defer nc.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	c := s.newConn(nc)
	c.group = g
	if err := s.header(ctx, c); err != nil {
		s.count.noHeader.Inc()
		c.Log().Info("connection refused", "reason", "no good PROXY header", "error", err)
		return
	}
	if reason := s.opts.Limits.acquire(c.remote); reason != "" {
		s.refuse(c, reason)
		return
	}
	c.counted = true
	defer func() {
		if c.counted {
			s.opts.Limits.release(c.remote)
		}
	}()
	if !g.add(c) {
		c.Close()
		return
	}
	defer g.remove(c)
	start := time.Now()
	c.debug("connected")
	defer func() {
		c.finish()
		s.count.octetsIn.Add(c.OctetsIn())
		s.count.octetsOut.Add(c.OctetsOut())
		c.debug("disconnected", "in", c.OctetsIn(), "out", c.OctetsOut(), "took", time.Since(start))
	}()
	defer s.recover(c)

	if s.opts.Implicit {
		var err error
		c.Aside(func() { err = c.handshake(ctx) }) // a handshake is deep
		if err != nil {
			c.debug("TLS handshake failed", "error", err)
			return
		}
	}
	s.opts.Handler(ctx, c)
}

func (s *Server) refuse(c *Conn, reason string) {
	s.count.refused.Inc()
	c.Log().Info("connection refused", "reason", reason)
	if s.opts.Refusal != "" && !s.opts.Implicit {
		c.LimitUntil(time.Now().Add(5 * time.Second))
		c.Write([]byte(s.opts.Refusal)) // it is going away; nothing to do about an error
	}
	c.Close()
}

// recover ends the connection's part of a panic. The rest of the server runs
// on: a panic is a bug, and the bug of one session is not the others'.
func (s *Server) recover(c *Conn) {
	if p := recover(); p != nil {
		s.count.panics.Inc()
		stack := string(debug.Stack())
		if aside, ok := p.(panicked); ok {
			stack = aside.stack
		}
		c.Log().Error("panic", "panic", fmt.Sprint(p), "stack", stack)
		c.abort()
	}
}

// newConn wraps an accepted connection.
func (s *Server) newConn(nc net.Conn) *Conn {
	c := &Conn{srv: s, id: rand.Text()[:10], remote: remoteIP(nc)}
	c.wire = wire{Conn: nc, readTimeout: s.opts.ReadTimeout, writeTimeout: s.opts.WriteTimeout}
	if t, ok := nc.(interface{ SetNoDelay(bool) error }); ok {
		t.SetNoDelay(true) // replies are corked by us; Nagle would only hold the last one back
	}
	if sc, ok := nc.(syscall.Conn); ok {
		c.wire.raw, _ = sc.SyscallConn() // without it WaitReadable is WaitInput
	}
	return c
}

// group is the connections of one Serve.
type group struct {
	helpers helpers
	mu      struct {
		sync.Mutex
		conns    map[*Conn]struct{}
		draining bool
	}
	gone chan struct{} // closed when draining and empty
}

func newGroup() *group {
	g := &group{gone: make(chan struct{})}
	g.mu.conns = make(map[*Conn]struct{})
	return g
}

// add reports false when it is too late for another connection.
func (g *group) add(c *Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.mu.draining {
		g.mu.conns[c] = struct{}{}
	}
	return !g.mu.draining
}

func (g *group) remove(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.mu.conns, c)
	g.closeIfGoneLocked()
}

func (g *group) closeIfGoneLocked() {
	if g.mu.draining && len(g.mu.conns) == 0 {
		close(g.gone)
	}
}

// drain tells every connection to come to its end. The channel closes when
// all have.
func (g *group) drain() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.draining = true
	for c := range g.mu.conns {
		c.drain()
	}
	g.closeIfGoneLocked()
	return g.gone
}

// abort cuts every connection that is left.
func (g *group) abort() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.mu.conns {
		c.abort()
	}
}
