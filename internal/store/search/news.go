package search

import (
	"sync"
	"time"

	"restante/internal/base/bus"
	"restante/internal/store"
)

// News is a bus that also notes which accounts have changed. Make it with
// NewNews and give it to the store. It is safe for concurrent use.
type News struct {
	bus.Bus
	wake chan struct{} // one place: something has been noted
	mu   struct {
		sync.Mutex
		accounts map[store.AccountID]note
	}
}

// note is what is known of an account that has changed.
type note struct {
	since  time.Time
	hints  int
	what   urgency
	erased bool // messages may have been erased

	done func(messages int) // of Rebuild
}

// urgency says what is to be done.
type urgency uint8

const (
	soon urgency = iota // when more has come, or after a while
	now                 // somebody searches
	anew                // what there is, is wrong
)

// manyHints are operations that are not waited behind.
const manyHints = 32

// NewNews wraps a bus.
func NewNews(b bus.Bus) *News {
	n := &News{Bus: b, wake: make(chan struct{}, 1)}
	n.mu.accounts = make(map[store.AccountID]note)
	return n
}

// Publish implements bus.Bus.
func (n *News) Publish(account uint32, modseq uint64) {
	n.add(store.AccountID(account), soon)
	n.Bus.Publish(account, modseq)
}

func (n *News) add(a store.AccountID, what urgency) { n.note(a, note{what: what}) }

func (n *News) note(a store.AccountID, add note) {
	n.mu.Lock()
	old, known := n.mu.accounts[a]
	if !known {
		old.since = time.Now()
	}
	old.hints++
	ring := !known || add.what > old.what || old.hints == manyHints
	old.what = max(old.what, add.what)
	old.erased = old.erased || add.erased
	n.mu.accounts[a] = old
	n.mu.Unlock()
	if ring {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

func (n *News) len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.accounts)
}

// take takes an account whose time has come, the most urgent and then the oldest,
// or says how long to wait for one; 0 is until the next note.
func (n *News) take(at time.Time, wait time.Duration) (a store.AccountID, best note, ok bool, until time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, x := range n.mu.accounts {
		due := x.what > soon || x.hints >= manyHints
		if left := x.since.Add(wait).Sub(at); !due && left > 0 {
			if until == 0 || left < until {
				until = left
			}
			continue
		}
		if !ok || x.what > best.what || x.what == best.what && x.since.Before(best.since) {
			a, best, ok = id, x, true
		}
	}
	if ok {
		delete(n.mu.accounts, a)
	}
	return a, best, ok, until
}
