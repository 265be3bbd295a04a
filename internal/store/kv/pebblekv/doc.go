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
//	messages/s                            638    1,522    2,194   (4,473 on a quieter machine: 316 MB/s)
//	  MB/s                                 45      104      157
//	  MB/CPU-second                       166      213      247
//	messages/s, zstd included             540    1,150    1,309
//	  MB/CPU-second                       103      113      120
//	values with their keys, MB/CPU-s                        175   (0.71 of the above)
//
//	written by flushes and compactions for each byte flushed: 1.02 after 1.4 GB,
//	1.19 after 3.2 GB; with values beside their keys 2.1 after 1.4 GB
//	Get of a 4 KB page in the cache 7 us of CPU; of a key that is not there 4 us
//	Scan of 100 such pages 40 us; of 100,000 rows of 60 bytes 13 ms
//
// What the CPU does is copy (37 %) and call the system (30 %); checksums are 3 %.
// The benchmarks are beside this file; run them more than once.
//
// # Tried and left
//
//   - Level-0 compaction at 2 or 8 files, tables of 2 or 64 MB, memory tables of
//     32 or 128 MB, BytesPerSync of 512 KB or 4 MB, going without the watch for
//     slow disks: within the noise (10 %), but for tables of 2 MB, which cost a
//     third and stalled for seconds. Two compactions at a time beat one by a tenth.
//   - A delay before each sync (WALMinSyncInterval), to gather more commits: the
//     sync itself gathers all that come while it runs.
//   - zstd in Pebble's blocks: a fifth slower, and bodies don't shrink twice.
//   - A lock for each key in use instead of stripes: exact, but a map under a
//     mutex on the way of every commit.
//   - Range tombstones for small ranges: see commit.go, they cost three
//     thousand times what the deletes do.
package pebblekv
