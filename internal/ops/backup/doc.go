// Package backup keeps copies of a running server's store in a folder elsewhere, and brings them back.
//
// # Model
//
// A repository is a folder, best on another disk or machine. It has snapshots, each the whole store at one moment, and the files that they are made of,
// by the hash of their contents. The engine's files never change once they are written, so a snapshot costs what is new since the one before it:
//
//	repository.json      what this folder is
//	files/ab/abcd...     contents by their SHA-256, read-only
//	snapshots/TIME.json  a snapshot: the names, sizes and hashes of its files
//
// Make takes a checkpoint of the engine, which stops nobody and copies nothing, stores the files that are not there yet, reads them back, and
// writes the snapshot last. Whatever is interrupted leaves files that no snapshot names; Prune removes them.
//
// # Invariants
//
//   - A snapshot that is listed is whole: its files were synced and read back before it was written.
//   - Nothing in a repository is ever changed, only added and removed.
//   - One process at a time writes to a repository.
//
// # What it does not do
//
// It does not talk to other machines: mount them, or copy the repository on. It does not encrypt; whoever reads the repository reads the mail.
package backup
