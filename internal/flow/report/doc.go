// Package report writes to those who sent a message what has become of it: delivery status notifications (RFC 3461 6, RFC 3464), in words for
// people and in fields for programs.
//
// # Model
//
// The queue says what is to be told (queue.Settled); Bounce makes one letter of it, ready to be enqueued in the same step, with the original
// message or its header behind it.
//
// # Invariants
//
//   - A report has the null reverse-path and goes to the reverse-path of the message, never anywhere else.
//   - Nothing of it comes from the body of the message but the copy that it carries.
package report
