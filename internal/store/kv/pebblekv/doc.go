// Package pebblekv is the ordered-key engine on one machine: kv.Engine over
// Pebble, in one directory, with a write-ahead log that is synced before a
// durable commit returns.
//
// # Model
//
// A commit locks its required keys (by stripes: a hash picks one of 4,096 locks),
// checks them, and gives its changes to Pebble as one batch. The locks are held
// until the log is synced, so nobody builds on what a power cut may take back.
// Commits with different required keys wait for the same sync: that is Pebble's
// group commit, and why 64 writers get eight times the commits of one. A key
// that is only required is locked against its writers alone.
//
// Pebble shows a batch as soon as it is in memory, which is before the sync.
//
// Lock order: the engine's gate, stripes in ascending order, then Pebble's own.
// The mutex over the list of snapshots is held for that list alone.
//
// # When the disk fails
//
// An error of the log or of a flush is final. The engine tells its owner through
// Options.OnFatal, once, and from then on every call returns a FatalError; it
// never writes again, not even at Close. To try the sync again would be wrong: the
// kernel may have dropped the pages that it could not write, and report success.
// A damaged or unreadable block is not final: the reads that meet it fail, it is
// logged, and everybody else's mail stays where it is.
//
// # Files
//
// Values of 1 KB and more are kept apart from their keys, in files that most
// compactions only refer to; Options.WholeValues turns that off. Stores written
// either way can be read either way. The files have the format that options.go
// names, and a new Pebble does not change it by itself. LOCK is locked while a
// store is open; its lock, not its being there, counts.
//
// # Measured
//
// Medians of five on a 2-core virtual machine that others kept busy (load 8 to
// 12), so rates are low and the figures by CPU-second hold best. A message is a
// lognormal body (median 12 KB, mean 75 KB) in chunks of 64 KB, compressed
// already, with five rows, in one durable commit:
//
//	writers                                 1        8       64
//	4 KB commits/s                      1,109    7,416   16,470
//	messages/s                            638    1,522    2,194   (one run in a quiet moment: 4,473, 316 MB/s)
//	  MB/s                                 45      104      157
//	  MB/CPU-second                       166      213      247
//	messages/s, zstd included             540    1,150    1,309
//	  MB/CPU-second                       103      113      120
//	values with their keys, MB/CPU-s                        175   (0.71 of the above)
//
//	written by flushes and compactions for each byte flushed: 1.02 after 1.4 GB,
//	1.19 after 3.2 GB; with values beside their keys 2.1 after 1.4 GB
//	best of five: Get of a 4 KB page from the cache 12 us, of a key that is not
//	there 4 us, Scan of 100 such pages 40 us, of 100,000 rows of 60 bytes 13 ms
//
// With 64 writers the CPU copies (37 %) and calls the system (30 %).
// The benchmarks are beside this file; run them more than once.
//
// # Tried and left
//
//   - Level-0 compaction at 2 or 8 files, tables of 64 MB, memory tables of 32 or
//     128 MB, BytesPerSync of 512 KB or 4 MB, one compaction at a time, going
//     without the watch for slow disks: within the noise, which is 15 %. Tables of
//     2 MB cost a third and stalled for seconds.
//   - A delay before each sync (WALMinSyncInterval 200 us, 1 ms), to gather more
//     commits: nothing at 64 writers, a fifth less at 8. A sync gathers all that
//     come while the one before it runs.
//   - zstd in Pebble's blocks: a fifth less by CPU; bodies don't shrink twice.
//   - Range tombstones for small ranges: three thousand times the cost of deletes
//     by key, see commit.go.
//   - A lock for each key in use instead of stripes, not tried: exact, but a map
//     under a mutex on the way of every commit.
package pebblekv
