package app

import "restante/internal/store/kv"

// observe registers the engine's numbers.
func (c *Core) observe() {
	gauge := func(name, help string, value func(kv.Stats) float64) {
		c.metrics.GaugeFunc(name, help, func() float64 { return value(c.engine.Stats()) })
	}
	gauge("restante_store_disk_bytes", "All files of the store.",
		func(s kv.Stats) float64 { return float64(s.DiskBytes) })
	gauge("restante_store_garbage_bytes", "Bodies in the files that nothing refers to any more.",
		func(s kv.Stats) float64 { return float64(s.GarbageBytes) })
	gauge("restante_store_memory_bytes", "Writes that the store holds in memory.",
		func(s kv.Stats) float64 { return float64(s.MemoryBytes) })
	gauge("restante_store_cache_bytes", "The store's cache of blocks.",
		func(s kv.Stats) float64 { return float64(s.CacheBytes) })
	gauge("restante_store_compaction_debt_bytes", "What waits for compaction.",
		func(s kv.Stats) float64 { return float64(s.CompactionDebt) })

	counter := func(name, help string, value func(kv.Stats) float64) {
		c.metrics.CounterFunc(name, help, func() float64 { return value(c.engine.Stats()) })
	}
	counter("restante_store_commits_total", "Batches applied.",
		func(s kv.Stats) float64 { return float64(s.Commits) })
	counter("restante_store_conflicts_total", "Batches refused by a requirement.",
		func(s kv.Stats) float64 { return float64(s.Conflicts) })
	counter("restante_store_stall_seconds_total", "How long commits were stopped to let the disk catch up.",
		func(s kv.Stats) float64 { return s.StallTime.Seconds() })
}
