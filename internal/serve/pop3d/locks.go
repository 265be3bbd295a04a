package pop3d

import (
	"context"
	"sync"
	"time"

	"restante/internal/store"
)

// locks are the devices that have a session: RFC 1939's exclusive lock is per
// device, not per mailbox, because a session is a snapshot and no two can hurt
// each other but by surprising a client.
type locks struct {
	mu struct {
		sync.Mutex
		held map[lockKey]chan struct{} // closed at release
	}
}

type lockKey struct {
	account store.AccountID
	device  store.DeviceID
	folder  string // of the login, in small letters; see Identity.Folder
}

func newLocks() *locks {
	l := new(locks)
	l.mu.held = make(map[lockKey]chan struct{})
	return l
}

// acquire takes a device's lock, and waits for up to patience for its holder to
// go: a client whose connection broke is back sooner than we may notice.
func (l *locks) acquire(ctx context.Context, k lockKey, patience time.Duration) (release func(), ok bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		other := l.try(k)
		if other == nil {
			return func() { l.release(k) }, true
		}
		select {
		case <-other:
		case <-timer.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

// try takes the lock, or returns what its holder will close.
func (l *locks) try(k lockKey) (other <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, ok := l.mu.held[k]; ok {
		return other
	}
	l.mu.held[k] = make(chan struct{})
	return nil
}

func (l *locks) release(k lockKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.mu.held[k])
	delete(l.mu.held, k)
}
