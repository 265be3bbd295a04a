package directory

import (
	"sync"

	"restante/internal/proto/addr"
)

// Hosted remembers which domains are hosted and which are not, for the question is asked of every recipient. Domains change by a Directory alone, which then forgets
// everything: directories of one store must share one. The zero value works; it is safe for concurrent use.
type Hosted struct {
	mu      sync.RWMutex
	known   map[addr.Domain]bool
	changes uint64
}

// maxHosted bounds what is remembered: anybody can ask for domains without end.
const maxHosted = 4096

// get says what is known. changes is for put.
func (h *Hosted) get(name addr.Domain) (hosted, known bool, changes uint64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	hosted, known = h.known[name]
	return hosted, known, h.changes
}

// put remembers what was read after get, unless it may have changed since.
func (h *Hosted) put(name addr.Domain, hosted bool, changes uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if changes != h.changes {
		return
	}
	if h.known == nil || len(h.known) >= maxHosted {
		h.known = make(map[addr.Domain]bool)
	}
	h.known[name] = hosted
}

// forget is to be called after every change has been written, whether or not it is certain that it was.
func (h *Hosted) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = nil
	h.changes++
}
