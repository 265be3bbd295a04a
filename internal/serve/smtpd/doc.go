// Package smtpd receives mail: it is an SMTP server for the MX, where other hosts
// bring mail for the domains here, and an LMTP server, where a queue manager of
// this host does.
//
// # Model
//
// [Server.Handle] runs one connection that serve/listen owns. It reads commands,
// looks them up in one table (table.go), keeps one transaction, and asks a
// [Backend] two things: whether a recipient can be delivered to, and to take a
// message. The grammar is proto/smtpwire's; what an error means on the wire is in
// errors.go and nowhere else.
//
// A message goes to the backend while it arrives, in pieces of what one read
// gave; nothing of it is kept here. The 250 is sent after [Message.Commit] has
// returned, and not before: from then on the mail is this host's to lose.
//
// # Invariants
//
//   - What follows a body that was refused is only run as commands once the body
//     has been read to its true end. When that fails, by an error, a time limit or
//     an unreasonable length, the connection is closed.
//   - A command after which the client has to wait (EHLO, DATA, STARTTLS, AUTH), or
//     any command of a client that was not offered PIPELINING, with more input
//     behind it ends the connection, as does a bare CR or LF in a command: client
//     and server may not mean the same by what comes next (RFC 2920 3.1,
//     CVE-2011-0411, CVE-2023-51764).
//   - Replies are sent in the order of the commands, one write for a pipelined
//     group; each accepted recipient gets its own reply to the message in LMTP
//     (RFC 2033 4.2).
//   - A message that is not committed is aborted, whatever happens.
//
// # Limits
//
// Bounded are the length of a line, errors, commands between two messages,
// recipients, the size of a message and the octets thrown away of one that is
// refused, the silence before a command, the time and the least speed of a
// message. What is beyond gets a reply that says so, then 421 or the end. How
// much one client may do over many connections is for a [Guard] to say.
//
// # What it does not do
//
// It does not know who exists (directory), looks into no message and adds nothing
// to it: trace fields are flow/inbound's, which finds what it needs in the envelope.
// It takes no mail from people: AUTH and submission are another server.
package smtpd
