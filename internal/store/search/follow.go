package search

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// Run indexes what comes, until ctx ends. First it looks at all accounts: what has
// come while nobody ran, or was lost in a crash, is indexed too. One Run at a
// time.
func (x *Index) Run(ctx context.Context) error {
	if err := x.review(ctx); err != nil && ctx.Err() == nil {
		x.opts.Log.Error("text index: not all accounts could be looked at", "error", err)
	}
	for ctx.Err() == nil {
		a, todo, ok, until := x.opts.News.take(time.Now(), x.opts.Wait)
		if !ok {
			x.idle()
			x.rest(ctx, until)
			continue
		}
		p := pace{x: x, began: time.Now()}
		if err := x.follow(ctx, a, todo, &p); err != nil && ctx.Err() == nil {
			x.opts.Log.Error("text index: an account is left to scans", "account", a, "error", err)
		}
		p.rest(ctx)
	}
	return nil
}

// idle lets go of the memory that building needs.
func (x *Index) idle() {
	x.work.Lock()
	defer x.work.Unlock()
	x.builder = nil
}

// rest waits for news, at most so long; 0 is without end.
func (x *Index) rest(ctx context.Context, atMost time.Duration) {
	var expired <-chan time.Time
	if atMost > 0 {
		t := time.NewTimer(atMost)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-ctx.Done():
	case <-expired:
	case <-x.opts.News.wake:
	}
}

// pace keeps the worker to its share of a processor: after some work it rests.
// Nil works on.
type pace struct {
	x     *Index
	began time.Time
}

// workFor is how long the worker works before it looks at its share.
const workFor = 50 * time.Millisecond

// step is called between two pieces of work.
func (p *pace) step(ctx context.Context) {
	if p != nil && time.Since(p.began) >= workFor {
		p.rest(ctx)
	}
}

func (p *pace) rest(ctx context.Context) {
	if p == nil {
		return
	}
	share := p.x.opts.Share
	if p.x.opts.Busy != nil && p.x.opts.Busy() {
		share /= 10
	}
	worked := time.Since(p.began)
	if d := time.Duration(float64(worked) * (1/share - 1)); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	p.began = time.Now()
}

