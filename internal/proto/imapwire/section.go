package imapwire

// Section is a section-spec (RFC 9051 6.4.5.1). The zero value is the whole message, BODY[].
type Section struct {
	Part   []int // 1.2.3; empty for the message itself
	Text   SectionText
	Fields []string // for HeaderFields and HeaderFieldsNot, as the client wrote them: printable ASCII without a colon
}

// SectionText says which text of a part is meant.
type SectionText uint8

// Texts of a part.
const (
	SectionAll             SectionText = iota // the part's content, or the whole message
	SectionHeader                             // HEADER
	SectionHeaderFields                       // HEADER.FIELDS
	SectionHeaderFieldsNot                    // HEADER.FIELDS.NOT
	SectionBodyText                           // TEXT
	SectionMIME                               // MIME, only of a part
)

// Partial is the substring <Offset.Count>, in octets. Count 0 is none given.
type Partial struct{ Offset, Count uint64 }

// section         = "[" [section-spec] "]"
// section-spec    = section-msgtext / (section-part ["." section-text])
// section-text    = section-msgtext / "MIME"
// section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
func (d *Decoder) section(s *Section) bool {
	if !d.expect('[') {
		return false
	}
	if d.try(']') {
		return true
	}
	if text := d.sectionPart(s); !text {
		return d.expect(']')
	}
	switch w := d.keyword(); string(w) {
	case "HEADER":
		s.Text = SectionHeader
	case "TEXT":
		s.Text = SectionBodyText
	case "MIME":
		if s.Text = SectionMIME; len(s.Part) == 0 {
			return d.fail("MIME needs a part")
		}
	case "HEADER.FIELDS":
		s.Text = SectionHeaderFields
	case "HEADER.FIELDS.NOT":
		s.Text = SectionHeaderFieldsNot
	default:
		return d.fail("unknown section")
	}
	if s.Text == SectionHeaderFields || s.Text == SectionHeaderFieldsNot {
		if !d.sp() || !d.headerList(s) {
			return false
		}
	}
	return d.expect(']')
}

// ParseSection reads a section-spec as it stands between the brackets, such as "1.2.MIME"; "" is the whole message. IMAP URLs have it so
// (RFC 5092 11, enc-section).
func ParseSection(spec string) (Section, error) {
	d := &Decoder{line: []byte("[" + spec + "]")}
	d.SetOptions(Options{})
	var s Section
	if d.section(&s) && d.pos < len(d.line) {
		d.fail("unexpected text after the section")
	}
	if d.err != nil {
		return Section{}, d.err
	}
	return s, nil
}

// sectionPart reads a section-part, and reports whether a section-text follows.
//
//	section-part = nz-number *("." nz-number)
func (d *Decoder) sectionPart(s *Section) (text bool) {
	for isDigit(d.peek()) {
		n, ok := d.nzNumber("a part")
		if !ok {
			return false
		}
		if s.Part = append(s.Part, int(n)); len(s.Part) > d.opt.Limits.Depth {
			return d.failWith(&Error{Status: NO, Code: CodeLimit, Text: "part nested too deep"})
		}
		if !d.try('.') {
			return false
		}
	}
	return d.err == nil
}

// header-list     = "(" header-fld-name *(SP header-fld-name) ")"
// header-fld-name = astring
//
// A name that no field can have (RFC 5322 2.2) would be echoed in the response, and is refused.
func (d *Decoder) headerList(s *Section) bool {
	return d.list1("the header list", func() bool {
		name, ok := d.astring("a field name")
		if !ok {
			return false
		}
		for i := range len(name) {
			if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
				return d.fail("a field name holds a character that it cannot")
			}
		}
		if name == "" {
			return d.fail("a field name is empty")
		}
		s.Fields = append(s.Fields, name)
		return true
	})
}

// section-binary = "[" [section-part] "]"
func (d *Decoder) binarySection(s *Section) bool {
	if !d.expect('[') {
		return false
	}
	if d.peek() != ']' && d.sectionPart(s) {
		return d.fail("BINARY takes a part alone")
	}
	return d.expect(']')
}

// partial = ["<" number64 "." nz-number64 ">"]
func (d *Decoder) partial(p *Partial) bool {
	if !d.try('<') {
		return d.err == nil
	}
	var ok bool
	if p.Offset, ok = d.number64("an offset"); !ok || !d.expect('.') {
		return false
	}
	if p.Count, ok = d.number64("a length"); ok && p.Count == 0 {
		return d.fail("a partial must not be empty")
	}
	return ok && d.expect('>')
}

// appendTo appends the section in brackets, the same for the same section however it was written, but for the case of field names.
func (s *Section) appendTo(b []byte) []byte {
	b = append(b, '[')
	for i, n := range s.Part {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendUint(b, uint64(n))
	}
	if len(s.Part) > 0 && s.Text != SectionAll {
		b = append(b, '.')
	}
	switch s.Text {
	case SectionHeader:
		b = append(b, "HEADER"...)
	case SectionBodyText:
		b = append(b, "TEXT"...)
	case SectionMIME:
		b = append(b, "MIME"...)
	case SectionHeaderFields:
		b = append(b, "HEADER.FIELDS "...)
	case SectionHeaderFieldsNot:
		b = append(b, "HEADER.FIELDS.NOT "...)
	}
	for i, name := range s.Fields {
		b = wire{}.astring(listSep(b, i), name)
	}
	if len(s.Fields) > 0 {
		b = append(b, ')')
	}
	return append(b, ']')
}

// String is the section as it is written, in brackets.
func (s *Section) String() string { return string(s.appendTo(nil)) }
