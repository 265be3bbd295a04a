// Package guard stands at the door of port 25: it looks at strangers and their
// envelopes before a message is taken from them.
//
// # Model
//
// A stranger is a client by SMTP that has not logged in, is not this machine and not in the operator's
// networks. Of it are looked at, in this order: how often it comes (rates.go), what it calls itself (hello.go), whether it is on lists in the DNS
// (lists.go), and whether it has come before (greylist.go). What comes too often, or for the first time, is turned away here, for now. What was found out about
// the rest is a flow.Door, a value, and what follows from it is decided in flow/inbound with all other evidence.
//
// # Invariants
//
//   - Nobody else is asked anything, counted or delayed.
//   - What cannot be found out speaks for the client. The DNS is asked once for each envelope, all questions at the same time, within Options.Time.
//   - Memory is bounded however many addresses there are; so are the rows in the store.
//   - What is only meant for now is answered with 4yz. For good is refused only what HELO or lists say, and never mail to postmaster alone (RFC 5321 4.5.1).
//
// # What it does not do
//
// It looks into no message (flow/check does), and keeps no list of its own of bad hosts.
package guard
