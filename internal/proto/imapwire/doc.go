// Package imapwire is the grammar of IMAP: bytes to typed values and back, for both sides of a connection.
//
// It speaks IMAP4rev2 (RFC 9051) and IMAP4rev1 (RFC 3501) with the extensions named at each type. It reads from a *bufio.Reader and
// writes to a *bufio.Writer that it is handed; it opens nothing, has no clock and no log.
//
// # Reading commands
//
// A [Decoder] reads one command in two steps, so that the dispatcher can look at the tag and the name, check the state of the session
// and refuse, before any argument is parsed or any literal asked for:
//
//	tag, name, err := dec.ReadTag()      // "a7", "UID FETCH"
//	cmd, err := dec.ParseArgs(name)      // *Fetch{UID: true, ...}
//
// Errors are either [*Error], a reply for the client (BAD, NO or BYE, a response code, a text), after which the connection goes on
// (unless it is BYE), or an error of the reader, after which it does not. What is left of a command, literals included, is never taken
// for the next command: ReadTag skips it, and so does [Decoder.Skip].
//
// A line is parsed only when it is in memory whole, but a message given to APPEND never is: [Append.Next] hands out a stream.
//
// # Writing responses
//
// An [Encoder] appends each response to one reused buffer and hands it to the writer at its end. Nothing is allocated for
// an item of a FETCH response. No value that comes from a message or a client can end a line or a string early: what does not fit a quoted string
// goes out as a literal, and texts are cleaned.
//
// # Bounds
//
// [Limits] bounds the length of a line, the octets of literals held in memory, the depth of nesting and the number of elements. All parsers
// are linear in their input, but for sets, which are sorted.
//
// A Decoder and an Encoder belong to one goroutine each.
package imapwire
