package keys

import (
	"encoding/binary"

	"restante/internal/proto/mime"
)

// MaxMessageRecord bounds the row M; what does not fit is left out and parsed
// again from the body when somebody asks.
const MaxMessageRecord = 64 << 10

// Message is the row M: what never changes about a message. Offsets in
// Structure count from the start of the body as it came; Prepend stands before
// it when the message is read.
type Message struct {
	Blob       BlobID
	BlobSize   uint64
	Prepend    []byte // trace header that the server put before the message, CRLF line ends
	Header     []byte // the body's header block with its blank line, up to 16 KiB
	HeaderCut  bool   // Header is not all of it
	Preview    string
	Attachment bool
	Envelope   *mime.Envelope // nil: parse again
	Structure  *mime.Part     // nil: parse again; its Envelope is the field above
	WrappedKey []byte         // (reserved) the body's key under the account's
	Source     []byte         // (reserved) the id that a copy from another account had
	Unknown    []byte
}

const messageVersion = 1

const (
	messageBlob = iota + 1
	messageBlobSize
	messagePrepend
	messageHeader
	messageHeaderCut
	messagePreview
	messageAttachment
	messageEnvelope
	messageStructure
	messageWrappedKey
	messageSource
)

// EncodeContent writes what all copies of a delivered message share: everything
// but Prepend. It leaves out structure or envelope rather than
// grow beyond room octets.
func (m *Message) EncodeContent(room int) []byte {
	w := newFields(messageVersion, 256+len(m.Header)+len(m.Preview))
	w.uint(messageBlob, uint64(m.Blob))
	w.uint(messageBlobSize, m.BlobSize)
	w.bytes(messageHeader, m.Header)
	w.bool(messageHeaderCut, m.HeaderCut)
	w.string(messagePreview, m.Preview)
	w.bool(messageAttachment, m.Attachment)
	if m.Envelope != nil {
		if e := appendEnvelope(nil, m.Envelope); len(w.b)+len(e)+8 <= room {
			w.bytes(messageEnvelope, e)
		}
	}
	if m.Structure != nil {
		if s := appendPart(nil, m.Structure, false); len(w.b)+len(s)+8 <= room {
			w.bytes(messageStructure, s)
		}
	}
	w.bytes(messageWrappedKey, m.WrappedKey)
	w.bytes(messageSource, m.Source)
	return append(w.b, m.Unknown...)
}

// AppendPrepend adds the trace header to an encoded record.
func AppendPrepend(record, prepend []byte) []byte {
	w := fieldWriter{b: append(make([]byte, 0, len(record)+len(prepend)+8), record...)}
	w.bytes(messagePrepend, prepend)
	return w.b
}

// DecodeMessage reads the row. Byte slices share b's memory. The envelope and
// the structure are read only when want says so: most reads need neither.
func DecodeMessage(b []byte, want MessageParts) (Message, error) {
	return new(MessageDecoder).Decode(b, want)
}

// MessageDecoder reads many rows M, with the same memory for the envelope and
// structure of each: what Decode returned is good until the next call, but for its strings.
// The zero value is ready. It is not safe for concurrent use.
type MessageDecoder struct {
	envelope  mime.Envelope
	structure mime.Part
	addresses []mime.Address // used up to their length
	params    []mime.Param
}

// Decode is DecodeMessage.
func (d *MessageDecoder) Decode(b []byte, want MessageParts) (Message, error) {
	d.addresses, d.params = d.addresses[:0], d.params[:0]
	var m Message
	r := readFields(messageVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return m, r.err
		}
		switch tag {
		case messageBlob:
			m.Blob = BlobID(r.uint(v))
		case messageBlobSize:
			m.BlobSize = r.uint(v)
		case messagePrepend:
			m.Prepend = v
		case messageHeader:
			m.Header = v
		case messageHeaderCut:
			m.HeaderCut = r.uint(v) != 0
		case messagePreview:
			if want&WantPreview != 0 {
				m.Preview = string(v)
			}
		case messageAttachment:
			m.Attachment = r.uint(v) != 0
		case messageEnvelope:
			if want&WantEnvelope != 0 {
				m.Envelope = d.decodeEnvelope(v, r)
			}
		case messageStructure:
			if want&WantStructure != 0 {
				m.Structure = d.decodeStructure(v, r)
			}
		case messageWrappedKey:
			m.WrappedKey = v
		case messageSource:
			m.Source = v
		default:
			m.Unknown = keep(m.Unknown, tag, v)
		}
	}
}

