// Package threading orders messages and puts them into threads, as IMAP's SORT and THREAD want it: ORDEREDSUBJECT and REFERENCES of
// RFC 5256, and REFS of draft-ietf-morg-inthread.
//
// It works on numbers. The caller has read the messages and given each Message-ID, each base subject and each date a number; here no text
// is looked at. Places count the messages of a mailbox from 0, in the order of the mailbox, which is the last resort of every order.
//
// Whatever the messages say of each other, time is O(n log n) in messages and references and memory linear, and nothing recurses: a
// hundred thousand messages in one thread are as welcome as a hundred thousand threads.
package threading

// Message is what threading looks at.
type Message struct {
	ID      uint32   // of its Message-ID; 0 when it has none
	Reply   bool     // the subject says that it is a reply or a forward (RFC 5256 3, REFERENCES)
	Subject uint32   // of its base subject; equal texts have equal numbers, the empty text has 0
	Refs    []uint32 // what it refers to, the oldest first (RFC 5256 3, REFERENCES): IDs, never 0
	Sent    int64    // the sent date (RFC 5256 2.2)
	Arrived int64    // the internal date; only REFS looks at it
}

// Node is a message in its thread.
type Node struct {
	Place    int32 // of the message; Dummy stands for one that is not among the messages and has only children
	Children int32 // how many messages are directly below it
}

// Dummy is the place of what is no message.
const Dummy = -1

// Threads are nodes in preorder: each is followed by its first child and everything below that, then by the next child. The first nodes of
// threads follow each other in the same way.
type Threads []Node
