// Package directory knows who is here: domains, accounts, aliases, and the
// credentials that open accounts. It answers two questions, [Directory.Lookup]
// for mail that arrives and [Directory.Authenticate] for people who log in.
//
// # Model
//
// A domain is hosted here or it is not; mail for any other is relaying. An
// address of a hosted domain is an account or an alias. An account's address is
// its login and the key of its mail in the store; an alias is a list of addresses
// of hosted domains, which may be aliases again. The alias without a local part
// ("@example.org") catches what no other row of its domain takes.
//
// Rows lie in the store's row tables as JSON with a version: a domain under its
// name, an address under "domain/local", folded as [addr.Address.Key] does, so
// that a domain's addresses are one range that begins with its catch-all.
// Nothing is cached: a change holds for the next command of every session.
//
// # Credentials
//
// Of a password two things are kept: an argon2id hash, and SCRAM keys that let
// it be proved without being sent. Argon2 needs memory and time by design, so
// no more than [Cost.Parallel] run at once, and what they found is remembered for
// [Options.Remember]: clients that reconnect all the time cost one of them a
// minute. What is remembered is "this password does (or does not) fit this
// hash", under a keyed hash of both. A new password is a new hash, so nothing
// need be invalidated; whether the account is open is read from its row each
// time.
//
// Hashes of other servers (bcrypt, crypt(3)) are checked as they are, and replaced by our own at the first login that shows the
// password.
//
// A name that does not exist costs and answers the same as a wrong password.
//
// # Steps that cross into the store
//
// An account is made in the store first and gets its row after: a crash between
// leaves an empty account that nobody can reach. It is removed the other way
// round: its row becomes a note that it is to be erased, in one step, and the
// note goes when the store has erased it. [Directory.FinishErasures] does what a
// crash left undone.
//
// # What it does not do
//
// It does not deliver, does not speak any protocol, and knows nothing of
// other hosts: an alias cannot lead to them.
package directory
