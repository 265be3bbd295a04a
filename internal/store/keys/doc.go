// Package keys is the layout of Restante's store: which keys exist, in what
// order they sort, and how the records behind them are written as bytes.
//
// # Keys
//
// A key is a table letter, then (for tables that belong to one account) the
// account, then fixed-width big-endian fields, so that the byte order of keys
// is the order in which they are read: messages by UID, changes by MODSEQ,
// sweeps by due time. No key is longer than 512 bytes. Every table is
// listed in tables.go with its letter and owner; letters are never reused.
//
// # Records
//
// A record begins with a version byte. Records that every operation touches
// (account, counters, page) have fixed fields; those that will grow (mailbox,
// message, change, removed) are lists of tagged fields (fields.go), where an
// unknown tag is kept when the record is written again: an older server does
// not destroy what a newer one wrote.
//
// Codecs do no I/O and hold no state. Golden bytes under testdata hold every
// codec to the format that is on people's disks: a difference there is a
// migration, never an update of the golden file alone.
package keys

// SchemaVersion is the layout that this build reads and writes.
//
// Version 1: the first; tables and records as this package documents them.
const SchemaVersion = 1
