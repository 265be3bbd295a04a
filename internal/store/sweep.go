package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
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

type dueRow struct {
	key     []byte
	account AccountID
	kind    byte
	mailbox MailboxID
	message MessageID
	removed uint64
}

func (s *Store) sweepDue(ctx context.Context, done *Swept) error {
	now := uint64(s.now().UnixMilli())
	from := keys.DueKey(0, 0, 0, 0, 0)
	for {
		var rows []dueRow
		r := kv.Range{Lo: from, Hi: keys.DueKey(now+1, 0, 0, 0, 0), Limit: sweepBatch}
		err := s.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
			_, acct, kind, mbox, msg, err := keys.DueOf(k)
			t, derr := keys.DecodeID(v)
			rows = append(rows, dueRow{append([]byte(nil), k...), acct, kind, mbox, msg, t})
			return true, errors.Join(err, derr)
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		// Tombstones behind a low-water mark are not scanned again.
		from = append(rows[len(rows)-1].key, 0)
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].account == rows[0].account && rows[n].kind == rows[0].kind {
				n++
			}
			if err := s.due(ctx, rows[:n], done); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
}

// due does what is due in one account, hints of one kind at a time.
func (s *Store) due(ctx context.Context, rows []dueRow, done *Swept) error {
	h, err := s.Account(ctx, rows[0].account)
	if errors.Is(err, ErrNoAccount) {
		b := new(kv.Batch)
		for _, r := range rows {
			b.Remove(r.key)
		}
		return s.engine.Commit(ctx, b, kv.Durable)
	}
	if err != nil {
		return err
	}
	defer h.Close()
	switch rows[0].kind {
	case keys.DueErase:
		n, err := h.eraseDue(ctx, rows)
		if done.Erased += n; n > 0 {
			done.Accounts = append(done.Accounts, h.id)
		}
		return err
	case keys.DueRelease:
		err = h.releaseDue(ctx, rows)
	case keys.DueSettle:
		err = h.settleDue(ctx, rows)
	case keys.DueRetain:
		err = h.retainDue(ctx, rows)
	case keys.DueWarn:
		err = h.warnDue(ctx, rows)
	}
	done.Due += len(rows)
	return err
}

// eraseDue erases messages for good.
func (h *Account) eraseDue(ctx context.Context, rows []dueRow) (int, error) {
	n := 0
	marks, err := h.markers(ctx)
	if err != nil {
		return 0, err
	}
	_, err = h.Update(ctx, Origin{}, func(tx *Tx) error {
		n = 0
		since, pinned := h.store.pins.oldest(h.id, tx.now)
		for _, r := range rows {
			if pinned && int64(r.removed) >= since {
				continue // somebody may still read it; the row stays and is seen again
			}
			if err := tx.erase(r); err != nil {
				return err
			}
			n++
		}
		return tx.forgetMarks(marks, rows)
	})
	if err != nil {
		return 0, fmt.Errorf("store: erasing: %w", err)
	}
	return n, nil
}

// erase removes the last traces of a message, and makes its body a candidate.
func (tx *Tx) erase(r dueRow) error {
	tx.remove(r.key)
	key := keys.RemovedKey(tx.a.id, r.removed, r.message, r.mailbox)
	v, err := tx.get(key)
	if isNotFound(err) {
		return nil // put back, or erased before
	}
	if err != nil {
		return err
	}
	g, err := keys.DecodeRemoved(v)
	if err != nil {
		return corrupt("removed row", err)
	}
	tx.remove(key)
	tx.remove(keys.OfMessage(keys.TableMessage, tx.a.id, r.message))
	tx.remove(keys.ReferenceKey(g.Blob, keys.RefMessage, tx.a.id, uint64(r.message)))
	tx.put(keys.CandidateKey(uint64(tx.now), g.Blob), nil)
	tx.state.row.Removed -= g.Size
	return tx.dropUIDL(r.message)
}

