package imapwire

import (
	"io"
	"time"
)

// FetchWriter writes the items of one FETCH response. The response is written by its End, which must be called; until then the
// Encoder has no other use.
type FetchWriter struct{ e *Encoder }

// Fetch begins a FETCH response (RFC 9051 7.5.2).
//
//	message-data = nz-number SP ("EXPUNGE" / ("FETCH" SP msg-att))
//	msg-att      = "(" (msg-att-dynamic / msg-att-static) *(SP (msg-att-dynamic / msg-att-static)) ")"
func (e *Encoder) Fetch(seq Seq) FetchWriter {
	e.startNum(uint32(seq), " FETCH (")
	e.first = true
	return FetchWriter{e}
}

// UIDFetch begins a UIDFETCH response, which takes the place of FETCH after ENABLE UIDONLY (RFC 9586).
//
//	message-data =/ uniqueid SP "UIDFETCH" SP msg-att
func (e *Encoder) UIDFetch(uid UID) FetchWriter {
	e.startNum(uint32(uid), " UIDFETCH (")
	e.first = true
	return FetchWriter{e}
}

// End ends the response.
func (f FetchWriter) End() {
	f.e.buf = append(f.e.buf, ')')
	f.e.end()
}

// item appends what parts it from the item before, and its name.
func (f FetchWriter) item(name string) []byte {
	b := f.e.buf
	if !f.e.first {
		b = append(b, ' ')
	}
	f.e.first = false
	return append(b, name...)
}

// Flags writes FLAGS.
func (f FetchWriter) Flags(flags []Flag) { f.e.buf = flagList(f.item("FLAGS "), flags) }

// FlagList writes FLAGS with a list that is already in wire form, without its parentheses: for callers that keep one for each
// combination of flags.
func (f FetchWriter) FlagList(flags string) {
	b := append(f.item("FLAGS ("), flags...)
	f.e.buf = append(b, ')')
}

// UID writes UID.
func (f FetchWriter) UID(uid UID) { f.e.buf = appendUint(f.item("UID "), uint64(uid)) }

// Size writes RFC822.SIZE, in octets.
func (f FetchWriter) Size(octets int64) {
	f.e.buf = appendUint(f.item("RFC822.SIZE "), uint64(octets))
}

// InternalDate writes INTERNALDATE, in the zone of t.
func (f FetchWriter) InternalDate(t time.Time) { f.e.buf = appendDateTime(f.item("INTERNALDATE "), t) }

// ModSeq writes MODSEQ (RFC 7162 7).
func (f FetchWriter) ModSeq(n ModSeq) {
	b := appendUint(f.item("MODSEQ ("), uint64(n))
	f.e.buf = append(b, ')')
}

// EmailID writes EMAILID (RFC 8474 5.1).
func (f FetchWriter) EmailID(id string) {
	f.e.buf = append(append(f.item("EMAILID ("), id...), ')')
}

// ThreadID writes THREADID, NIL when there is none (RFC 8474 5.2).
func (f FetchWriter) ThreadID(id string) {
	if id == "" {
		f.e.buf = f.item("THREADID NIL")
		return
	}
	f.e.buf = append(append(f.item("THREADID ("), id...), ')')
}

// SaveDate writes SAVEDATE, NIL for the zero time (RFC 8514).
func (f FetchWriter) SaveDate(t time.Time) {
	if t.IsZero() {
		f.e.buf = f.item("SAVEDATE NIL")
		return
	}
	f.e.buf = appendDateTime(f.item("SAVEDATE "), t)
}

// Preview writes PREVIEW. An empty text means that there is nothing to show; null, that there is no preview now (RFC 8970 3.2).
func (f FetchWriter) Preview(text string, null bool) {
	f.e.buf = f.e.wire.nstring(f.item("PREVIEW "), text, null)
}

// BinarySize writes BINARY.SIZE[...], in octets; label is the item's [FetchItem.Label] (RFC 3516 4.3).
func (f FetchWriter) BinarySize(label string, octets int64) {
	f.e.buf = appendUint(append(f.item(label), ' '), uint64(octets))
}

// Null writes an item whose value is NIL: a part that does not exist, say.
func (f FetchWriter) Null(label string) { f.e.buf = append(f.item(label), " NIL"...) }

// Text writes BODY[...], RFC822 and their like as a literal, octet by octet as given. label is the item's [FetchItem.Label].
func (f FetchWriter) Text(label string, text []byte) {
	f.announce(label, "", int64(len(text)))
	f.content(text)
}

// TextFrom is Text for what is read from r: exactly size octets. If r ends before, the Encoder keeps [ErrShort].
func (f FetchWriter) TextFrom(label string, size int64, r io.Reader) {
	f.announce(label, "", size)
	f.e.copyLiteral(size, r)
}

// TextBy is Text for what write writes to the writer that it is given: exactly size octets. An error of write, and [ErrShort] if it
// writes less, stays with the Encoder; what it writes beyond is refused.
func (f FetchWriter) TextBy(label string, size int64, write func(io.Writer) error) {
	f.announce(label, "", size)
	f.e.literalBy(size, write)
}

// Binary writes BINARY[...], which may hold NUL, as a literal8 (RFC 3516 4.1).
func (f FetchWriter) Binary(label string, content []byte) {
	f.announce(label, "~", int64(len(content)))
	f.content(content)
}

// BinaryFrom is Binary for what is read from r, as TextFrom is.
func (f FetchWriter) BinaryFrom(label string, size int64, r io.Reader) {
	f.announce(label, "~", size)
	f.e.copyLiteral(size, r)
}

// announce appends the label and the head of a literal. literal8 has a tilde.
func (f FetchWriter) announce(label, tilde string, size int64) {
	b := append(append(f.item(label), ' '), tilde...)
	b = appendUint(append(b, '{'), uint64(size))
	f.e.buf = append(b, "}\r\n"...)
}

// content appends a literal's octets, past the buffer when they are many.
func (f FetchWriter) content(b []byte) {
	e := f.e
	if len(e.buf)+len(b) <= keepBuffer {
		e.buf = append(e.buf, b...)
		return
	}
	if e.spill(); e.err == nil {
		_, e.err = e.w.Write(b)
	}
}
