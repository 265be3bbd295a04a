package store

import "sync"

// mine is a run of operations that one handle has done, with none of anybody else's between them.
type mine struct {
	sync.Mutex
	after, upTo ModSeq // after < each <= upTo
}

func (m *mine) note(n ModSeq) {
	m.Lock()
	defer m.Unlock()
	if n != m.upTo+1 {
		m.after = n - 1
	}
	m.upTo = n
}

// OnlyMine says that all operations after since, up to upTo, were done through this handle: a session need not be told what it has done itself. It
// remembers no more than the last of them that nobody else's came between, so it may be false of others.
func (h *Account) OnlyMine(since, upTo ModSeq) bool {
	h.mine.Lock()
	defer h.mine.Unlock()
	return h.mine.after <= since && upTo <= h.mine.upTo
}
