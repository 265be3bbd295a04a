package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	dir := filepath.Join(c.config.Data, "search")
	log := c.opts.Log.With("engine", "search")
	cache := max(int64(c.config.Store.Cache)/8, 8<<20)
	open := func() (*pebblekv.Engine, error) {
		return pebblekv.Open(pebblekv.Options{
			Dir: dir, CacheBytes: cache, LowMemory: true, NoLog: true, Logger: log,
			// Searches go on without it, slowly.
			OnFatal: func(err error) { log.Error("the text index has stopped until the next start", "error", err) },
		})
	}
	engine, err := open()
	var locked *pebblekv.LockedError
	if err != nil && !errors.As(err, &locked) {
		log.Error("the text index cannot be read and is made anew", "error", err)
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("text index: %w", err)
		}
		engine, err = open()
	}
	if err != nil {
		return fmt.Errorf("text index: %w", err)
	}
	c.search.engine = engine
	c.search.index = search.New(search.Options{
		Store: c.store, Engine: engine, News: c.search.news,
		Share: float64(c.config.Search.Processor) / 100, Log: c.opts.Log, Metrics: c.metrics,
	})
	c.metrics.GaugeFunc("restante_search_disk_bytes", "All files of the text index.",
		func() float64 { return float64(engine.Stats().DiskBytes) })
	return nil
}

func (t *textIndex) close() error {
	if t.engine == nil {
		return nil
	}
	return t.engine.Close()
}
