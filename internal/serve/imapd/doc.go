// Package imapd serves IMAP: IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) with the extensions that CAPABILITY names.
// It translates: the grammar is proto/imapwire's, the mail is the store's.
//
// # Model
//
// A session is a handle on an account and, once a mailbox is selected, a picture of it: a frozen view of the store's that
// changes in one place only, sync. A command reads the picture, writes its responses and asks the store for changes; it never
// tells of other people's changes, and never of an EXPUNGE. The dispatcher does that around the command:
//
//	sync      what is new is told: EXISTS, RECENT, FETCH FLAGS. Messages that are gone stay in the picture as ghosts
//	command
//	sync      the same once more, and EXPUNGE for the ghosts if the command is one that allows it
//
// (Nothing is told before STORE: the client would take old flags for those that it has set.)
//
// So sequence numbers mean the same from the first octet of a command to its last response, whoever expunges meanwhile, and
// an EXPUNGE is never sent at a forbidden moment (RFC 9051 7.5.1): which moments are is one flag in the table of commands.
// A ghost can still be fetched, for the session keeps the account pinned; what can no longer be done with it (STORE, COPY) is refused
// as RFC 2180 has it.
//
// In IDLE, and between commands after NOTIFY, a hint on the store's bus wakes the connection, and sync does the rest. A hint that is lost only costs delay:
// idle sessions look again every few minutes.
//
// # Invariants
//
//   - Commands of a connection run one after the other in the order in which they came, so pipelined ones cannot be
//     ambiguous (RFC 9051 5.5).
//   - One goroutine a connection, which only waits; commands are done on one that is lent for them (listen's Aside), so that the stack of a
//     session which waits stays at 4 KiB. It holds no buffers, no decoder and no encoder then.
//   - Memory is bounded whatever the client sends or asks for: messages are streamed both ways, records come in batches.
//
// # What it does not do
//
// It does not accept connections, speak TLS or keep time limits (serve/listen), check passwords (directory), or know where
// messages lie.
package imapd
