package imapwire

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// Encoder writes responses. Each method but those of [FetchWriter] writes one whole response to the writer; nothing is flushed but by
// [Encoder.Flush]. The first error of the writer is kept, later calls do nothing. It is not safe for concurrent use.
//
// Response codes, capabilities, flags and ids are written as they are given: they are made by us or were read by a Decoder.
// All other texts may hold anything.
type Encoder struct {
	w      *bufio.Writer
	buf    []byte // the response being made
	wire   wire
	hidden func(Code) bool
	// first says that no item of the FETCH response at hand has been written.
	first bool
	err   error

	translate func(string) string // nil for English
}

// NewEncoder makes an Encoder that writes to w.
func NewEncoder(w *bufio.Writer) *Encoder { return &Encoder{w: w} }

// SetUTF8 says that the client has enabled IMAP4rev2 or UTF8=ACCEPT: quoted strings and texts may hold UTF-8, mailbox names are UTF-8.
func (e *Encoder) SetUTF8(on bool) { e.wire.utf8 = on }

// SetHidden names the response codes that are not to be told: of a status response with one of these the rest is written, if it is tagged or
// no OK; else nothing is. nil hides none.
func (e *Encoder) SetHidden(hidden func(Code) bool) { e.hidden = hidden }

// Err is the first error of the writer, or nil.
func (e *Encoder) Err() error { return e.err }

