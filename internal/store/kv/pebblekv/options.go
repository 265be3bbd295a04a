package pebblekv

import (
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable/block"
)

// format is the version of the files. It is named, not "newest", so that a new
// Pebble does not change stores behind the operator's back.
const format = pebble.FormatValueSeparation

// separateFrom is the size of a value that is kept apart from its key: body
// chunks and message records, not counters, flags and index rows.
const separateFrom = 1 << 10

// size is what LowMemory chooses between.
type size struct {
	cache      int64 // bytes
	memTable   uint64
	memTables  int // at most, before writes wait
	tableFile  int64
	levelBase  int64
	openFiles  int
	compactors int
}

func (o Options) size() size {
	s := size{
		cache: 256 << 20, memTable: 64 << 20, memTables: 4, tableFile: 16 << 20,
		levelBase: 256 << 20, openFiles: 1000, compactors: max(2, runtime.GOMAXPROCS(0)),
	}
	if o.LowMemory {
		s = size{
			cache: 16 << 20, memTable: 16 << 20, memTables: 2, tableFile: 4 << 20,
			levelBase: 64 << 20, openFiles: 200, compactors: 1,
		}
	}
	if o.CacheBytes > 0 {
		s.cache = o.CacheBytes
	}
	if o.MemTableBytes > 0 {
		s.memTable = min(uint64(o.MemTableBytes), 256<<20)
	}
	return s
}

// pebbleOptions is the one place where Pebble is tuned.
func (e *Engine) pebbleOptions() *pebble.Options {
	s := e.options.size()
	po := &pebble.Options{
		FS:                 e.options.FS,
		FormatMajorVersion: format,
		Logger:             logger{e},
		EventListener:      e.listener(),

		DisableWAL:   e.options.NoLog,
		CacheSize:    s.cache,
		MaxOpenFiles: s.openFiles,

		MemTableSize:                s.memTable,
		MemTableStopWritesThreshold: s.memTables,
		BytesPerSync:                1 << 20,

		L0CompactionThreshold:      4,
		L0StopWritesThreshold:      24,
		LBaseMaxBytes:              s.levelBase,
		CompactionConcurrencyRange: func() (int, int) { return 1, s.compactors },
	}
	if po.FS == nil {
		po.WithFSDefaults() // with a watch that reports slow disks
	}
	po.TargetFileSizes[0] = s.tableFile
	profile := compression()
	for i := range po.Levels {
		po.Levels[i] = pebble.LevelOptions{
			BlockSize:      32 << 10,
			IndexBlockSize: 256 << 10,
			FilterPolicy:   bloom.FilterPolicy(10),
			Compression:    func() *block.CompressionProfile { return profile },
		}
	}
	po.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled:     !e.options.WholeValues,
			MinimumSize: separateFrom,
			// How many files of values one table may refer to before a compaction
			// gathers them anew. With 10, 3.2 GB of mail came to 1.35 bytes written
			// for each one flushed and 192 MB per CPU-second; with 20 to 1.19 and 224.
			MaxBlobReferenceDepth: 20,
			RewriteMinimumAge:     time.Minute,
			TargetGarbageRatio:    0.2,
		}
	}
	return po
}

// compression is what blocks of the files are squeezed with: the fastest there
// is, MinLZ or Snappy by processor. Bodies come compressed or encrypted, and to
// find out that they don't shrink costs 3 % of the CPU; message records, flags
// and index rows are worth it. No compression at all and an adaptive profile
// measured the same within the noise; zstd cost a fifth of the throughput.
func compression() *block.CompressionProfile {
	return block.FastestCompression
}
