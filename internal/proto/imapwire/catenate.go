package imapwire

import "io"

// AppendPart is a part of a message that CATENATE puts together (RFC 4469 3): a URL, or text that the client sends. It is valid until the next call of
// [AppendMessage.NextPart].
type AppendPart struct {
	URL     string // "" for text
	Size    int64  // octets of the text; math.MaxInt64 for more than that
	Binary  bool   // literal8
	UTF8    bool   // UTF8 data (RFC 6855 4)
	NonSync bool   // the client does not wait to be asked

	dec *Decoder
}

// NextPart reads up to the next part, skipping what is unread of the one before. It returns io.EOF after the last, and of a message that is not Catenate.
//
//	append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
//	cat-part    =  "TEXT" SP literal / "URL" SP astring / "UTF8" SP "(" literal8 ")"
//
// deviates: text may be a literal8 too, as in APPEND itself (RFC 3516 4.4).
func (m *AppendMessage) NextPart() (*AppendPart, error) {
	d := m.dec
	if d.err != nil {
		return nil, d.err
	}
	if !m.Catenate || m.ended {
		return nil, io.EOF
	}
	if p := m.part; p != nil {
		if p.URL == "" {
			if err := d.afterLiteral(p.UTF8); err != nil {
				return nil, err
			}
		}
		if d.try(')') {
			m.ended = true
			return nil, io.EOF
		}
		d.sp()
	}
	if m.parts++; m.parts > d.opt.Limits.Items {
		d.failWith(&Error{Status: NO, Code: CodeLimit, Text: "too many parts"})
		return nil, d.err
	}
	m.part = d.catPart()
	if d.err != nil {
		return nil, d.err
	}
	return m.part, nil
}

func (d *Decoder) catPart() *AppendPart {
	p := &AppendPart{dec: d}
	switch string(d.keyword()) {
	case "URL":
		d.sp()
		var ok bool
		if p.URL, ok = d.astring("a URL"); ok && p.URL == "" {
			d.fail("a URL is empty")
		}
		return p
	case "TEXT":
		if d.sp() && d.peek() == '~' {
			p.Binary = d.try('~')
		}
	case "UTF8":
		p.UTF8 = true
		p.Binary = d.sp() && d.expect('(') && d.expect('~')
	default:
		d.fail("expected TEXT or URL at column %d", d.pos+1)
	}
	if d.announced() {
		p.Size, p.NonSync = d.tail.left, d.tail.plus
	}
	return p
}

// Open is [AppendMessage.Open] for a part that is text.
func (p *AppendPart) Open() (io.Reader, error) { return p.dec.openLiteral() }

// AppendHeader appends the part as a client sends it; of text, its announcement.
func (p *AppendPart) AppendHeader(b []byte) []byte {
	switch {
	case p.URL != "":
		return wire{plus: true}.astring(append(b, "URL "...), p.URL)
	case !p.UTF8:
		b = append(b, "TEXT "...)
	}
	return announce(b, p.UTF8, p.Binary, p.Size, p.NonSync)
}

// Replace is REPLACE and UID REPLACE (RFC 8508): an [Append] of one message, in the place of another.
type Replace struct {
	UID bool
	Set NumSet // one number, or "*"
	Append
}

// CommandName is REPLACE or UID REPLACE.
func (c *Replace) CommandName() string { return uidName(c.UID, "UID REPLACE") }

// replace = "REPLACE" SP seq-number SP mailbox append-message
func (d *Decoder) parseReplace(uid bool) Command {
	c := &Replace{UID: uid}
	if d.sp() && d.try('*') {
		c.Set.addRange(0, 0)
	} else if n, ok := d.nzNumber("a message"); ok {
		c.Set.addRange(n, n)
	}
	c.Append = Append{Mailbox: d.spMailbox(), dec: d, single: true}
	return c
}

func (c *Replace) appendArgs(w wire, b []byte) []byte {
	return c.Append.appendArgs(w, c.Set.AppendTo(append(b, ' ')))
}
