package submission

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Limits are what an account may send in a day (UTC). They are for stolen passwords: one mailbox must not become the source of a flood. Less than zero is
// no limit.
type Limits struct {
	Messages int // default 1000
	// Strangers is how many recipients an account may write to that it has never written to before; default 300.
	Strangers int
}

func (l Limits) withDefaults() Limits {
	if l.Messages == 0 {
		l.Messages = 1000
	}
	if l.Strangers == 0 {
		l.Strangers = 300
	}
	return l
}

// usage counts what accounts send. Its rows are written without a sync: after a power cut the last few are not counted.
type usage struct {
	store  *store.Store
	limits Limits
	clock  func() time.Time

	mu struct {
		sync.Mutex
		day  string
		used map[store.AccountID]*dayUse
	}
}

// dayUse is what an account has sent in a day.
type dayUse struct {
	Messages  int `json:"messages"`
	Strangers int `json:"strangers"`
}

func newUsage(s *store.Store, l Limits, clock func() time.Time) *usage {
	u := &usage{store: s, limits: l, clock: clock}
	u.mu.used = make(map[store.AccountID]*dayUse)
	return u
}

// Rows of store.SendingRows.
func useName(day string, id store.AccountID) string { return fmt.Sprintf("use/%s/%010d", day, id) }

func knownName(id store.AccountID, a addr.Address) string {
	sum := sha256.Sum256([]byte(a.Key()))
	return fmt.Sprintf("known/%010d/%s", id, base64.RawURLEncoding.EncodeToString(sum[:12]))
}

// today is what an account has sent today; u.mu is held.
func (u *usage) today(ctx context.Context, id store.AccountID) (*dayUse, error) {
	day := u.clock().UTC().Format(time.DateOnly)
	if day != u.mu.day {
		u.mu.day = day
		clear(u.mu.used)
		// Yesterday's rows say nothing any more.
		if err := u.store.DropRows(ctx, store.SendingRows, "use/", "use/"+day); err != nil {
			return nil, err
		}
	}
	if d := u.mu.used[id]; d != nil {
		return d, nil
	}
	d := new(dayUse)
	b, err := u.store.Row(ctx, store.SendingRows, useName(day, id))
	switch {
	case errors.Is(err, store.ErrNoRow):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(b, d); err != nil {
			*d = dayUse{}
		}
	}
	u.mu.used[id] = d
	return d, nil
}

// messages says whether the account may send another message.
func (u *usage) messages(ctx context.Context, id store.AccountID) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.today(ctx, id)
	if err == nil && u.limits.Messages > 0 && d.Messages >= u.limits.Messages {
		err = ErrTooMany
	}
	return err
}

// recipient says whether the account may write to one more recipient, beside those that the message has already.
func (u *usage) recipient(ctx context.Context, id store.AccountID, to addr.Address, so []flow.Recipient) error {
	if u.limits.Strangers < 0 {
		return nil
	}
	known, err := u.known(ctx, id, to)
	if err != nil || known {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.today(ctx, id)
	// Those that the message has so far may be known or not: the limit is not that exact.
	if err == nil && d.Strangers+len(so) >= u.limits.Strangers {
		err = ErrTooMany
	}
	return err
}

func (u *usage) known(ctx context.Context, id store.AccountID, to addr.Address) (bool, error) {
	return Wrote(ctx, u.store, id, to)
}

// Wrote says whether an account has ever written to an address.
func Wrote(ctx context.Context, s *store.Store, id store.AccountID, to addr.Address) (bool, error) {
	_, err := s.Row(ctx, store.SendingRows, knownName(id, to))
	if errors.Is(err, store.ErrNoRow) {
		return false, nil
	}
	return err == nil, err
}

// sent counts a message. An error only means that it is not counted.
func (u *usage) sent(ctx context.Context, id store.AccountID, to []queue.Recipient) {
	var rows []store.Row
	for i := range to {
		if known, err := u.known(ctx, id, to[i].To); err == nil && !known {
			rows = append(rows, store.Row{Name: knownName(id, to[i].To), Value: []byte{1}})
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	d, err := u.today(ctx, id)
	if err != nil {
		return
	}
	d.Messages++
	d.Strangers += len(rows)
	b, _ := json.Marshal(d) // never fails
	_ = u.store.AppendRows(ctx, store.SendingRows, append(rows, store.Row{Name: useName(u.mu.day, id), Value: b})...)
}