// Flush flushes the writer.
func (e *Encoder) Flush() error {
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

// spill hands what is in the buffer to the writer.
func (e *Encoder) spill() {
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	if cap(e.buf) > keepBuffer {
		e.buf = nil
	}
	e.buf = e.buf[:0]
}

// end ends a response.
func (e *Encoder) end() {
	e.buf = append(e.buf, "\r\n"...)
	e.spill()
}

// start begins an untagged response.
func (e *Encoder) start(name string) {
	e.buf = append(append(e.buf[:0], "* "...), name...)
}

// startNum begins an untagged response that has a number before its name.
func (e *Encoder) startNum(n uint32, name string) {
	e.buf = appendUint(append(e.buf[:0], "* "...), uint64(n))
	e.buf = append(e.buf, name...)
}

// Status writes a status response (RFC 9051 7.1). With an empty tag it is untagged. The code may be empty.
//
//	response-tagged = tag SP resp-cond-state CRLF
//	resp-text       = ["[" resp-text-code "]" SP] [text]
func (e *Encoder) Status(tag string, s Status, code Code, text string) {
	if code != "" && e.hidden != nil && e.hidden(code) {
		if tag == "" && s == OK {
			return
		}
		code = ""
	}
	if tag == "" {
		tag = "*"
	}
	e.buf = append(append(e.buf[:0], tag...), ' ')
	e.buf = append(append(e.buf, s...), ' ')
	if code != "" {
		e.buf = append(append(append(e.buf, '['), code...), "] "...)
	}
	e.text(text, code == "")
	e.end()
}

// Fail writes the reply that an [*Error] stands for. BYE has no tag.
func (e *Encoder) Fail(tag string, err *Error) {
	if err.Status == BYE {
		tag = ""
	}
	e.Status(tag, err.Status, err.Code, err.Text)
}

// text appends human-readable text, made fit for a line. Clients would take a bracket at its start for a code.
func (e *Encoder) text(s string, first bool) {
	start := len(e.buf)
	if e.translate != nil {
		s = e.translate(s)
	}
	for _, r := range s {
		switch {
		case r == '[' && first && len(e.buf) == start:
			e.buf = append(e.buf, '(')
		case r < ' ' || r == 0x7f:
			e.buf = append(e.buf, ' ')
		case r < 0x80:
			e.buf = append(e.buf, byte(r))
		case e.wire.utf8, e.translate != nil:
			e.buf = append(e.buf, string(r)...)
		default:
			e.buf = append(e.buf, '?')
		}
	}
	if len(e.buf) == start { // RFC 3501 9: text = 1*TEXT-CHAR
		e.buf = append(e.buf, '-')
	}
}

// Continue writes a continuation request (RFC 9051 7.6).
func (e *Encoder) Continue(text string) {
	e.buf = append(e.buf[:0], "+ "...)
	e.text(text, true)
	e.end()
}

// ContinueSASL writes a server's challenge in AUTHENTICATE. An empty one is "+ " (RFC 9051 6.2.2).
func (e *Encoder) ContinueSASL(challenge []byte) {
	e.buf = base64.StdEncoding.AppendEncode(append(e.buf[:0], "+ "...), challenge)
	e.end()
}

// Capability writes an untagged CAPABILITY response (RFC 9051 7.2.2).
func (e *Encoder) Capability(names []string) { e.names("CAPABILITY", names) }

// Enabled writes an ENABLED response (RFC 9051 7.2.1), also of no capability.
func (e *Encoder) Enabled(names []string) { e.names("ENABLED", names) }

func (e *Encoder) names(name string, list []string) {
	e.start(name)
	for _, s := range list {
		e.buf = append(append(e.buf, ' '), s...)
	}
	e.end()
}

// ID writes an ID response (RFC 2971), NIL when params is empty.
func (e *Encoder) ID(params []IDParam) {
	e.start("ID ")
	e.buf = e.wire.idParams(e.buf, params)
	e.end()
}

// Flags writes a FLAGS response (RFC 9051 7.3.5).
func (e *Encoder) Flags(flags []Flag) {
	e.start("FLAGS ")
	e.buf = flagList(e.buf, flags)
	e.end()
}

// Exists writes an EXISTS response (RFC 9051 7.4.1).
func (e *Encoder) Exists(n uint32) {
	e.startNum(n, " EXISTS")
	e.end()
}

// Recent writes a RECENT response (RFC 3501 7.3.2), for clients that have not enabled IMAP4rev2.
func (e *Encoder) Recent(n uint32) {
	e.startNum(n, " RECENT")
	e.end()
}

// Expunge writes an EXPUNGE response (RFC 9051 7.5.1).
func (e *Encoder) Expunge(seq Seq) {
	e.startNum(uint32(seq), " EXPUNGE")
	e.end()
}

// Vanished writes a VANISHED response (RFC 7162 3.2.10). The set must not be empty.
func (e *Encoder) Vanished(earlier bool, uids UIDSet) {
	e.start("VANISHED ")
	if earlier {
		e.buf = append(e.buf, "(EARLIER) "...)
	}
	e.buf = uids.AppendTo(e.buf)
	e.end()
}

// ErrShort says that a reader ended before the size that was promised to the client. The connection cannot be used any more.
var ErrShort = errors.New("imapwire: literal ended early")

// copyLiteral writes what has been announced as a literal, from r.
func (e *Encoder) copyLiteral(size int64, r io.Reader) {
	e.spill()
	if e.err != nil {
		return
	}
	n, err := io.Copy(e.w, io.LimitReader(r, size))
	if err == nil && n < size {
		err = fmt.Errorf("%w: %d octets of %d", ErrShort, n, size)
	}
	e.err = err
}

// literalBy writes what has been announced as a literal, by a function.
func (e *Encoder) literalBy(size int64, write func(io.Writer) error) {
	if e.spill(); e.err != nil {
		return
	}
	w := exactly{w: e.w, left: size}
	err := write(&w)
	if err == nil && w.left > 0 {
		err = fmt.Errorf("%w: %d octets of %d", ErrShort, size-w.left, size)
	}
	e.err = err
}

// exactly lets so many octets through, and no more.
type exactly struct {
	w    *bufio.Writer
	left int64
}

func (x *exactly) Write(p []byte) (int, error) {
	if int64(len(p)) > x.left {
		return 0, errors.New("imapwire: more octets than were announced")
	}
	x.left -= int64(len(p))
	return x.w.Write(p)
}
