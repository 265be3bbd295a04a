package imapwire

import "strings"

// GetMetadata is GETMETADATA (RFC 5464 4.2). The empty mailbox is the server.
type GetMetadata struct {
	Mailbox Mailbox
	Entries []string // in lower case
	MaxSize uint32   // with Limited: the longest value to return, in octets
	Limited bool
	Depth   MetadataDepth
}

// MetadataDepth says what below an entry is returned too (RFC 5464 4.2.2).
type MetadataDepth uint8

// Values of DEPTH.
const (
	DepthNone MetadataDepth = iota // nothing
	DepthOne                       // what is immediately below
	DepthAll                       // everything
)

// String is the value as it is written.
func (m MetadataDepth) String() string { return [...]string{"0", "1", "infinity"}[m] }

// SetMetadata is SETMETADATA (RFC 5464 4.3). The empty mailbox is the server.
type SetMetadata struct {
	Mailbox Mailbox
	Values  []MetadataValue
}

// MetadataValue is an entry, its name in lower case, and its value.
type MetadataValue struct {
	Entry string
	Value string // any octets
	Nil   bool   // it has none
}

// CommandName is GETMETADATA.
func (*GetMetadata) CommandName() string { return "GETMETADATA" }

// getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
// entries     = entry / "(" entry *(SP entry) ")"
//
// The examples of RFC 5464 have the options behind the mailbox, and so have many clients; several entries also stand there without parentheses.
func (d *Decoder) parseGetMetadata() Command {
	var c GetMetadata
	d.sp()
	if d.peek() == '(' {
		d.metadataOptions(&c)
		d.sp()
	}
	c.Mailbox, _ = d.mailbox()
	d.sp()
	if d.peek() == '(' && !d.entriesFollow() {
		d.metadataOptions(&c)
		d.sp()
	}
	one := func() bool {
		name, ok := d.entry()
		c.Entries = append(c.Entries, name)
		return ok
	}
	if d.peek() == '(' {
		d.list1("the entries", one)
	} else {
		for d.item() && one() && d.try(' ') {
		}
	}
	return done(d, &c)
}

// entriesFollow says whether the list ahead is one of entries: these begin with a slash, options with a letter.
func (d *Decoder) entriesFollow() bool {
	return d.pos+1 < len(d.line) && !isAlpha(d.line[d.pos+1])
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// maxsize-opt = "MAXSIZE" SP number
// scope-opt   = "DEPTH" SP ("0" / "1" / "infinity")
func (d *Decoder) metadataOptions(c *GetMetadata) bool {
	return d.list1("the options", func() bool {
		switch w := d.keyword(); string(w) {
		case "MAXSIZE":
			var ok bool
			if c.Limited = d.sp(); c.Limited {
				c.MaxSize, ok = d.number("a size")
			}
			return ok
		case "DEPTH":
			return d.sp() && d.depthOf(c)
		default:
			return d.fail("unknown GETMETADATA option")
		}
	})
}

func (d *Decoder) depthOf(c *GetMetadata) bool {
	switch w := d.keyword(); string(w) {
	case "0":
		c.Depth = DepthNone
	case "1":
		c.Depth = DepthOne
	case "INFINITY":
		c.Depth = DepthAll
	default:
		return d.fail("DEPTH is 0, 1 or infinity")
	}
	return true
}

// entry = astring; what is no name of an entry is BAD (RFC 5464 3.2). Names are the same in any case of letters.
func (d *Decoder) entry() (string, bool) {
	name, ok := d.astring("an entry")
	if !ok {
		return "", false
	}
	if name, ok = EntryName(name); !ok {
		return "", d.fail("that is no name of an entry")
	}
	return name, true
}

// maxEntry bounds names of entries, in octets.
const maxEntry = 255

// EntryName is the name of a METADATA entry in lower case, or ok is false: it must be /private, /shared or lie below one of them.
func EntryName(name string) (entry string, ok bool) {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c >= 0x7f || c == '*' || c == '%' {
			return "", false
		}
	}
	name = strings.ToLower(name)
	scope, rest, more := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if name == "" || name[0] != '/' || scope != "private" && scope != "shared" || len(name) > maxEntry ||
		more && (rest == "" || rest[0] == '/') || strings.HasSuffix(rest, "/") || strings.Contains(rest, "//") {
		return "", false
	}
	return name, true
}

