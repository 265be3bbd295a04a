// Package store holds accounts, mailboxes and messages, and is the only
// writer of them.
//
// # Model
//
// An account has mailboxes in a tree. A message belongs to an account and lies
// in mailboxes by memberships: a membership gives it a UID there, flags,
// keywords, a save date and a MODSEQ; the message itself (identity, size,
// envelope, body structure, body) never changes. COPY adds a membership, MOVE
// replaces one, EXPUNGE ends one; when the last one ends, the message goes to
// recently removed and later to the collector.
//
// # Reading
//
// Account.View returns the account as of its last operation: an immutable
// value that a session may keep as long as it likes. Two views of a mailbox
// are compared with MailboxView.Diff, which is how an IMAP session learns
// what others did: it takes a newer view and compares. A hint on the bus only
// says that there is a newer one; a hint that is doubled or lost changes
// nothing but the delay.
//
// A mailbox is made of pages of 64 UIDs. How many messages each page has is known
// without reading it, so a view is ready at once, and only the pages that somebody
// asks for are read (MailboxView.LoadUIDs, LoadPlaces).
//
// # Writing
//
// Account.Update runs a function over a Tx, makes the result durable in one
// atomic batch (records, counters, change-log row), then lets readers see it,
// then publishes a hint. Operations of one account are serialised, so MODSEQ
// order is commit order; those that queue up while a commit is under way share
// the next one. The function has no side effects but on its Tx, for it may be
// run again.
//
// Readers see nothing before its sync: otherwise a UID that a client saw could
// be given again after a power cut.
//
// # Locks
//
// account.writer is held over an operation and its commit; Deliver takes
// those of several accounts in the order of their ids. account.loading is
// held while pages are read from the engine; it is taken after writer. Store.mu
// guards the cache of accounts and is never held over I/O.
package store
