// Package smtpwire is the grammar of SMTP and LMTP, both sides of it: RFC 5321
// and RFC 2033 with the extensions PIPELINING, SIZE, 8BITMIME, SMTPUTF8,
// CHUNKING, BINARYMIME, ENHANCEDSTATUSCODES, STARTTLS, AUTH, DSN, LIMITS,
// DELIVERBY, MT-PRIORITY, REQUIRETLS and FUTURERELEASE.
//
// # Model
//
// A server reads a command line ([ReadLine]), splits it ([ParseCommand]), reads
// the argument of the commands that have one ([ParseHello], [ParseMail],
// [ParseRcpt], [ParseBdat], [ParseAuth]) and writes a [Reply]. Message bytes come
// through a [DataReader] or a [ChunkReader]. [Capabilities] is the answer to EHLO,
// written by a server and read by a client. A [Client] sends whole transactions.
//
// # Line ends
//
// Only CR LF ends a line and only CR LF "." CR LF ends a message. Everything
// that a lenient reader could take for one of them is refused: a CR or LF that
// stands alone, in a command or in message text. Two mail hosts that disagree
// about where a message ends can be made to see two messages in one, the
// second with forged commands (CVE-2023-51764, 51765, 51766). What comes out of
// a reader of this package therefore has no bare CR, bare LF or NUL, except
// for a message declared BODY=BINARYMIME.
//
// # Faults and draining
//
// A body that is refused half-way is still in the stream. Readers of bodies
// report the fault at once, so that what was stored can be dropped, and are then
// drained up to the true end: after Drain has returned nil the stream stands at
// the next command. When it returns an error, the connection must be closed;
// the rest of a body must never be run as commands.
//
// # What the package does not do
//
// No I/O but through the bufio reader and writer that it is given, no clock, no
// log, no policy: it does not know who may send what to whom, and never looks
// into a message. Every length is bounded by the limits in limits.go or by the
// caller's [Limits].
package smtpwire