func (c *GetMetadata) appendArgs(w wire, b []byte) []byte {
	n := 0
	if c.Limited {
		b = appendUint(append(listSep(append(b, ' '), n), "MAXSIZE "...), uint64(c.MaxSize))
		n++
	}
	if c.Depth != DepthNone {
		if n == 0 {
			b = append(b, ' ')
		}
		b = append(append(listSep(b, n), "DEPTH "...), c.Depth.String()...)
		n++
	}
	if n > 0 {
		b = append(b, ')')
	}
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	return w.entries(append(b, ' '), c.Entries)
}

// entries appends "(" entry *(SP entry) ")".
func (w wire) entries(b []byte, list []string) []byte {
	for i, name := range list {
		b = w.astring(listSep(b, i), name)
	}
	return append(b, ')')
}

// CommandName is SETMETADATA.
func (*SetMetadata) CommandName() string { return "SETMETADATA" }

// setmetadata  = "SETMETADATA" SP mailbox SP entry-values
// entry-values = "(" entry-value *(SP entry-value) ")"
// entry-value  = entry SP value
func (d *Decoder) parseSetMetadata() Command {
	c := SetMetadata{Mailbox: d.spMailbox()}
	d.sp()
	d.list1("the entries", func() bool {
		name, ok := d.entry()
		if !ok || !d.sp() {
			return false
		}
		v := MetadataValue{Entry: name}
		v.Value, v.Nil, ok = d.metadataValue()
		c.Values = append(c.Values, v)
		return ok
	})
	return done(d, &c)
}

// value = nstring / literal8
//
// A value that is too long is refused with its own code (RFC 5464 4.3), and before a client is asked for it.
func (d *Decoder) metadataValue() (s string, null, ok bool) {
	limit := d.opt.Limits.Value
	long := &Error{Status: NO, Code: CodeMetadataMaxSize(limit), Text: "the value is too long"}
	if c := d.peek(); (c == '{' || c == '~') && d.tail.given && d.tail.left > limit {
		return "", false, d.failWith(long)
	}
	if d.try('~') {
		b, ok := d.heldLiteral8()
		return string(b), false, ok
	}
	s, null, ok = d.nstring("a value")
	if ok && int64(len(s)) > limit {
		return "", false, d.failWith(long)
	}
	return s, null, ok
}

func (c *SetMetadata) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	return w.entryValues(append(b, ' '), c.Values)
}

// entryValues appends entry-values.
func (w wire) entryValues(b []byte, list []MetadataValue) []byte {
	for i, v := range list {
		b = append(w.astring(listSep(b, i), v.Entry), ' ')
		if !v.Nil && strings.IndexByte(v.Value, 0) >= 0 {
			b = w.literal8(b, v.Value)
		} else {
			b = w.nstring(b, v.Value, v.Nil)
		}
	}
	return append(b, ')')
}

// literal8 appends any octets.
func (w wire) literal8(b []byte, s string) []byte {
	b = appendUint(append(b, "~{"...), uint64(len(s)))
	if w.plus {
		b = append(b, '+')
	}
	return append(append(b, "}\r\n"...), s...)
}

// Metadata writes a METADATA response with values, of which there is one at least (RFC 5464 4.4.1).
//
//	metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)
func (e *Encoder) Metadata(m Mailbox, values []MetadataValue) {
	e.start("METADATA ")
	e.buf = append(e.wire.mailbox(e.buf, string(m)), ' ')
	e.buf = e.wire.entryValues(e.buf, values)
	e.end()
}

// MetadataChanged writes a METADATA response that names entries whose values are others now (RFC 5464 4.4.2).
func (e *Encoder) MetadataChanged(m Mailbox, entries []string) {
	e.start("METADATA ")
	e.buf = e.wire.mailbox(e.buf, string(m))
	for _, name := range entries {
		e.buf = e.wire.astring(append(e.buf, ' '), name)
	}
	e.end()
}
