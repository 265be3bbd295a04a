package pebblekv

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"restante/internal/store/kv"
)

// Stats implements kv.Engine. On an engine that is closed or has failed it
// returns the zero value.
func (e *Engine) Stats() kv.Stats {
	if e.enter(context.Background()) != nil {
		return kv.Stats{}
	}
	defer e.gate.leave()
	m := e.db.Metrics()
	s := kv.Stats{
		DiskBytes:      m.DiskSpaceUsage(),
		LogBytes:       m.WAL.PhysicalSize,
		ValueBytes:     m.BlobFiles.LiveSize,
		MemoryBytes:    m.MemTable.Size,
		CacheBytes:     uint64(m.BlockCache.Size),
		CacheHits:      m.BlockCache.Hits,
		CacheMisses:    m.BlockCache.Misses,
		Commits:        e.commits.Load(),
		Conflicts:      e.conflicts.Load(),
		LogWritten:     m.WAL.BytesWritten,
		Flushes:        m.Flush.Count,
		Compactions:    m.Compact.Count,
		CompactionDebt: m.Compact.EstimatedDebt,
		Level0Files:    m.Levels[0].TablesCount,
		Snapshots:      m.Snapshots.Count,
	}
	for i := range m.Levels {
		l := &m.Levels[i]
		s.FlushWritten += l.TableBytesFlushed + l.BlobBytesFlushed
		// Pebble counts values that a flush writes as compacted, too.
		s.CompactWritten += l.TableBytesCompacted + l.BlobBytesCompacted - l.BlobBytesFlushed
	}
	if live := m.BlobFiles.ReferencedValueSize; live < m.BlobFiles.ValueSize {
		s.GarbageBytes = m.BlobFiles.ValueSize - live
	}
	s.Stalls, s.StallTime = e.stalls.sum()
	return s
}

// stalls adds up the times at which Pebble made writers wait.
type stalls struct {
	mu struct {
		sync.Mutex
		count uint64
		since time.Time // zero: not stalled
		total time.Duration
	}
}

func (s *stalls) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.count++
	s.mu.since = time.Now()
}

func (s *stalls) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.total += time.Since(s.mu.since)
	s.mu.since = time.Time{}
}

func (s *stalls) sum() (uint64, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := s.mu.total
	if !s.mu.since.IsZero() {
		total += time.Since(s.mu.since)
	}
	return s.mu.count, total
}

// Compact implements kv.Engine: it flushes memory and merges the levels of the
// span down to the last, so that what was deleted there is dropped. Values kept
// apart go with their file once nothing in it is referred to, or, when a fifth of
// a file is garbage, by Pebble's rewriting it some minutes later.
func (e *Engine) Compact(ctx context.Context, s kv.Span) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	lo, hi := bounds(s)
	if bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	if err := e.db.Compact(ctx, lo, hi, false); err != nil {
		return fmt.Errorf("compact %x-%x: %w", s.Lo, s.Hi, err)
	}
	return nil
}

// Checkpoint implements kv.Engine. Files that never change are linked, not
// copied, when dir is on the same file system; a checkpoint opens like a store.
// Memory is flushed first: what lies in a log only is copied now, and once more
// when it has gone into a table.
func (e *Engine) Checkpoint(ctx context.Context, dir string) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := e.db.Flush(); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	if err := e.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return nil
}
