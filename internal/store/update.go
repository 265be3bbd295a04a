package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

const (
	// shareOps and shareBytes bound what queued operations put into one commit.
	shareOps   = 64
	shareBytes = 4 << 20
	// commitBytes bounds what they put there, when the last is a big one.
	commitBytes = kv.MaxBatch - 64<<10
	// commitAttempts bounds retries after conflicts, which on one machine only
	// the collector can cause.
	commitAttempts = 10
)

// What do says of an operation that is too big: for what is left of this commit; for any.
var (
	errNextCommit = errors.New("store: the commit is full")
	errTooMuch    = fmt.Errorf("%w: too much for one operation", ErrLimit)
)

// operation is one call of Update that waits for its turn.
type operation struct {
	ctx    context.Context
	origin Origin
	fn     func(*Tx) error

	done    bool
	changed bool // something; modseq is its own
	modseq  ModSeq
	err     error
}

// Update runs fn over a transaction and makes its result durable, visible and
// known, in this order; then it returns the operation's MODSEQ. When fn returns
// an error nothing has happened, and Update returns that error. fn may be
// run more than once and on another goroutine; it must have no effect
// but on its Tx. An operation that changes nothing commits nothing.
//
// When ctx ends before the operation's turn, it is not done. An operation that
// has begun is finished, whatever ctx says.
func (h *Account) Update(ctx context.Context, o Origin, fn func(*Tx) error) (ModSeq, error) {
	op := &operation{ctx: ctx, origin: o, fn: fn}
	h.queue.Lock()
	h.queue.ops = append(h.queue.ops, op)
	h.queue.Unlock()

	h.writer.Lock()
	defer h.writer.Unlock()
	// Whoever held the lock before may have done this operation with its own:
	// those that queue up behind a sync share the next.
	for !op.done {
		h.share(h.takeOps())
	}
	if op.err == nil && op.changed {
		h.mine.note(op.modseq)
	}
	return op.modseq, op.err
}

func (a *account) takeOps() []*operation {
	a.queue.Lock()
	defer a.queue.Unlock()
	n := min(len(a.queue.ops), shareOps)
	ops := a.queue.ops[:n:n]
	if a.queue.ops = a.queue.ops[n:]; len(a.queue.ops) == 0 {
		a.queue.ops = nil
	}
	return ops
}

// share does operations in their order, as many in one commit as fit.
func (a *account) share(ops []*operation) {
	for attempt := 0; len(ops) > 0; attempt++ {
		b := newBuild(a)
		n := 0
		for n < len(ops) && b.size < shareBytes {
			modseq, err := b.do(ops[n])
			if err == errNextCommit { // which cannot be the first's
				break
			}
			ops[n].modseq, ops[n].err = modseq, err
			n++
		}
		err := b.commit()
		if isConflict(err) && attempt < commitAttempts {
			if err = b.refresh(); err == nil {
				continue
			}
		}
		for _, op := range ops[:n] {
			op.done = true
			if op.err == nil && err != nil {
				op.modseq, op.err = 0, err
			}
		}
		ops, attempt = ops[n:], 0
	}
}

// refresh brings what a conflict showed to be old up to date.
func (b *build) refresh() error {
	for _, body := range b.bodies {
		body.refresh(context.Background())
	}
	return b.a.reload()
}

func isConflict(err error) bool { return errors.Is(err, kv.ErrConflict) }

// reload takes the account as the engine has it, after somebody else wrote it
// or a body that was to be referred to has gone.
func (a *account) reload() error {
	row, err := a.store.engine.Get(context.Background(), keys.OfAccount(keys.TableAccount, a.id))
	if err == nil && string(row) == string(a.rowBytes) {
		return nil // it was a body
	}
	if isNotFound(err) && a.rowBytes != nil {
		return ErrNoAccount
	}
	return a.load(context.Background())
}

// build gathers the operations of one commit: the state that they lead to and
// the writes that bring the engine there.
type build struct {
	a        *account
	state    *state // after the operations so far
	commitID [16]byte
	writes   writes
	require  []kv.Requirement
	bodies   []*Body // that this commit makes live or needs to be so
	borrowed *Body   // that another account's part of the same commit brings
	size     int
	changed  bool
	due      bool // leaves something that the sweep is to do at once
}

func newBuild(a *account) *build {
	b := &build{a: a, state: a.current.Load(), writes: make(writes)}
	_, _ = rand.Read(b.commitID[:]) // never fails (crypto/rand)
	return b
}

// writes is what a commit sets (nil: deletes), by key.
type writes map[string][]byte

// do runs one operation. When it fails, the build is as it was.
func (b *build) do(op *operation) (modseq ModSeq, err error) {
	if err := op.ctx.Err(); err != nil {
		return 0, err
	}
	op.changed = false
	tx := newTx(b, op)
	defer func() {
		if p := recover(); p != nil {
			// The function runs on whichever goroutine commits: a bug in one
			// operation must not take the others down with it.
			err = fmt.Errorf("store: panic in an update: %v\n%s", p, debug.Stack())
		}
	}()
	if err := op.fn(tx); err != nil {
		return 0, err
	}
	if !tx.changed() {
		return b.state.row.ModSeq, nil
	}
	if err := tx.finish(); err != nil {
		return 0, err
	}
	size := 0
	for k, v := range tx.writes {
		size += len(k) + len(v) + 16 // as kv.Batch.Size counts
	}
	switch {
	case b.size+size <= commitBytes:
	case b.changed:
		return 0, errNextCommit
	default:
		return 0, errTooMuch
	}
	b.size += size
	b.state = tx.state
	b.changed, op.changed = true, true
	b.require = append(b.require, tx.require...)
	b.bodies = append(b.bodies, tx.bodies...)
	for k, v := range tx.writes {
		b.writes[k] = v
	}
	return tx.modseq, nil
}

// batch adds the build to kb, with the account's row and its requirement.
func (b *build) batch(kb *kv.Batch) (row []byte) {
	key := keys.OfAccount(keys.TableAccount, b.a.id)
	b.state.row.CommitID = b.commitID
	row = b.state.row.Encode()
	if b.a.rowBytes == nil {
		kb.RequireAbsent(key)
	} else {
		kb.RequireValue(key, b.a.rowBytes)
	}
	kb.Require = append(kb.Require, b.require...)
	kb.Put(key, row)
	for k, v := range b.writes {
		if v == nil {
			kb.Remove([]byte(k))
		} else {
			kb.Put([]byte(k), v)
		}
	}
	return row
}

// commit makes the build durable, then visible, then known.
func (b *build) commit() error {
	if !b.changed {
		return nil
	}
	kb := new(kv.Batch)
	row := b.batch(kb)
	// Not the caller's context: an operation that began is finished.
	if err := b.a.store.engine.Commit(context.Background(), kb, kv.Durable); err != nil {
		return fmt.Errorf("store: commit of account %d: %w", b.a.id, err)
	}
	b.publish(row)
	if b.due {
		b.a.store.hurry()
	}
	return nil
}

// publish lets readers see what is on disk, and tells them.
func (b *build) publish(row []byte) {
	b.a.rowBytes = row
	before := b.a.current.Swap(b.state)
	now := &b.state.row
	if f := b.a.store.opts.Used; f != nil && (before == nil || before.row.Used != now.Used || before.row.Messages != now.Messages) {
		f(b.a.id, now.Messages, now.Used)
	}
	for _, body := range b.bodies {
		body.live.Store(true)
	}
	b.a.store.opts.Bus.Publish(uint32(b.a.id), uint64(b.state.row.ModSeq))
}
