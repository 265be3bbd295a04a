package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"restante/internal/base/metrics"
	"restante/internal/store"
	"restante/internal/store/blob"
	"restante/internal/store/kv"
)

// Options of an Index. Store, Engine and News are needed.
type Options struct {
	Store *store.Store
	// Engine keeps the index and nothing else. What it loses in a crash is indexed
	// again. Closing it stays the caller's.
	Engine kv.Engine
	// News says where mail has come; the store publishes its hints there.
	News *News
	// Share is how much of one processor the indexer takes at most; 0 is a half.
	Share float64
	// Busy says that others need the processor now: the share is a tenth then. Nil is never. It is
	// asked some times a second.
	Busy func() bool
	// Wait is how long a few messages wait for others before they are indexed; 0 is
	// a minute. Until then searches look into them one by one.
	Wait time.Duration

	Log     *slog.Logger // nil drops it
	Metrics *metrics.Registry
}

// Index is the text index of a store. It is safe for concurrent use.
type Index struct {
	opts  Options
	codec *blob.Codec

	mu struct {
		sync.Mutex
		segments map[segmentName]*segment // read lately
		docs     int                      // of these
	}

	// work is held by who writes: the worker, and those who ask for an account to be
	// indexed now.
	work    sync.Mutex
	builder *builder // under work; nil while there is little to do

	count counters
}

type segmentName struct {
	account store.AccountID
	id      segmentID
}

// cachedDocs bounds the messages of segments that are held in memory, 16 octets
// each.
const cachedDocs = 4 << 20

type counters struct {
	indexed, merged, failed *metrics.Counter
}

// New makes an Index. Run makes it follow the store.
func New(o Options) *Index {
	if o.Store == nil || o.Engine == nil || o.News == nil {
		panic("search: no Store, no Engine or no News")
	}
	if o.Share <= 0 {
		o.Share = 0.5
	}
	o.Share = min(o.Share, 1)
	if o.Wait <= 0 {
		o.Wait = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	x := &Index{opts: o, codec: blob.NewCodec()}
	x.mu.segments = make(map[segmentName]*segment)
	x.count = counters{
		indexed: o.Metrics.Counter("restante_search_indexed_total", "Messages put into the text index."),
		merged:  o.Metrics.Counter("restante_search_merged_total", "Messages whose segment of the text index was merged into a bigger one."),
		failed:  o.Metrics.Counter("restante_search_failed_total", "Times that the text index of an account was dropped because a record was not what was written."),
	}
	o.Metrics.GaugeFunc("restante_search_waiting", "Accounts with mail that is not in the text index yet.",
		func() float64 { return float64(o.News.len()) })
	return x
}

func isNotFound(err error) bool { return errors.Is(err, kv.ErrNotFound) }

// manifest reads what the index has of an account: nil when that is nothing, or
// not of this account.
func (x *Index) manifest(ctx context.Context, r kv.Reader, account *store.Account) (*manifest, error) {
	b, err := r.Get(ctx, manifestKey(account.ID()))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("search: account %d: %w", account.ID(), err)
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, err
	}
	// A store that was put back to an older state gives ids again that the index
	// knows as other messages'.
	if v := account.View(); m.seed != v.Seed() || m.modSeq > v.ModSeq() || m.last > v.LastMessage() {
		return nil, fmt.Errorf("%w: the index of account %d is ahead of the account", errCorrupt, account.ID())
	}
	return m, nil
}

// segment returns a segment, from memory if it was read lately.
func (x *Index) segment(ctx context.Context, r kv.Reader, a store.AccountID, info segmentInfo) (*segment, error) {
	name := segmentName{a, info.id}
	x.mu.Lock()
	s := x.mu.segments[name]
	x.mu.Unlock()
	if s != nil && s.segmentInfo == info {
		return s, nil
	}
	s, err := openSegment(ctx, r, x.codec, a, info)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for other, old := range x.mu.segments { // any: those in use come back at once
		if x.mu.docs+len(s.info) <= cachedDocs {
			break
		}
		delete(x.mu.segments, other)
		x.mu.docs -= len(old.info)
	}
	if old := x.mu.segments[name]; old != nil {
		x.mu.docs -= len(old.info)
	}
	x.mu.segments[name] = s
	x.mu.docs += len(s.info)
	return s, nil
}

// forget lets go of an account's segments.
func (x *Index) forget(a store.AccountID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, s := range x.mu.segments {
		if name.account == a {
			delete(x.mu.segments, name)
			x.mu.docs -= len(s.info)
		}
	}
}

// broken notes that an account's index cannot be used. One whose records are not
// what was written is dropped by the worker and built again.
func (x *Index) broken(a store.AccountID, err error) {
	if !errors.Is(err, errCorrupt) && !errors.Is(err, blob.ErrCorrupt) {
		x.opts.Log.Warn("text index cannot be read", "account", a, "error", err)
		return
	}
	x.opts.Log.Error("text index is dropped and built again", "account", a, "error", err)
	x.count.failed.Inc()
	x.opts.News.add(a, anew)
}

// Drop forgets all of an account's index.
func (x *Index) Drop(ctx context.Context, a store.AccountID) error {
	x.work.Lock()
	defer x.work.Unlock()
	return x.drop(ctx, a)
}

func (x *Index) drop(ctx context.Context, a store.AccountID) error {
	b := new(kv.Batch)
	b.Remove(manifestKey(a))
	b.RemoveSpan(kv.Prefix(accountKey(a)).Span())
	x.forget(a)
	if err := x.opts.Engine.Commit(ctx, b, kv.Lazy); err != nil {
		return fmt.Errorf("search: dropping the index of account %d: %w", a, err)
	}
	return nil
}
