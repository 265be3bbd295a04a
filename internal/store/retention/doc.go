// Package retention decides when a message leaves its mailbox, by whose rule, and why it stays if it does. It is the heart of keeping
// copies for POP: values in, a value out, without a clock, a store or an account.
//
// # Model
//
// A device that downloads by POP has a [Policy]. What it deletes over POP it has taken; the message itself stays for everybody else
// until it is released: for so long as the policy of any device asks for. [Decide] is given a message and what every POP device of
// the account has to do with it, and says when it leaves and what becomes of it, or what it waits for. A decision holds for the moment at which it
// was made: whoever acts on it later makes it anew, for devices come and go and people change their minds.
//
// # Invariants
//
//   - A message that no device has taken is never released.
//   - When in doubt it stays: a rule that keeps wins over one that does not.
//   - A decision never lies in the past of the last thing that it rests on, so time that goes backwards releases nothing.
package retention
