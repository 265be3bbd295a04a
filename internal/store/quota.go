package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Quota is how much an account may hold; 0 is no limit.
type Quota struct {
	Octets    uint64 // of messages, each counted once, and of annotations
	Messages  uint64 // each counted once, in however many mailboxes it lies
	Mailboxes uint64 // names, also those that only hold others; never more than MaxMailboxes
}

// MaxMailboxes is the most mailboxes that any account can have.
const MaxMailboxes = maxMailboxes

// maxQuota bounds each limit: numbers that every protocol can say.
const maxQuota = 1<<63 - 1

// Quota is the account's quota.
func (v *View) Quota() Quota {
	r := &v.state.row
	return Quota{Octets: r.Limit, Messages: r.MaxMessages, Mailboxes: r.MaxMailboxes}
}

// Used is what of the quota is used up.
func (v *View) Used() Quota { return v.state.used() }

// Room says nil when so many messages of so many octets together could be added; otherwise ErrOverQuota, or what Options.Room makes of it.
func (v *View) Room(messages, octets uint64) error { return v.account.room(v.state, messages, octets) }

// Fits is Room without a reason.
func (v *View) Fits(messages, octets uint64) bool { return v.Room(messages, octets) == nil }

func (a *account) room(s *state, messages, octets uint64) error {
	if err := s.fits(Quota{Octets: octets, Messages: messages}); err != nil {
		return err
	}
	if f := a.store.opts.Room; f != nil {
		return f(a.id, messages, octets)
	}
	return nil
}

// room is Room for the state that the operation has led to so far.
func (tx *Tx) room(messages, octets uint64) error { return tx.a.room(tx.state, messages, octets) }

// Usage calls fn for every account with what its messages take. It reads one row an account.
func (s *Store) Usage(ctx context.Context, fn func(id AccountID, messages, octets uint64) error) error {
	return s.engine.Scan(ctx, kv.Prefix([]byte{byte(keys.TableAccount)}), func(k, v []byte) (bool, error) {
		id, err := keys.AccountOf(k)
		if err != nil {
			return false, err
		}
		row, err := keys.DecodeAccount(v)
		if err != nil {
			return false, corrupt(fmt.Sprintf("account %d", id), err)
		}
		return true, fn(id, row.Messages, row.Used)
	})
}

func (s *state) used() Quota {
	return Quota{Octets: s.row.Used + s.row.Annotated, Messages: s.row.Messages, Mailboxes: uint64(len(s.mailboxes))}
}

// fits says ErrOverQuota if so much more would be more than the quota. What is
// over it already, since it was lowered, stays.
func (s *state) fits(more Quota) error {
	used := s.used()
	for _, r := range [...]struct {
		what              string
		used, more, limit uint64
	}{
		{"octets", used.Octets, more.Octets, s.row.Limit},
		{"messages", used.Messages, more.Messages, s.row.MaxMessages},
		{"mailboxes", used.Mailboxes, more.Mailboxes, s.row.MaxMailboxes},
	} {
		if r.limit > 0 && r.more > 0 && (r.used > r.limit || r.more > r.limit-r.used) {
			return fmt.Errorf("%w: %d %s", ErrOverQuota, r.limit, r.what)
		}
	}
	return nil
}

// SetQuota sets the account's quota. It may be less than what there is:
// nothing is removed, and nothing more is taken.
func (tx *Tx) SetQuota(q Quota) error {
	if max(q.Octets, q.Messages, q.Mailboxes) > maxQuota {
		return fmt.Errorf("%w: a quota of more than 2^63", ErrLimit)
	}
	r := &tx.state.row
	if (Quota{r.Limit, r.MaxMessages, r.MaxMailboxes}) == q {
		return nil
	}
	r.Limit, r.MaxMessages, r.MaxMailboxes = q.Octets, q.Messages, q.Mailboxes
	tx.items = append(tx.items, keys.Item{Class: keys.ClassAccount, Kind: keys.Updated})
	return nil
}
