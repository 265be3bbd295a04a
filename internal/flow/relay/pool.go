package relay

import (
	"sync"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/trust/tlspolicy"
)

// poolKey is what sessions are interchangeable in.
type poolKey struct {
	way    queue.Way
	sender tlspolicy.Sender
}

// maxIdle is how many sessions rest at a time.
const maxIdle = 200

// pool has the sessions that rest between two messages.
type pool struct {
	idle    time.Duration
	closing sync.WaitGroup // sessions that say goodbye
	mu      struct {
		sync.Mutex
		resting map[poolKey][]*session
		n       int
		closed  bool
	}
}

func (p *pool) init(idle time.Duration) {
	p.idle = idle
	p.mu.resting = make(map[poolKey][]*session)
}

// take returns the session that was used last: the others may end.
func (p *pool) take(k poolKey) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.mu.resting[k]
	if len(list) == 0 {
		return nil
	}
	s := list[len(list)-1]
	p.removeLocked(s, len(list)-1)
	s.rest.Stop()
	return s
}

func (p *pool) removeLocked(s *session, i int) {
	list := p.mu.resting[s.key]
	list = append(list[:i], list[i+1:]...)
	if len(list) == 0 {
		delete(p.mu.resting, s.key)
	} else {
		p.mu.resting[s.key] = list
	}
	p.mu.n--
}

// put lets a session rest, or ends it.
func (p *pool) put(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed || p.mu.n >= maxIdle {
		p.closing.Go(s.quit)
		return
	}
	p.mu.resting[s.key] = append(p.mu.resting[s.key], s)
	p.mu.n++
	s.rest = time.AfterFunc(p.idle, func() { p.expire(s) })
}

// expire ends a session that has rested for long. Its timer's goroutine is one that close waits for.
func (p *pool) expire(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.mu.resting[s.key] {
		if x == s {
			p.removeLocked(s, i)
			p.closing.Go(s.quit)
			return
		}
	}
}

// end says goodbye to a session that is of no more use; nobody waits for it.
func (p *pool) end(s *session) { p.closing.Go(s.quit) }

func (p *pool) close() {
	p.mu.Lock()
	p.mu.closed = true
	for _, list := range p.mu.resting {
		for _, s := range list {
			s.rest.Stop()
			p.closing.Go(s.quit)
		}
	}
	p.mu.resting, p.mu.n = nil, 0
	p.mu.Unlock()
	p.closing.Wait()
}
