package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv"
	"restante/internal/store/search"
)

// textIndex is the text index and the engine that keeps it; both are nil while it
// is not open.
type textIndex struct {
	news   *search.News
	engine kv.Engine
	index  *search.Index
}

// openIndex opens the text index. One that cannot be opened is made anew: all that
// is in it can be had from the mail.
func (c *Core) openIndex() error {
	engine, err := c.indexEngine()
	var locked *pebblekv.LockedError
	if err != nil && !errors.As(err, &locked) {
		c.opts.Log.Error("the text index cannot be read and is made anew", "error", err)
		if err := os.RemoveAll(c.indexDir()); err != nil {
			return fmt.Errorf("text index: %w", err)
		}
		engine, err = c.indexEngine()
	}
	if err != nil {
		return fmt.Errorf("text index: %w", err)
	}
	c.useIndex(engine)
	return nil
}

func (c *Core) indexDir() string { return filepath.Join(c.config.Data, "search") }

func (c *Core) indexEngine() (*pebblekv.Engine, error) {
	log := c.opts.Log.With("engine", "search")
	return pebblekv.Open(pebblekv.Options{
		Dir: c.indexDir(), CacheBytes: max(int64(c.config.Store.Cache)/8, 8<<20), LowMemory: true, NoLog: true, Logger: log,
		// Searches go on without it, slowly.
		OnFatal: func(err error) { log.Error("the text index has stopped until the next start", "error", err) },
	})
}

func (c *Core) useIndex(engine *pebblekv.Engine) {
	c.search.engine = engine
	c.search.index = search.New(search.Options{
		Store: c.store, Engine: engine, News: c.search.news,
		Share: float64(c.config.Search.Processor) / 100, Log: c.opts.Log, Metrics: c.metrics,
		Busy: (&busy{commits: func() uint64 { return c.engine.Stats().Commits }}).now,
	})
	c.metrics.GaugeFunc("restante_search_disk_bytes", "All files of the text index.",
		func() float64 { return float64(engine.Stats().DiskBytes) })
}

// busy says whether mail is coming in, or being moved about, faster than people do by hand: the text index can wait.
type busy struct {
	commits func() uint64

	mu struct {
		sync.Mutex
		at   time.Time
		last uint64
	}
}

// busyRate is how many commits a second are busy.
const busyRate = 50

func (b *busy) now() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, n := time.Now(), b.commits()
	passed, done := at.Sub(b.mu.at).Seconds(), n-b.mu.last
	b.mu.at, b.mu.last = at, n
	return float64(done) > busyRate*passed
}

func (t *textIndex) close() error {
	if t.engine == nil {
		return nil
	}
	return t.engine.Close()
}

// errNoIndex says that there is nothing to make anew.
var errNoIndex = errors.New("the text index is switched off: search.enabled in the configuration")

// Reindex implements admind.Backend.
func (c *Core) Reindex(ctx context.Context, address string) iter.Seq2[admind.Reindexed, error] {
	return told(func(tell func(admind.Reindexed) error) error { return c.reindex(ctx, address, tell) })
}

func (c *Core) reindex(ctx context.Context, address string, tell func(admind.Reindexed) error) error {
	if !c.config.Search.Enabled {
		return errNoIndex
	}
	if c.search.index == nil { // no server runs: only this verb has the data folder
		if err := c.openIndex(); err != nil {
			return err
		}
	}
	var list []directory.Account
	if address != "" {
		err := c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
			account, err := d.Account(ctx, a)
			list = append(list, account)
			return err
		})
		if err != nil {
			return err
		}
	} else {
		for a, err := range c.directory.Load().Accounts(ctx, "") {
			if err != nil {
				return err
			}
			list = append(list, a)
		}
	}
	for _, a := range list {
		if err := c.reindexOne(ctx, a, tell); err != nil {
			return fmt.Errorf("%s: %w", a.Login, err)
		}
	}
	return nil
}

// reindexOne makes the index of one account anew.
func (c *Core) reindexOne(ctx context.Context, a directory.Account, tell func(admind.Reindexed) error) error {
	h, err := c.store.Account(ctx, a.ID)
	if err != nil {
		return err
	}
	defer h.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := admind.Reindexed{Account: a.Login, Total: h.View().Used().Messages}
	err = c.search.index.Rebuild(ctx, a.ID, func(n int) {
		r.Done = uint64(n)
		r.Total = max(r.Total, r.Done) // those that can still be put back are indexed too
		if context.Cause(ctx) == nil {
			if err := tell(r); err != nil {
				stop(err)
			}
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if r.Total = r.Done; err == nil {
		err = tell(r)
	}
	return err
}
