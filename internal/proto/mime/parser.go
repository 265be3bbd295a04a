package mime

import (
	"bytes"
	"slices"
)

// A Parser is an io.Writer that reads the message written to it. It is not safe for
// concurrent use. After Finish, Reset makes it ready for another message and keeps
// its buffers.
type Parser struct {
	lim Limits
	msg *Message

	off   int64 // octets before the slice in hand
	lines int64 // line ends in them
	prev  byte  // the last octet
	state state

	stack   []frame // open parts, the message first; the last one takes the body
	bounds  int     // of them, multiparts whose boundary is looked for
	total   int     // parts begun
	lineOff int64   // where the current line begins
	bol     bool    // nothing of the current line was taken
	line    []byte  // the beginning of a line that a slice cut, until it can be judged
	tail    string  // the line end before the current line, if a boundary would own it
	header  []byte  // the header block of the innermost part, while it is read
	room    int     // header octets that may still be read
	addrs   int     // addresses that may still be kept
	dashed  int     // lines of that block that were held against its own boundary
	match   match   // the delimiter line that is being skipped

	body    bodySink
	preview preview
}

type state uint8

const (
	inHeader    state = iota
	inBody            // of a leaf, or around the parts of a multipart
	inDelimiter       // behind the boundary, up to the line end
)

// A frame is a part that has not ended.
type frame struct {
	part     Part
	boundary string // of a multipart whose boundary can still come
	lines    int64  // line ends before the body
}

// A match is a delimiter line: which frame's boundary it has, and whether it is
// the closing one.
type match struct {
	frame int
	final bool
}

const (
	// longestBoundary is more than the 70 of RFC 2046 5.1.1. A longer one counts
	// as unusable.
	longestBoundary = 250
	// judgedLine is how much of a line says what it is: "--", a boundary, "--".
	judgedLine = longestBoundary + 6
)

// NewParser returns a parser for one message.
func NewParser(lim Limits) *Parser {
	p := new(Parser)
	p.Reset(lim)
	return p
}

// Parse reads a whole message with default limits.
func Parse(b []byte) *Message {
	p := NewParser(Limits{})
	p.Write(b)
	return p.Finish()
}

// Reset makes p ready for another message. Messages that it gave before keep
// their own memory.
func (p *Parser) Reset(lim Limits) {
	lim = lim.withDefaults()
	*p = Parser{
		lim: lim, msg: new(Message), room: lim.HeaderBytes, addrs: lim.Addresses,
		stack: p.stack[:0], line: p.line[:0], header: p.header[:0],
		body: bodySink{scratch: p.body.scratch}, preview: p.preview.empty(),
	}
	p.push(0, "text")
	p.stack[0].part.Envelope = new(Envelope)
}

// Write takes the next octets of the message. It never fails and does not keep b.
func (p *Parser) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		var k int
		switch p.state {
		case inHeader:
			k = p.takeHeader(b)
		case inBody:
			k = p.takeBody(b)
		case inDelimiter:
			k = p.skipDelimiter(b)
		}
		p.prev = b[k-1]
		p.off += int64(k)
		b = b[k:]
	}
	return n, nil
}

// Finish ends the message and returns what was found. Parts that are open end
// with it. Only Reset may follow.
func (p *Parser) Finish() *Message {
	if len(p.line) > 0 { // a last line without a line end
		p.settleLine(p.line)
	}
	if p.state == inHeader {
		p.closeHeader(p.off, p.lines)
	}
	p.body.add(p.tail, nil)
	p.closeTo(0, p.off, p.lines)
	p.stack[0].close(p.off, p.lines, &p.body)
	m := p.msg
	m.Size = p.off
	m.Root = p.stack[0].part
	m.Preview = p.preview.text()
	m.HasAttachment = hasAttachment(&m.Root, "")
	p.msg, p.stack[0] = nil, frame{} // a parser that waits for Reset holds no message
	return m
}

// push begins a part at off. typ is "message" below a multipart/digest, else "text".
func (p *Parser) push(off int64, typ string) {
	f := frame{part: Part{HeaderStart: off, BodyStart: off, End: off, Type: typ, Subtype: "plain", DecodedSize: -1}}
	if typ == "message" {
		f.part.Subtype = "rfc822"
	}
	f.lines = p.lines
	p.stack = append(p.stack, f)
	p.total++
	p.state, p.bol, p.tail = inHeader, true, ""
	p.header, p.dashed = p.header[:0], 0
}

// startOfLine collects enough of a line to judge it: all of it, or judgedLine
// octets. k octets of b are taken; line is nil if there must be more.
func (p *Parser) startOfLine(b []byte) (line []byte, k int) {
	if len(p.line) == 0 {
		p.lineOff = p.off
	}
	b = b[:min(len(b), judgedLine-len(p.line))]
	whole := false
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b, whole = b[:i+1], true
	}
	whole = whole || len(p.line)+len(b) == judgedLine
	if whole && len(p.line) == 0 {
		return b, len(b)
	}
	p.line = append(p.line, b...)
	if !whole {
		return nil, len(b)
	}
	return p.line, len(b)
}

