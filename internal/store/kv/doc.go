// Package kv is the ordered-key engine under the store: what the store asks of
// Pebble on one machine and of PostgreSQL in a cluster, and nothing more.
//
// # Model
//
// An engine is one sorted map from byte strings to byte strings, ordered as
// bytes.Compare orders them. It is read by key or by range and changed by
// batches. A [Batch] is a pure value: preconditions and changes, no code. It is
// applied whole or not at all, and it may be sent again.
//
//	b := new(kv.Batch)
//	b.RequireValue(accountKey, accountRow) // nobody has changed the account
//	b.Put(accountKey, newAccountRow)
//	b.Put(pageKey, newPage)
//	err := engine.Commit(ctx, b, kv.Durable) // ErrConflict: read again, compute again
//
// # Promises
//
//   - Atomic: no reader, no snapshot and no crash shows a part of a batch.
//   - Within a batch the order is fixed: DeleteRange, then Delete, then Set; of
//     several Sets of one key the last counts. "Empty this range and fill it
//     anew" is therefore one batch.
//   - Checked: all requirements hold at the moment at which the batch applies,
//     under the rule below.
//   - Durable: a batch committed [Durable] survives kill -9 and power loss once
//     Commit has returned nil, and so does every batch committed before it. A
//     [Lazy] batch may be lost in a crash, but only together with everything
//     that was committed after it. A Durable commit of an empty batch is a
//     barrier: it waits until what was committed before is safe.
//   - Visible at the latest when Commit returns. An engine may show a batch
//     before it is durable (Pebble does), so what must not be seen before it is
//     safe has to be held back by the caller; the store publishes after Commit.
//   - Reads go backwards for nobody: commits that touch one key are observed in
//     the order in which they were committed.
//   - One Scan, however long, sees one state. A [Snapshot] gives one state to
//     several reads.
//
// # The rule for required keys
//
// A key that any batch requires may be written only by batches that require it
// too, a new key by requiring its absence. Then a lock for each required key is
// all that an engine needs to make check and change one step, and commits with
// different required keys share their sync. memkv reports a Set or Delete that
// breaks the rule as [ErrUnguarded]; other engines don't look.
//
// A DeleteRange deletes the keys that are there when its requirements are
// checked. A key that another batch adds to the range at the same moment may
// stay, unless both batches require one key in common and one of them writes it
// (the store: the account row). That is also how a DeleteRange over required keys
// is fenced.
//
// # Limits
//
// Keys have 1 to [MaxKey] bytes, values up to [MaxValue], batches up to
// [MaxBatch] by [Batch.Size], however they are committed.
//
// # What it does not do
//
// No transactions that read and write at will, no merge operators, no expiry, no
// names for tables (the first byte of the key is the table), no codecs: those
// are the business of store/keys and of the store.
package kv
