// Package relay brings messages to other mail hosts: it finds them by the DNS or is told of them, connects, protects the connection as far as
// the other side's policy asks, and says for each recipient what came of it.
//
// # Model
//
// A Relay is the queue's Carrier for two kinds of ways: "mx", whose Next is a domain, and "host", whose Next is the name of a smart host. A Router says
// which recipient goes which way. An attempt takes an idle session of its way, or makes one: the way's hosts become targets, addresses
// in the order of RFC 5321 5.1, and the first that can be spoken to is used. A session carries one transaction after another, and rests in the
// pool between attempts.
//
// # Invariants
//
//   - A recipient is reported as relayed only after a 2yz answer to the whole message, in a transaction in which RCPT was answered with
//     2yz for him.
//   - After the end of a message has been sent and before its answer has come, nobody else is asked: only the queue tries again, later. Before that, what has
//     not been taken can go to the next host at once.
//   - Every wait has a time (RFC 5321 4.5.3.2), every answer a size, every attempt a number of addresses.
//   - What a policy protects is never sent in the clear, and a host that fails it is passed over like one that does not answer.
//   - By the DNS nobody leads us to addresses that are not public, nor to ourselves.
//
// # What it does not do
//
// It does not wait and try again: the queue does. What other domains promise about TLS, and
// whether they keep it, is trust/tlspolicy's to say.
package relay
