// Package mime reads internet messages: RFC 5322 headers and RFC 2045 ff bodies.
//
// Model: a [Parser] is pushed the bytes of a message once, in any slices, and
// gives a [Message]: the tree of body parts with the byte offsets of every
// header and body, the envelope, a preview, and what threading needs. The raw
// bytes stay where they are; whoever serves a part later reads its range and, if
// it wants text, puts [TextReader] in front. Raw header blocks are read with
// [Fields] and [FieldSet].
//
// Nothing fails: broken mail is mail. Every input gives a tree, and where the
// standards are silent the tree is the one that users of IMAP servers are used
// to.
//
// Invariants:
//   - Offsets lie inside the message and are monotone: HeaderStart <= BodyStart
//     <= End. A part lies inside the body of its parent and behind its elder
//     siblings.
//   - Where the input is cut into slices changes nothing.
//   - Memory is bounded by [Limits] whatever the input, time is linear in it.
//     What a limit cut off is told by [Message.Notes].
//   - Strings made from header fields are unfolded: no CR, LF or NUL is in them,
//     so they can be quoted in a protocol. They may hold raw 8-bit bytes in an
//     unknown charset, unless the field is documented as decoded: then it is
//     valid UTF-8.
//
// The package does no I/O of its own, has no clock and no log. It does not write
// mail, check signatures, or judge content. What it returns is plain data.
// Functions and a [FieldSet] are safe for concurrent use, a [Parser] is not.
package mime
