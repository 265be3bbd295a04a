// Package transfer brings mail in from other stores and out to them: Maildir, mbox and trees of message files.
//
// # In
//
// A source has folders, and a folder has messages in an order. Import gives each folder a mailbox, by its name or by its special use,
// and adds the messages through store.Tx.AddMessage, some hundred in a transaction, in the folder's order: they get their
// UIDs in it, and so stand in every client as they stood before. What a message is known by there (a file's name in a Maildir, its
// octets elsewhere, and which of several with the same octets it is) is noted with it, so that a run that was cut short goes on
// where it was, and a second one adds what is new. It is noted by name and not by octets where there are names, for then a
// second run does not read what it has. What the owner has erased since does not come back, and what he has changed stays as he has it.
//
// POP3 clients know messages by the UIDL of the old server. Import takes it from where that server kept it, or makes it as that server
// did, so that they download nothing twice.
//
// A message that cannot be read or is not taken is reported and left out; the rest goes on. Only what would meet every other message as
// well ends a run: a full account, a store that cannot be written.
//
// # Out
//
// Export writes files that other servers and this one read: octets, flags, dates and UIDL come back equal.
//
// Memory is bounded by the names of the biggest folder, and never by its messages.
package transfer
