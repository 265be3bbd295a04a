package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"restante/internal/store/kv"
)

const (
	// deliverTogether bounds how many accounts one commit delivers to.
	deliverTogether = 128
	// deliverBytes bounds what they put into it; a batch may have 8 MiB.
	deliverBytes = 6 << 20
)

// Delivery is one message for one account.
type Delivery struct {
	Account AccountID
	// Mailbox finds the mailbox; nil or an error of its own means INBOX. It runs inside the
	// operation, so what it finds is there when the message is added.
	Mailbox func(tx *Tx) (MailboxID, error)
	Options AddOptions
}

// Delivered is what became of a Delivery.
type Delivered struct {
	Added
	Err error // nothing was added for this account
}

// Deliver adds one message to several accounts, durably, and returns the
// outcomes in the order of to. The accounts' parts go into one atomic batch with one sync
// where they fit; each is complete in itself and carries its
// queue id, so that a repetition after a crash adds nothing twice.
func (s *Store) Deliver(ctx context.Context, o Origin, body *Body, to []Delivery) []Delivered {
	return s.deliver(ctx, o, body, to, nil, false)
}

// ErrNotDelivered is the outcome for accounts that DeliverAll left out because
// another one failed.
var ErrNotDelivered = errors.New("store: not delivered: another recipient failed")

// DeliverAll is Deliver for a message with one answer for all recipients: when
// one account fails, the others get nothing either, and their outcome is
// ErrNotDelivered. That holds for up to 128 accounts; more are done in groups. What is also to be enqueued is part of the last group; with nobody to
// deliver to it is not done.
func (s *Store) DeliverAll(ctx context.Context, o Origin, body *Body, to []Delivery, also ...Enqueued) []Delivered {
	return s.deliver(ctx, o, body, to, also, true)
}

func (s *Store) deliver(ctx context.Context, o Origin, body *Body, to []Delivery, also []Enqueued, all bool) []Delivered {
	out := make([]Delivered, len(to))
	order := make([]int, len(to))
	for i := range order {
		order[i] = i
	}
	// Locks are taken in the order of ids, or two deliveries could wait for each other.
	slices.SortStableFunc(order, func(i, j int) int { return int(int64(to[i].Account) - int64(to[j].Account)) })
	for len(order) > 0 {
		n := s.deliverSome(ctx, o, body, to, also, order, out, all)
		order = order[n:]
	}
	return out
}

// spoil makes the outcome of a group one failure for all.
func spoil(order []int, out []Delivered) bool {
	failed := false
	for _, i := range order {
		failed = failed || out[i].Err != nil
	}
	for _, i := range order {
		if failed && out[i].Err == nil {
			out[i] = Delivered{Err: ErrNotDelivered}
		}
	}
	return failed
}

// deliverSome delivers to the first accounts of order and returns how many
// deliveries it took.
func (s *Store) deliverSome(ctx context.Context, o Origin, body *Body, to []Delivery, also []Enqueued, order []int, out []Delivered, all bool) int {
	if len(order) == 1 && len(also) == 0 {
		i := order[0]
		out[i] = s.deliverOne(ctx, o, body, to[i])
		return 1
	}
	for attempt := 0; ; attempt++ {
		n, err := s.deliverTogether(ctx, o, body, to, also, order, out, all)
		if err == nil {
			return n
		}
		if isConflict(err) && attempt < commitAttempts {
			continue
		}
		for _, i := range order[:n] {
			if out[i].Err == nil {
				out[i] = Delivered{Err: err}
			}
		}
		return n
	}
}

func (s *Store) deliverOne(ctx context.Context, o Origin, body *Body, d Delivery) Delivered {
	h, err := s.Account(ctx, d.Account)
	if err != nil {
		return Delivered{Err: err}
	}
	defer h.Close()
	var added Added
	_, err = h.Update(ctx, o, func(tx *Tx) error {
		var err error
		added, err = tx.deliver(body, d)
		return err
	})
	return Delivered{Added: added, Err: err}
}

// deliver adds a message where a delivery wants it.
func (tx *Tx) deliver(body *Body, d Delivery) (Added, error) {
	to, err := MailboxID(0), ErrNoMailbox
	if d.Mailbox != nil {
		to, err = d.Mailbox(tx)
	}
	if err != nil {
		// Wherever it was meant to go: mail that was accepted is never lost for
		// want of a folder.
		if to, err = tx.ByRole(RoleInbox); err != nil {
			return Added{}, err
		}
	}
	return tx.AddMessage(to, body, d.Options)
}

// deliverTogether makes one commit for as many deliveries as fit.
func (s *Store) deliverTogether(ctx context.Context, o Origin, body *Body, to []Delivery, also []Enqueued, order []int, out []Delivered, all bool) (int, error) {
	var parts []*part
	defer func() {
		for _, p := range parts {
			p.account.writer.Unlock()
			s.release(p.account)
		}
	}()
	n, size, first := 0, 0, true
	for n < len(order) && size < deliverBytes {
		i := order[n]
		p := lastPart(parts, to[i].Account)
		if p == nil {
			if len(parts) == deliverTogether {
				break
			}
			a, err := s.acquire(ctx, to[i].Account)
			if err != nil {
				out[i] = Delivered{Err: err}
				n++
				continue
			}
			a.writer.Lock()
			p = &part{account: a, build: newBuild(a)}
			parts = append(parts, p)
		}
		before := p.build.size
		if !first {
			p.build.borrowed = body // the batch brings it already
		}
		op := &operation{ctx: ctx, origin: o, fn: func(tx *Tx) (err error) {
			out[i].Added, err = tx.deliver(body, to[i])
			return err
		}}
		out[i] = Delivered{}
		if _, out[i].Err = p.build.do(op); out[i].Err == nil && !out[i].Duplicate {
			first = false
		}
		size += p.build.size - before
		n++
	}
	if all && spoil(order[:n], out) {
		return n, nil
	}
	if n < len(order) {
		also = nil
	}
	return n, s.commitParts(ctx, parts, also)
}

// part is one account's share of a commit over several.
type part struct {
	account *account
	build   *build
	row     []byte
}

func lastPart(parts []*part, id AccountID) *part {
	if n := len(parts); n > 0 && parts[n-1].account.id == id {
		return parts[n-1]
	}
	return nil
}

func (s *Store) commitParts(ctx context.Context, parts []*part, also []Enqueued) error {
	kb := new(kv.Batch)
	for _, p := range parts {
		if p.build.changed {
			p.row = p.build.batch(kb)
		}
	}
	for _, e := range also {
		if err := s.enqueue(kb, e); err != nil {
			return fmt.Errorf("store: delivery: %w", err)
		}
	}
	if len(kb.Set) == 0 {
		return nil
	}
	if err := s.engine.Commit(context.WithoutCancel(ctx), kb, kv.Durable); err != nil {
		for _, p := range parts {
			if !isConflict(err) {
				break
			}
			if rerr := p.build.refresh(); rerr != nil {
				return fmt.Errorf("store: delivery: %w", rerr)
			}
		}
		if isConflict(err) && len(also) > 0 {
			if qerr := s.queueConflict(ctx, nil, also); qerr != nil {
				return fmt.Errorf("store: delivery: %w", qerr)
			}
		}
		return fmt.Errorf("store: delivery: %w", err)
	}
	for _, p := range parts {
		if p.row != nil {
			p.build.publish(p.row)
		}
	}
	if len(also) > 0 {
		s.enqueued(also)
	}
	return nil
}
