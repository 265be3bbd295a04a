package directory

import (
	"context"
	"errors"
	"sync"
	"time"

	"restante/internal/base/bus"
	"restante/internal/store"
)

// ErrRevoked means that what a session was opened with opens nothing any more: the password is another, or the device was revoked.
var ErrRevoked = errors.New("directory: the password was changed, or the device revoked")

// hint has the sessions of an account look whether they may go on.
func (d *Directory) hint(id store.AccountID) { d.opts.Hints.Publish(uint32(id), 0) }

// Valid says whether a session that was opened by id may go on: nil, ErrRevoked after a change of the password that it was opened
// with or a revocation of its device, ErrDisabled, or ErrUnknownUser when the account is gone. Any other error means that it cannot be told now.
func (d *Directory) Valid(ctx context.Context, id Identity) error {
	row, err := d.account(ctx, id.name)
	switch {
	case err != nil:
		return err
	case row.Account != id.Account:
		return ErrUnknownUser
	case row.Access != Active:
		return ErrDisabled
	case id.password != 0 && (row.Credential == nil || row.Credential.Set.Unix() != id.password):
		return ErrRevoked
	case id.Device > MainDevice:
		if dev := row.device(id.Device); dev == nil || !dev.Revoked.IsZero() || dev.expired(d.now()) {
			return ErrRevoked
		}
	}
	return nil
}

// Times of a Watch. Together they keep the promise that a session does not outlive its password by more than five seconds.
const (
	cutAfter = 3 * time.Second // for the session to look by itself and to say goodbye
	cutLook  = time.Second     // for reading the row
)

// Watch watches over one session. It is safe for concurrent use.
type Watch struct {
	sub *bus.Sub
	mu  struct {
		sync.Mutex
		timer  *time.Timer // nil until there is a hint
		expiry *time.Timer // nil when id does not expire
		closed bool
	}
	due func()
}

// Watch begins to watch over a session of id. After a change to the account's credentials wake is called, at once and in the
// goroutine of whoever changed them, and when the device of id expires: it must not block, and lets the session ask Valid. A session that is busy and does not
// come to it in three seconds is cut, if Valid says so. The session closes the Watch at its end.
func (d *Directory) Watch(id Identity, wake, cut func()) *Watch {
	w := new(Watch)
	w.due = func() {
		ctx, cancel := context.WithTimeout(context.Background(), cutLook)
		defer cancel()
		if revoked(d.Valid(ctx, id)) && !w.isClosed() {
			cut()
		}
	}
	look := func() {
		if w.arm() {
			wake()
		}
	}
	w.sub = d.opts.Hints.SubscribeFunc(uint32(id.Account), look)
	if !id.expires.IsZero() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mu.expiry = time.AfterFunc(id.expires.Sub(d.opts.Clock()), look)
	}
	return w
}

// revoked says whether an error of Valid is a final word.
func revoked(err error) bool {
	return errors.Is(err, ErrRevoked) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrUnknownUser)
}

// arm starts the time that the session has, unless it has ended.
func (w *Watch) arm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.mu.closed:
		return false
	case w.mu.timer == nil:
		w.mu.timer = time.AfterFunc(cutAfter, w.due)
	default:
		w.mu.timer.Reset(cutAfter)
	}
	return true
}

func (w *Watch) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.closed
}

// Close ends the watch. cut is not called any more, but may still be running. A nil Watch has nothing to close.
func (w *Watch) Close() {
	if w == nil {
		return
	}
	w.sub.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.closed = true
	if w.mu.timer != nil {
		w.mu.timer.Stop()
	}
	if w.mu.expiry != nil {
		w.mu.expiry.Stop()
	}
}
