// Package queue is the one door out: submission, forwarding and the server's own letters all end in Enqueue, and the queue
// brings them on their way until each recipient has the message or its sender knows that he has not.
//
// # Model
//
// The store has the messages, with the state of each recipient, and the order in which they are due. The queue looks at what is due, groups the
// waiting recipients of a message by the way that they go, and has a Carrier try each way: one knows mailboxes here, another one
// other hosts. What came out is written before anything else happens with the message; the reports that it leads to are
// enqueued in the same step.
//
// # Invariants
//
//   - What Enqueue has taken is delivered or reported. A crash costs at most a second copy, and only between another host's 250 and our record
//     of it (RFC 5321 4.5.4.1).
//   - A message with the null reverse-path leads to no report (RFC 5321 6.1, RFC 3464 2).
//   - Memory does not grow with the queue: a window of it is looked at.
//   - A recipient waits for his own reasons: a slow or dead host holds up nobody who goes another way.
//
// # What it does not do
//
// It does not know how hosts are found or spoken to (flow/relay), and it judges nobody.
package queue