// settleLine judges a line whose beginning was collected. It may be a delimiter,
// the blank line behind a header, or what the header or body consist of.
func (p *Parser) settleLine(line []byte) {
	m, ok := p.findBoundary(line)
	ended := line[len(line)-1] == '\n'
	switch {
	case ok:
		p.endPart(m)
		if ended {
			p.lines++
			p.endDelimiter(p.lineOff+int64(len(line)), lineEnd(line))
		}
	case p.state == inHeader && p.ownBoundary(line):
		// The blank line is missing: a multipart's first delimiter ends its header.
		p.endHeader(p.lineOff)
		p.settleLine(line)
		return
	case p.state == inHeader:
		p.keepHeader(line)
		p.bol = ended
		if ended {
			p.lines++
			p.tail = lineEnd(line)
			if len(line) == len(p.tail) {
				p.endHeader(p.lineOff + int64(len(line)))
			}
		}
	default:
		p.bol = ended
		if ended {
			p.lines++
		}
		p.flow(line)
	}
	p.line = p.line[:0]
}

// lineEnd returns the line end of b as a constant.
func lineEnd(b []byte) string {
	n := len(b)
	switch {
	case n == 0:
		return ""
	case b[n-1] == '\n' && n > 1 && b[n-2] == '\r':
		return "\r\n"
	case b[n-1] == '\n':
		return "\n"
	case b[n-1] == '\r':
		return "\r"
	}
	return ""
}

// takeHeader takes a line of a header, or what b has of it.
func (p *Parser) takeHeader(b []byte) int {
	if p.bol {
		line, k := p.startOfLine(b)
		if line != nil {
			p.settleLine(line)
		}
		return k
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		p.keepHeader(b)
		return len(b)
	}
	p.keepHeader(b[:i+1])
	p.lines++
	p.bol, p.tail = true, "\n"
	if i > 0 && b[i-1] == '\r' || i == 0 && p.prev == '\r' {
		p.tail = "\r\n"
	}
	return i + 1
}

// keepHeader keeps header octets for when the block is complete.
func (p *Parser) keepHeader(b []byte) {
	if len(b) > p.room {
		b = b[:p.room]
		p.msg.Notes |= HeadersLimited
	}
	p.room -= len(b)
	p.header = append(p.header, b...)
}

// endHeader ends the header of the innermost part; its body begins at off.
func (p *Parser) endHeader(off int64) {
	p.closeHeader(off, p.lines)
	p.openBody(&p.stack[len(p.stack)-1])
}

// closeHeader reads the header of the innermost part, which ends at off; lines is
// the number of line ends before that.
func (p *Parser) closeHeader(off, lines int64) {
	f := &p.stack[len(p.stack)-1]
	f.part.BodyStart = off
	f.part.HeaderLines = lines - f.lines
	f.lines = lines
	top := len(p.stack) == 1
	if top {
		keep := min(len(p.header), p.lim.KeepHeader)
		p.msg.Header = slices.Clone(p.header[:keep])
		p.msg.HeaderTruncated = int64(keep) < off-f.part.HeaderStart
	}
	p.readHeader(&f.part, top)
}

// openBody decides what the body of the innermost part is.
func (p *Parser) openBody(f *frame) {
	part := &f.part
	p.state, p.bol, p.tail = inBody, true, ""
	multipart := part.Type == "multipart"
	embedded := part.Type == "message" && (part.Subtype == "rfc822" || part.Subtype == "global") && codecOf(part.Encoding) == identity
	if multipart {
		f.boundary = usableBoundary(part)
		multipart = f.boundary != ""
	}
	if multipart || embedded {
		switch {
		case len(p.stack) >= p.lim.Depth:
			p.msg.Notes |= DepthLimited
		case p.total >= p.lim.Parts:
			p.msg.Notes |= PartsLimited
		case embedded:
			p.push(part.BodyStart, "text")
			p.stack[len(p.stack)-1].part.Envelope = new(Envelope)
			return
		default:
			p.bounds++
			return
		}
		f.boundary = ""
	}
	p.body.begin(part, &p.preview)
}

// usableBoundary returns the boundary of a multipart, "" if it has none that
// could be told from other text. Its end is never a space (RFC 2046 5.1.1).
func usableBoundary(part *Part) string {
	for _, q := range part.Params {
		switch q.Name {
		case "boundary":
		case "boundary*":
			q.Value = decodeExtended(q.Value)
		default:
			continue
		}
		if b := trimRightBlank(q.Value); len(b) <= longestBoundary {
			return b
		}
		break
	}
	return ""
}

func trimRightBlank(s string) string {
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