// review notes the accounts whose index does not reach their last operation, and
// drops the indexes of accounts that are no more.
func (x *Index) review(ctx context.Context) error {
	err := x.opts.Store.Accounts(ctx, func(id store.AccountID) error {
		h, err := x.opts.Store.Account(ctx, id)
		if err != nil {
			return err
		}
		defer h.Close()
		switch m, err := x.manifest(ctx, x.opts.Engine, h); {
		case errors.Is(err, errCorrupt):
			x.opts.News.add(id, anew)
		case err != nil:
			return err
		case m == nil || m.modSeq < h.View().ModSeq():
			x.opts.News.note(id, note{what: now, erased: true})
		default:
			x.opts.News.note(id, note{erased: true})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return x.sweep(ctx)
}

// sweep drops the indexes of accounts that are no more.
func (x *Index) sweep(ctx context.Context) error {
	var ids []store.AccountID
	err := x.opts.Engine.Scan(ctx, kv.Prefix([]byte{tableManifest}), func(k, _ []byte) (bool, error) {
		ids = append(ids, accountOf(k))
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("search: sweeping: %w", err)
	}
	for _, id := range ids {
		h, err := x.opts.Store.Account(ctx, id)
		if errors.Is(err, store.ErrNoAccount) {
			err = x.Drop(ctx, id)
		} else if err == nil {
			h.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Sync indexes all that an account has now, without rest.
func (x *Index) Sync(ctx context.Context, a store.AccountID) error {
	return x.follow(ctx, a, note{}, nil)
}

// Rebuild drops an account's index and builds it anew, without rest. done, unless
// nil, is told now and then how many messages have been looked at.
func (x *Index) Rebuild(ctx context.Context, a store.AccountID, done func(messages int)) error {
	return x.follow(ctx, a, note{what: anew, done: done}, nil)
}

// Erased says that messages of accounts have been erased from the store: they will
// leave the index.
func (x *Index) Erased(accounts []store.AccountID) {
	for _, a := range accounts {
		x.opts.News.note(a, note{erased: true})
	}
}

// follow brings the index of an account up to date.
func (x *Index) follow(ctx context.Context, a store.AccountID, todo note, p *pace) error {
	h, err := x.opts.Store.Account(ctx, a)
	if errors.Is(err, store.ErrNoAccount) {
		return x.Drop(ctx, a)
	}
	if err != nil {
		return err
	}
	defer h.Close()
	x.work.Lock()
	defer x.work.Unlock()
	if x.builder == nil {
		x.builder = newBuilder(x.codec)
	}
	m, err := x.manifest(ctx, x.opts.Engine, h)
	if errors.Is(err, errCorrupt) || todo.what == anew {
		m, err = nil, x.drop(ctx, a)
	}
	if err != nil {
		return err
	}
	if m == nil {
		m = &manifest{seed: h.View().Seed(), next: 1}
	}
	f := follower{x: x, h: h, m: m, pace: p, done: todo.done}
	if err := f.sweepRows(ctx); err != nil {
		return err
	}
	if todo.erased {
		if err := f.prune(ctx); err != nil {
			return err
		}
	}
	if err := f.index(ctx); err != nil {
		return err
	}
	return f.merge(ctx)
}

// follower brings the index of one account up to date. It has the work lock.
type follower struct {
	x    *Index
	h    *store.Account
	m    *manifest
	pace *pace
	done func(messages int) // nil: nobody asks
}

// listed is how many ids are asked for at once.
const listed = 500

// index adds the messages that are new, and those that have come back.
func (f *follower) index(ctx context.Context) error {
	upTo := f.h.View().ModSeq()
	if f.m.modSeq == upTo {
		return nil
	}
	if err := f.indexReturned(ctx); err != nil {
		return err
	}
	err := f.build(ctx, onward(f.m.last), func(last store.MessageID, made []segmentInfo) error {
		f.m.last = last
		f.m.segments = append(f.m.segments, made...)
		return f.save(ctx, new(kv.Batch))
	})
	if err != nil {
		return err
	}
	f.m.modSeq = upTo
	return f.save(ctx, new(kv.Batch))
}

// build builds segments of the messages of a range and calls ended after each, with the
// last message that has been looked at: the segment's last rows and the manifest that will have it
// are one batch, as far as readers and crashes are concerned, for batches are kept in order.
// There is no segment when no message could be indexed.
func (f *follower) build(ctx context.Context, in idRange, ended func(last store.MessageID, made []segmentInfo) error) error {
	b := f.x.builder
	open, seen := false, 0
	last := in.after
	for {
		ids, err := f.h.MessageIDs(ctx, last, listed)
		if err != nil {
			return err
		}
		ids = ids[:sort.Search(len(ids), func(i int) bool { return ids[i] > in.upTo })]
		if len(ids) == 0 {
			break
		}
		for len(ids) > 0 {
			if !open {
				b.begin(f.x.opts.Engine, f.h.ID(), f.m.next)
				f.m.next++
				open = true
			}
			n, err := f.add(ctx, ids)
			if err != nil {
				return err
			}
			last, ids = ids[n-1], ids[n:]
			if seen += n; f.done != nil {
				f.done(seen)
			}
			if b.full() {
				open = false
				if err := f.end(ctx, last, ended); err != nil {
					return err
				}
			}
		}
	}
	if open {
		return f.end(ctx, last, ended)
	}
	return nil
}

// errFull ends a run over messages early.
var errFull = errors.New("the segment is full")

// add puts messages into the segment until it is full, and returns how many it has
// looked at.
func (f *follower) add(ctx context.Context, ids []store.MessageID) (int, error) {
	b := f.x.builder
	n := len(ids)
	err := f.h.Messages(ctx, ids, store.WantStructure, func(i int, m *store.Message) error {
		if err := b.add(ctx, m); err != nil {
			if ctx.Err() != nil || errors.Is(err, kv.ErrClosed) {
				return err
			}
			// It is left to scans, which will say the same.
			f.x.opts.Log.Debug("text index: a message is left out", "account", f.h.ID(), "message", uint64(m.ID()), "error", err)
		} else {
			f.x.count.indexed.Inc()
		}
		f.pace.step(ctx)
		if b.full() {
			n = i + 1
			return errFull
		}
		return ctx.Err()
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return n, err
}

// end ends the segment that is being built.
func (f *follower) end(ctx context.Context, last store.MessageID, ended func(store.MessageID, []segmentInfo) error) error {
	var made []segmentInfo
	if len(f.x.builder.docs) > 0 {
		info, err := f.x.builder.finish(ctx)
		if err != nil {
			return err
		}
		made = []segmentInfo{info}
	}
	return ended(last, made)
}

// save writes the manifest with other changes.
func (f *follower) save(ctx context.Context, b *kv.Batch) error {
	b.Put(manifestKey(f.h.ID()), f.m.encode())
	if err := f.x.opts.Engine.Commit(ctx, b, kv.Lazy); err != nil {
		return fmt.Errorf("search: account %d: %w", f.h.ID(), err)
	}
	return nil
}

// sweepRows removes rows of segments that no manifest has: a crash or an error
// left them.
func (f *follower) sweepRows(ctx context.Context) error {
	b := new(kv.Batch)
	known := make(map[segmentID]bool)
	for _, s := range f.m.segments {
		known[s.id] = true
	}
	at := accountKey(f.h.ID())
	end := kv.After(at)
	for {
		var id segmentID
		found := false
		err := f.x.opts.Engine.Scan(ctx, kv.Range{Lo: at, Hi: end, Limit: 1, KeysOnly: true}, func(k, _ []byte) (bool, error) {
			id, found = segmentOf(k), true
			return false, nil
		})
		if err != nil {
			return err
		}
		if !found {
			break
		}
		span := segmentSpan(f.h.ID(), id)
		if !known[id] {
			b.RemoveSpan(span)
			f.m.next = max(f.m.next, id+1)
		}
		at = span.Hi
	}
	if b.Empty() {
		return nil
	}
	return f.x.opts.Engine.Commit(ctx, b, kv.Lazy)
}