// MessageParts says which parts of a record to decode.
type MessageParts uint8

// The parts that cost something.
const (
	WantEnvelope MessageParts = 1 << iota
	WantStructure
	WantPreview
	WantAll = WantEnvelope | WantStructure | WantPreview
)

// Strings and lists within a record: a count, then the octets.

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendAddresses(b []byte, as []mime.Address) []byte {
	b = binary.AppendUvarint(b, uint64(len(as)))
	for i := range as {
		b = appendString(appendString(b, as[i].Name), as[i].Route)
		b = appendString(appendString(b, as[i].Mailbox), as[i].Host)
	}
	return b
}

func appendEnvelope(b []byte, e *mime.Envelope) []byte {
	b = append(b, byte(e.Blank))
	b = appendString(appendString(b, e.Date), e.Subject)
	for _, as := range [][]mime.Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		b = appendAddresses(b, as)
	}
	return appendString(appendString(b, e.InReplyTo), e.MessageID)
}

// Bits that say which of a part's seldom fields follow.
const (
	partID = 1 << iota
	partDescription
	partMD5
	partDisposition
	partLanguage
	partLocation
	partEnvelope
	partParts
)

func appendPart(b []byte, p *mime.Part, envelope bool) []byte {
	var has byte
	flag := func(bit byte, on bool) {
		if on {
			has |= bit
		}
	}
	flag(partID, p.ID != "")
	flag(partDescription, p.Description != "")
	flag(partMD5, p.MD5 != "")
	flag(partDisposition, p.Disposition != "" || len(p.DispParams) > 0)
	flag(partLanguage, len(p.Language) > 0)
	flag(partLocation, p.Location != "")
	flag(partEnvelope, envelope && p.Envelope != nil)
	flag(partParts, len(p.Parts) > 0)
	b = append(b, has)
	b = binary.AppendUvarint(b, uint64(p.HeaderStart))
	b = binary.AppendUvarint(b, uint64(p.BodyStart-p.HeaderStart))
	b = binary.AppendUvarint(b, uint64(p.End-p.BodyStart))
	b = binary.AppendUvarint(b, uint64(p.HeaderLines))
	b = binary.AppendUvarint(b, uint64(p.Lines))
	b = binary.AppendVarint(b, p.DecodedSize)
	b = appendString(appendString(appendString(b, p.Type), p.Subtype), p.Encoding)
	b = appendParams(b, p.Params)
	for _, f := range []struct {
		bit byte
		s   string
	}{{partID, p.ID}, {partDescription, p.Description}, {partMD5, p.MD5}, {partLocation, p.Location}} {
		if has&f.bit != 0 {
			b = appendString(b, f.s)
		}
	}
	if has&partDisposition != 0 {
		b = appendParams(appendString(b, p.Disposition), p.DispParams)
	}
	if has&partLanguage != 0 {
		b = binary.AppendUvarint(b, uint64(len(p.Language)))
		for _, l := range p.Language {
			b = appendString(b, l)
		}
	}
	if has&partEnvelope != 0 {
		b = appendEnvelope(b, p.Envelope)
	}
	if has&partParts != 0 {
		b = binary.AppendUvarint(b, uint64(len(p.Parts)))
		for i := range p.Parts {
			b = appendPart(b, &p.Parts[i], true)
		}
	}
	return b
}

func appendParams(b []byte, ps []mime.Param) []byte {
	b = binary.AppendUvarint(b, uint64(len(ps)))
	for _, p := range ps {
		b = appendString(appendString(b, p.Name), p.Value)
	}
	return b
}

// recordReader reads what the functions above wrote, with a sticky error.
type recordReader struct {
	s   string
	err error
	d   *MessageDecoder
}

// take returns n items of a list that is used again. One that has become too short is
// left to those who have parts of it.
func take[T any](list *[]T, n int) []T {
	have := len(*list)
	if have+n > cap(*list) {
		*list, have = make([]T, 0, max(2*cap(*list), n, 16)), 0
	}
	*list = (*list)[:have+n]
	return (*list)[have : have+n : have+n]
}