// collect deletes bodies that nothing refers to.
func (s *Store) collect(ctx context.Context, done *Swept) error {
	now := uint64(s.now().UnixMilli())
	from := keys.CandidateKey(0, 0)
	for {
		var found [][]byte
		r := kv.Range{Lo: from, Hi: keys.CandidateKey(now+1, 0), Limit: sweepBatch, KeysOnly: true}
		err := s.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
			found = append(found, append([]byte(nil), k...))
			return true, nil
		})
		if err != nil {
			return fmt.Errorf("store: collecting: %w", err)
		}
		if len(found) == 0 {
			break
		}
		from = append(found[len(found)-1], 0)
		for _, k := range found {
			if err := s.collectOne(ctx, k, done); err != nil && !isConflict(err) {
				return fmt.Errorf("store: collecting: %w", err)
			}
		}
	}
	if done.Octets >= compactAfter {
		r := kv.Prefix([]byte{byte(keys.TableChunk)})
		return s.engine.Compact(ctx, kv.Span{Lo: r.Lo, Hi: r.Hi})
	}
	return nil
}

// collectOne looks at one candidate: it dooms the body, so that nobody can refer
// to it any more, looks for references again, and deletes or revives it.
func (s *Store) collectOne(ctx context.Context, candidate []byte, done *Swept) error {
	n, err := keys.Tail64(candidate)
	if err != nil {
		return err
	}
	id, key := BlobID(n), keys.BlobKey(keys.TableBlob, BlobID(n))
	row, state, err := s.blobRow(ctx, id)
	if isNotFound(err) {
		return s.engine.Commit(ctx, &kv.Batch{Delete: [][]byte{candidate}}, kv.Lazy)
	}
	if err != nil {
		return err
	}
	if held, err := s.referenced(ctx, id); err != nil || held {
		return s.keepBody(ctx, candidate, key, row, state, err)
	}
	state.State = keys.BlobDoomed
	doomed := state.Encode()
	b := new(kv.Batch)
	b.RequireValue(key, row)
	b.Put(key, doomed)
	if err := s.engine.Commit(ctx, b, kv.Durable); err != nil {
		return err
	}
	if held, err := s.referenced(ctx, id); err != nil || held {
		return s.keepBody(ctx, candidate, key, doomed, state, err)
	}
	if err := s.deleteBody(ctx, id, candidate, doomed, state); err != nil {
		return err
	}
	done.Bodies++
	done.Octets += state.Size
	return nil
}

// keepBody takes a body that is referred to off the list of candidates.
func (s *Store) keepBody(ctx context.Context, candidate, key, row []byte, state keys.Blob, err error) error {
	if err != nil {
		return err
	}
	b := new(kv.Batch)
	if state.State == keys.BlobDoomed {
		state.State = keys.BlobLive
		b.RequireValue(key, row)
		b.Put(key, state.Encode())
	}
	b.Remove(candidate)
	return s.engine.Commit(ctx, b, kv.Durable)
}

func (s *Store) deleteBody(ctx context.Context, id BlobID, candidate, row []byte, state keys.Blob) error {
	key := keys.BlobKey(keys.TableBlob, id)
	b := new(kv.Batch)
	b.RequireValue(key, row)
	b.Remove(key)
	b.Remove(candidate)
	s.bodies.Delete(b, id)
	if state.Hash != [32]byte{} {
		hk := keys.HashKey(state.Tenant, state.Hash)
		// Another body may have taken the place in the hash table since; if it does
		// so just now, it is only not found by the next one like it.
		if v, err := s.engine.Get(ctx, hk); err == nil && string(v) == string(keys.EncodeID(id)) {
			b.Remove(hk)
		}
	}
	return s.engine.Commit(ctx, b, kv.Durable)
}

func (s *Store) referenced(ctx context.Context, id BlobID) (bool, error) {
	found := false
	r := kv.Prefix(keys.BlobKey(keys.TableReference, id))
	r.Limit, r.KeysOnly = 1, true
	err := s.engine.Scan(ctx, r, func(_, _ []byte) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}
