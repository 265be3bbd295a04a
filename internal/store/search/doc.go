// Package search is the text index: it finds the messages of an account that
// contain a text, exactly as a scan over all messages would, without reading them.
//
// # Model
//
// What is searched is a message's texts as its readers see them (walk.go): the
// fields of its header, decoded; its text parts, decoded, HTML without its markup;
// names of attachments; and all of that of messages within. They are folded
// (fold.go): compatible characters are one, and so are upper and lower case. A Key
// is a needle and where to look for it. Scanner looks for keys in one message, with
// nothing at hand but the message: that is what a search means.
//
// The Index knows the grams of every text (gram.go): pieces of two or three
// letters. The messages that have all grams of a needle are those that may contain
// it; then the folded texts, which the index keeps compressed, are looked into.
// Walk and comparison are the same code as Scanner's, so that what is found is
// the same with the index and without it: TestIndexIsScan.
//
// # Segments
//
// The index of an account is a manifest and segments (layout.go). A segment has up
// to 65,536 messages with successive ids, the lists of their grams, and their texts. It
// is built in memory, written once and never changed, but for a list of messages that have been
// erased since; small ones are merged into larger ones (merge.go). A manifest
// that has a segment is written after its rows, and the engine keeps the order; so
// after a crash the index is as it was at some moment before it, and what is
// missing is indexed again.
//
// Ids ascend in the order in which messages come, so the last one that was looked at is
// how far the index goes. What comes back from a backup under an id before that is found
// in the change log, and its segment built again (returned.go).
//
// # What it does not promise
//
// The index may be behind, lost, or switched off: a message that is not in it is
// Unknown, and the searcher looks into the message itself. Nothing but time depends
// on the index, and it can be deleted at any moment.
//
// # Locks
//
// Index.work is held by whoever writes an account's index. Index.mu guards the
// segments that are held in memory, News.mu the notes; both are never held over I/O.
package search