func (r *recordReader) uint() uint64 {
	n, m := uint64(0), 0
	for shift := 0; m < len(r.s) && shift < 64; shift += 7 {
		c := r.s[m]
		m++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.s = r.s[m:]
			return n
		}
	}
	r.err, r.s = ErrCorrupt, ""
	return 0
}

func (r *recordReader) string() string {
	n := r.uint()
	if n > uint64(len(r.s)) {
		r.err, r.s = ErrCorrupt, ""
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

// count reads the length of a list whose items take at least one octet each.
func (r *recordReader) count() int {
	n := r.uint()
	if n > uint64(len(r.s)) {
		r.err, r.s = ErrCorrupt, ""
		return 0
	}
	return int(n)
}

func (r *recordReader) byte() byte {
	if r.s == "" {
		r.err = ErrCorrupt
		return 0
	}
	c := r.s[0]
	r.s = r.s[1:]
	return c
}

func (r *recordReader) addresses() []mime.Address {
	n := r.count()
	if n == 0 {
		return nil
	}
	as := take(&r.d.addresses, n)
	for i := range as {
		as[i].Name, as[i].Route = r.string(), r.string()
		as[i].Mailbox, as[i].Host = r.string(), r.string()
	}
	return as
}

func (r *recordReader) envelope(e *mime.Envelope) {
	e.Blank = mime.EnvelopeFields(r.byte())
	e.Date, e.Subject = r.string(), r.string()
	for _, as := range []*[]mime.Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
		*as = r.addresses()
	}
	e.InReplyTo, e.MessageID = r.string(), r.string()
}

func (r *recordReader) params() []mime.Param {
	n := r.count()
	if n == 0 {
		return nil
	}
	ps := take(&r.d.params, n)
	for i := range ps {
		ps[i].Name, ps[i].Value = r.string(), r.string()
	}
	return ps
}

func (r *recordReader) part(p *mime.Part, depth int) {
	if depth > 200 {
		r.err, r.s = ErrCorrupt, ""
		return
	}
	has := r.byte()
	p.HeaderStart = int64(r.uint())
	p.BodyStart = p.HeaderStart + int64(r.uint())
	p.End = p.BodyStart + int64(r.uint())
	p.HeaderLines, p.Lines = int64(r.uint()), int64(r.uint())
	d := r.uint()
	p.DecodedSize = int64(d>>1) ^ -int64(d&1) // zigzag, as AppendVarint writes
	p.Type, p.Subtype, p.Encoding = r.string(), r.string(), r.string()
	p.Params = r.params()
	for _, f := range []struct {
		bit byte
		s   *string
	}{{partID, &p.ID}, {partDescription, &p.Description}, {partMD5, &p.MD5}, {partLocation, &p.Location}} {
		if has&f.bit != 0 {
			*f.s = r.string()
		}
	}
	if has&partDisposition != 0 {
		p.Disposition, p.DispParams = r.string(), r.params()
	}
	if has&partLanguage != 0 {
		p.Language = make([]string, r.count())
		for i := range p.Language {
			p.Language[i] = r.string()
		}
	}
	if has&partEnvelope != 0 {
		p.Envelope = new(mime.Envelope)
		r.envelope(p.Envelope)
	}
	if has&partParts != 0 {
		p.Parts = make([]mime.Part, r.count())
		for i := range p.Parts {
			r.part(&p.Parts[i], depth+1)
		}
	}
}

// decodeEnvelope and decodeStructure copy the record once; all their strings
// are parts of that copy.
func (d *MessageDecoder) decodeEnvelope(v []byte, f *fieldReader) *mime.Envelope {
	r := recordReader{s: string(v), d: d}
	e := &d.envelope
	r.envelope(e)
	if r.err != nil {
		f.err = r.err
	}
	return e
}

func (d *MessageDecoder) decodeStructure(v []byte, f *fieldReader) *mime.Part {
	r := recordReader{s: string(v), d: d}
	p := &d.structure
	*p = mime.Part{}
	r.part(p, 0)
	if r.err != nil {
		f.err = r.err
	}
	return p
}
