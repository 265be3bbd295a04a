package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"restante/internal/store/keys"
)

const (
	// pendingGrace is how long a body that was written ahead may wait for the
	// commit that refers to it.
	pendingGrace = 24 * time.Hour
	// maxPin is how long a reader can keep removed messages from being erased.
	maxPin = 24 * time.Hour
	// sweepBatch is how many rows a sweep handles at once.
	sweepBatch = 500
	// compactAfter is how much must be freed before the engine is asked to give
	// the space back.
	compactAfter = 64 << 20
)

// pins are readers that hold views: what they can see is not erased under them.
type pins struct {
	mu   sync.Mutex
	next uint64
	held map[AccountID]map[uint64]int64 // since when, milliseconds
}

// Pin keeps messages that are removed from now on readable, at most for 24
// hours, also where an operator keeps nothing in recently removed: a POP session
// can RETR what IMAP expunged meanwhile. The caller calls release once.
func (h *Account) Pin() (release func()) {
	p := &h.store.pins
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[AccountID]map[uint64]int64)
	}
	if p.held[h.id] == nil {
		p.held[h.id] = make(map[uint64]int64)
	}
	p.next++
	n := p.next
	p.held[h.id][n] = h.store.now().UnixMilli()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if delete(p.held[h.id], n); len(p.held[h.id]) == 0 {
			delete(p.held, h.id)
		}
	}
}

// oldest returns since when the account is pinned; ok is false when it is not.
func (p *pins) oldest(id AccountID, now int64) (since int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.held[id] {
		if now-t <= maxPin.Milliseconds() && (!ok || t < since) {
			since, ok = t, true
		}
	}
	return since, ok
}

// Swept says what a sweep did.
type Swept struct {
	Erased int    // messages erased from recently removed
	Due    int    // hints that were looked at: messages that devices have taken, and mailboxes with a retention
	Bodies int    // bodies collected
	Octets uint64 // of these bodies

	Accounts []AccountID // those that lost erased messages; some twice
}

// Due receives when there is something for Sweep to do at once: an owner to warn, new rules for what has been taken. What
// comes due in time it does not tell.
func (s *Store) Due() <-chan struct{} { return s.hurried }

// hurry makes Due receive.
func (s *Store) hurry() {
	select {
	case s.hurried <- struct{}{}:
	default:
	}
}

// dueNow leaves a hint for the sweep and asks for one.
func (tx *Tx) dueNow(kind byte, id MessageID, value uint64) {
	tx.put(keys.DueKey(uint64(tx.now), tx.a.id, kind, 0, id), keys.EncodeID(value))
	tx.build.due = true
}

// Sweep erases what can no longer be put back and collects bodies that nothing refers to any
// more. Call it every minute or so, and when Due receives; it looks only at what is due.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	var done Swept
	err := errors.Join(s.sweepDue(ctx, &done), s.trimDaily(ctx, &done))
	return done, errors.Join(err, s.collect(ctx, &done))
}
