// Package dkim verifies and makes DKIM signatures (RFC 6376) with RSA and
// Ed25519 (RFC 8463).
//
// # Model
//
// A Verifier and a Signer take the octets of one message while they go by and
// keep its header and some hashes, never its body. At the end the Verifier asks
// for keys and returns a Result for each signature; the Signer returns a field
// for each of its keys, which share one hash of the body.
//
// # Invariants
//
//   - At most MaxSignatures are looked at, each with one question to the DNS; a
//     header of more than MaxHeader octets has none that could be verified.
//   - No key below 1024 bits and no SHA-1 counts (RFC 8301 3).
//   - A signature that leaves an end of the body unsigned ("l=") is not a Pass.
//   - Every field that has been hashed is hashed once: no list of names in "h="
//     makes work without end.
//
// # What it does not do
//
// It does not say whether a signer's word counts for an author: that is dmarc.
// Nor does it keep keys.
package dkim
