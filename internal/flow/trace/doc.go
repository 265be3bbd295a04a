// Package trace remembers what has become of messages, for those who are asked where one is.
//
// # Model
//
// A Life is one message under one queue id: Events, each of them what one stage of its way has found out and done. Who stands on the way makes an event of
// the values that the stage has left (gather.go) and gives it to the Recorder, which answers at once. Rows are written behind it, together, each second.
// What happens to a copy once it is in a mailbox is not told twice: the account's own history has it, by the message that the event names.
//
// # Rows
//
// They lie in store.TraceRows. Queue ids begin with the time, so that all of an hour is one range, the newest first:
//
//	e ^id8 time8 n2              an event, as JSON
//	t ^hour4 hash8 ^id8          a life by its Message-ID
//	t ^hour4 hash8 hash4 ^id8    a life by the domain, and then the whole, of an address in it
//	s ^hour4                     how many events and octets the lives of that hour have
//
// # Invariants
//
//   - Mail never waits for its trace, and no trace costs mail. What cannot be written, or comes faster than it can be, is counted and left out; a crash loses
//     the last second.
//   - Everything is bounded: strings and lists in an event, its octets, the events of a life, the buffer, and all of it together, by age and by octets. The
//     oldest hours go first. Clients that are refused without ever bringing a message are recorded only so often, by network and in all.
//   - Nothing of a message is kept but its envelope, its Message-ID and its size: no subject, no text, and no passwords.
//   - When an account is erased, so is what tells of it (Forget).
//
// # What it does not do
//
// It is no log: what is not about one message is not in it. It decides nothing.
package trace
