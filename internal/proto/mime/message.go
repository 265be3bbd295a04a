package mime

import "strings"

// A Message is what one pass over a message tells about it.
type Message struct {
	Size int64 // octets
	Root Part  // the message itself: its header and body

	// Header is the raw top header block with the blank line that ends it, as far
	// as Limits.KeepHeader allows.
	Header          []byte
	HeaderTruncated bool // the block is longer than Header

	// Preview is readable text from the first text part that has any, decoded,
	// without markup, white space folded, at most 200 characters (RFC 8970 3.3).
	Preview string

	// HasAttachment tells whether a reader would offer something for download
	// (RFC 8621 4.1.4).
	HasAttachment bool

	// MessageID, InReplyTo and References are message ids without their angle
	// brackets, in order (RFC 5322 3.6.4). Of very many references the first and
	// the last are kept.
	MessageID  string
	InReplyTo  []string
	References []string

	// BaseSubject is the subject that threads share (RFC 5256 2.1), decoded;
	// compare it under case folding. IsReply is set when a "Re:", "Fwd:" or the
	// like was removed to get it.
	BaseSubject string
	IsReply     bool

	Notes Notes
}

// Envelope is that of the message, never nil.
func (m *Message) Envelope() *Envelope { return m.Root.Envelope }

// Notes is a set of remarks on what limits cut off.
type Notes uint8

const (
	DepthLimited     Notes = 1 << iota // parts nested too deeply were not looked into
	PartsLimited                       // too many parts: the last one holds the rest
	HeadersLimited                     // header bytes over the limit were not read
	ParamsLimited                      // parameters were dropped
	AddressesLimited                   // addresses were dropped
)

// Limits bound what a Parser keeps. A zero field means its default.
type Limits struct {
	Depth       int // nesting of parts; 100
	Parts       int // parts in all; 2000
	HeaderBytes int // header octets read, of all parts together; 1 MiB
	KeepHeader  int // octets of the top header block in Message.Header; 16 KiB
	Params      int // parameters of one field; 100
	Addresses   int // addresses in all envelopes together; 10000
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, to int) {
		if *v <= 0 {
			*v = to
		}
	}
	set(&l.Depth, 100)
	set(&l.Parts, 2000)
	set(&l.HeaderBytes, 1<<20)
	set(&l.KeepHeader, 16<<10)
	set(&l.Params, 100)
	set(&l.Addresses, 10000)
	return l
}

// A Part is a message or a body part. Offsets are octets from the start of the
// whole message.
type Part struct {
	HeaderStart int64 // first octet of the header
	BodyStart   int64 // behind the blank line; HeaderStart if there is no header
	End         int64 // behind the body; the line end before a boundary is not part of it (RFC 2046 5.1.1)
	HeaderLines int64 // line ends in the header, the blank line included
	Lines       int64 // line ends in the body, IMAP's body-fld-lines

	// Type and Subtype are lower case and never empty. A multipart without Parts
	// had no usable boundary, no part behind its preamble, or was cut by a limit;
	// a message/rfc822 without Parts was encoded or cut by a limit. Both are then
	// opaque leaves.
	Type, Subtype string
	Params        []Param

	ID          string   // Content-ID with its angle brackets; empty if absent, as all below
	Description string   // not decoded
	Encoding    string   // Content-Transfer-Encoding, lower case
	MD5         string   // Content-MD5
	Disposition string   // lower case
	DispParams  []Param  // of the disposition
	Language    []string // Content-Language
	Location    string   // Content-Location

	// DecodedSize is the size of the body with its transfer encoding undone, -1 if
	// it was not counted (uuencode).
	DecodedSize int64

	Envelope *Envelope // of a message: Root, and the child of a message/rfc822; else nil
	Parts    []Part    // children of a multipart, or the one child of a message/rfc822
}

// A Param is a parameter of Content-Type or Content-Disposition. Continuations
// are joined (RFC 2231 3), so that a name ends in "*" when the value carries a
// charset and percent escapes, as IMAP wants it (RFC 2231 6). Names are lower case.
type Param struct{ Name, Value string }

// An Envelope holds the fields of a message that IMAP calls so (RFC 9051 7.5.2).
// Strings are raw but for unfolding; see [DecodeHeader]. Of a field that comes
// twice the first counts; addresses of all are joined. Sender and ReplyTo are
// empty when absent: it is for the protocol to put From in their place.
type Envelope struct {
	Date, Subject                      string
	From, Sender, ReplyTo, To, Cc, Bcc []Address
	InReplyTo, MessageID               string

	// Blank says which of the four strings are empty because their field is: IMAP
	// tells a field without text from a field that is not there (RFC 9051 7.5.2).
	Blank EnvelopeFields
}

// EnvelopeFields is a set of an envelope's text fields.
type EnvelopeFields uint8

// The fields of the set; their bits are on the store's disks.
const (
	EnvelopeDate EnvelopeFields = 1 << iota
	EnvelopeSubject
	EnvelopeInReplyTo
	EnvelopeMessageID
)

// IsMultipart reports whether the part has children that are its siblings' kind:
// a multipart that was parsed as one.
func (p *Part) IsMultipart() bool { return p.Type == "multipart" && len(p.Parts) > 0 }

// IsMessage reports whether Parts[0] is an embedded message.
func (p *Part) IsMessage() bool { return p.Type == "message" && len(p.Parts) == 1 }

// Size is that of the body in octets.
func (p *Part) Size() int64 { return p.End - p.BodyStart }

// Sub finds a part by its number (RFC 9051 6.4.5.1): path {2, 1} is "2.1". It
// returns nil if there is no such part; an empty path is p itself.
func (p *Part) Sub(path ...int) *Part {
	// A message that is no multipart has one part, number 1: itself again, this
	// time as the part that carries its body.
	message := p.Envelope != nil
	for _, n := range path {
		if !message && p.IsMessage() {
			p, message = &p.Parts[0], true
		}
		switch {
		case p.IsMultipart() && 1 <= n && n <= len(p.Parts):
			p, message = &p.Parts[n-1], false
		case message && !p.IsMultipart() && n == 1:
			message = false
		default:
			return nil
		}
	}
	return p
}

// Charset is the charset parameter in lower case, or "". What stands behind the
// name inside its quotes is dropped.
func (p *Part) Charset() string {
	name := strings.ToLower(strings.TrimSpace(paramValue(p.Params, "charset")))
	if i := strings.IndexAny(name, " \t;,\"'"); i > 0 {
		name = name[:i]
	}
	return name
}

// Filename is the name that the sender gave the part, decoded, or "": the
// filename of the disposition, else the name of the type (RFC 2183 2.3). It is
// only a text: it may hold path separators.
func (p *Part) Filename() string {
	if s := paramValue(p.DispParams, "filename"); s != "" {
		return s
	}
	return paramValue(p.Params, "name")
}

// Param returns the named parameter of the content type, decoded, or "".
func (p *Part) Param(name string) string { return paramValue(p.Params, name) }
