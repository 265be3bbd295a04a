package mime

import (
	"unicode"
	"unicode/utf8"
)

const (
	previewRunes  = 200      // RFC 8970 3.3 allows 256 and advises this
	previewBudget = 64 << 10 // octets looked at; HTML may begin with a long style sheet
	previewParts  = 8        // text parts tried until one says something
)

// A preview gathers the text that a message shows before it is opened. Lines that
// quote another message are put aside: they count only if there is nothing else.
type preview struct {
	plain, quoted snippet

	decode  stage      // of the charset
	html    *htmlStage // nil for plain text
	newline bool       // at the start of a line
	inQuote bool       // in a quoted line
	spent   int        // of the budget
	parts   int
	done    bool
	bufs    [2][]byte // kept from message to message
}

// A snippet is a text whose white space is folded.
type snippet struct {
	buf   []byte
	runes int
	space bool   // white space came behind the text
	join  []byte // joiners behind the text, to be kept if text follows at once
}

// empty returns a preview without text that has p's buffers.
func (p *preview) empty() preview {
	return preview{
		plain:  snippet{buf: p.plain.buf[:0], join: p.plain.join[:0]},
		quoted: snippet{buf: p.quoted.buf[:0], join: p.quoted.join[:0]},
		bufs:   p.bufs,
	}
}

// begin prepares for the body of a leaf and reports whether that is wanted: it is
// text to read, and no part before it was.
func (p *preview) begin(part *Part) bool {
	if p.done || p.parts == previewParts || part.Type != "text" || part.Disposition == "attachment" {
		return false
	}
	p.html = nil
	switch part.Subtype {
	case "plain", "markdown":
	case "html", "enriched", "richtext":
		p.html = new(htmlStage)
	default:
		return false
	}
	p.parts++
	p.decode = textStage(part)
	p.newline, p.inQuote = true, false
	return true
}

// add takes octets of the body, transfer-decoded, and reports whether it wants more.
func (p *preview) add(b []byte) bool {
	p.spent += len(b)
	p.convert(b, false)
	if p.plain.runes >= previewRunes || p.spent >= previewBudget {
		p.done = true
	}
	return !p.done
}

// end ends the body that begin began.
func (p *preview) end() {
	p.convert(nil, true)
	p.plain.space, p.quoted.space = len(p.plain.buf) > 0, len(p.quoted.buf) > 0
	if len(p.plain.buf) > 0 || len(p.quoted.buf) > 0 {
		p.done = true
	}
}

func (p *preview) convert(b []byte, end bool) {
	if p.done {
		return
	}
	p.bufs[0] = p.decode.Append(p.bufs[0][:0], b, end)
	text := p.bufs[0]
	if p.html != nil {
		p.bufs[1] = p.html.Append(p.bufs[1][:0], text, end)
		text = p.bufs[1]
	}
	for len(text) > 0 && p.plain.runes < previewRunes {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		if p.newline && r != '\n' && r != '\r' {
			p.inQuote, p.newline = r == '>' && p.html == nil, false
		}
		if r == '\n' {
			p.newline = true
		}
		if p.inQuote {
			p.quoted.add(r)
		} else {
			p.plain.add(r)
		}
	}
}

// text returns the preview.
func (p *preview) text() string {
	if len(p.plain.buf) > 0 {
		return string(p.plain.buf)
	}
	return string(p.quoted.buf)
}

// add appends a character. Spaces fold to one; what cannot be seen and is only
// there to keep other text out of previews is dropped, but joiners inside words
// are kept, since scripts need them.
func (s *snippet) add(r rune) {
	if s.runes >= previewRunes {
		return
	}
	if s.buf == nil {
		s.buf = make([]byte, 0, previewRunes+previewRunes/2)
	}
	switch {
	case r == '\u200C' || r == '\u200D': // zero width non-joiner and joiner
		if len(s.buf) > 0 && !s.space && len(s.join) == 0 {
			s.join = utf8.AppendRune(s.join, r)
		}
		return
	case r < ' ' || r == 0x7F || unicode.IsSpace(r) || r == '\u2007' || r == '\u3000':
		s.space, s.join = len(s.buf) > 0, s.join[:0]
		return
	case r >= 0x80 && invisible(r):
		return
	}
	if s.space {
		s.space = false
		if s.runes++; s.runes == previewRunes {
			return // no space at the end
		}
		s.buf = append(s.buf, ' ')
	}
	if len(s.join) > 0 {
		if s.runes++; s.runes == previewRunes {
			return
		}
		s.buf = append(s.buf, s.join...)
		s.join = s.join[:0]
	}
	s.buf = utf8.AppendRune(s.buf, r)
	s.runes++
}

// invisible reports whether r is a format character or combining grapheme joiner
// that text does without.
func invisible(r rune) bool {
	switch r {
	case '\u00AD', '\u034F', '\u061C', '\u115F', '\u1160', '\u17B4', '\u17B5', '\u180E', '\u200B', '\u200E', '\u200F',
		'\u2028', '\u2029', '\u202A', '\u202B', '\u202C', '\u202D', '\u202E', '\u2060', '\u2061', '\u2062', '\u2063', '\u2064',
		'\u2066', '\u2067', '\u2068', '\u2069', '\uFEFF':
		return true
	}
	return 0x80 <= r && r < 0xA0
}
