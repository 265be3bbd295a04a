// Package columns keeps in memory what messages are sorted and threaded by: base subject, sent date, addresses, Message-ID and references,
// each a number in a column, so that to sort a hundred thousand messages is to sort a hundred thousand numbers.
//
// # Model
//
// A Cache has a table an account, and a table has a row for each message that somebody has asked about. A message never changes, so neither does
// a row: what has been read once is read never again, and new messages are added behind the others. Texts and Message-IDs are numbered as they
// come. A text's rank among all others is found when it is asked for, by comparator, and kept.
//
// # Invariants
//
//   - What a Look shows does not change. Tables only grow, and rows that a Look knows stay where they are.
//   - Tables that have not been used for the longest time are forgotten when all together take more than the limit; a table with
//     more dead rows than living messages is begun anew.
//   - Two who ask about the same account at once read its messages once.
//
// # What it does not do
//
// It does not know mailboxes, flags, or dates of arrival: they are in the entries. It writes nothing to disk: reading a record
// is some microseconds, and an account that nobody sorts costs nothing.
package columns
