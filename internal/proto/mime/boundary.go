package mime

import "bytes"

// takeBody takes body octets: up to a line that may be a delimiter, or all.
func (p *Parser) takeBody(b []byte) int {
	if p.bounds == 0 { // no boundary can come any more
		p.lines += int64(bytes.Count(b, []byte{'\n'}))
		p.flow(b)
		return len(b)
	}
	if p.bol && (len(p.line) > 0 || b[0] == '-') {
		line, k := p.startOfLine(b)
		if line != nil {
			p.settleLine(line)
		}
		return k
	}
	pos := 0
	for {
		i := bytes.IndexByte(b[pos:], '\n')
		if i < 0 {
			pos, p.bol = len(b), false
			break
		}
		pos += i + 1
		p.lines++
		if pos == len(b) || b[pos] == '-' && p.mayDelimit(b[pos:]) {
			p.bol = true
			break
		}
	}
	p.flow(b[:pos])
	return pos
}

// mayDelimit reports whether b begins with a delimiter line, or with too little of
// a line to say no.
func (p *Parser) mayDelimit(b []byte) bool {
	if len(b) > 1 && b[1] != '-' {
		return false
	}
	line := b[:min(len(b), judgedLine)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	} else if len(line) < judgedLine {
		return true
	}
	_, ok := p.findBoundary(line)
	return ok
}

// flow passes body octets on. The line end at their end waits in p.tail: if a
// delimiter follows, it belongs to that (RFC 2046 5.1.1).
func (p *Parser) flow(b []byte) {
	if len(b) == 1 && b[0] == '\n' && p.tail == "\r" {
		p.tail = "\r\n"
		return
	}
	tail := lineEnd(b)
	p.body.add(p.tail, b[:len(b)-len(tail)])
	p.tail = tail
}

// findBoundary looks for a delimiter line among the boundaries of the open
// multiparts, the innermost first, so that an inner multipart may use its parent's
// boundary and an outer one may end it. It is enough that a line begins with the
// boundary (RFC 2046 5.1.1); of several that fit the longest counts, because it is
// certainly meant, unless the line fits one exactly.
func (p *Parser) findBoundary(line []byte) (m match, ok bool) {
	if p.bounds == 0 || len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return m, false
	}
	if p.total >= p.lim.Parts {
		return m, p.stopLooking()
	}
	line = trimLine(line[2:min(len(line), judgedLine)])
	best := 0
	for i := len(p.stack) - 1; i >= 0; i-- {
		b := p.stack[i].boundary
		if len(b) <= best || len(line) < len(b) || string(line[:len(b)]) != b {
			continue
		}
		rest := line[len(b):]
		final := len(rest) >= 2 && rest[0] == '-' && rest[1] == '-'
		m, ok, best = match{i, final}, true, len(b)
		if len(rest) == 0 || final && len(rest) == 2 {
			break
		}
	}
	return m, ok
}

// ownBoundary reports whether a line of a header is the first delimiter of the
// multipart that the header itself announces. Few lines of a header begin with
// dashes; only the first ones are looked at, so that the time stays linear.
func (p *Parser) ownBoundary(line []byte) bool {
	if len(line) < 3 || line[0] != '-' || line[1] != '-' || p.dashed == dashedLines {
		return false
	}
	p.dashed++
	for f := range Fields(p.header) {
		if !f.Is("Content-Type") {
			continue
		}
		part := Part{}
		part.Type, _, part.Params, _ = parseType(f.Text(), p.lim.Params)
		b := usableBoundary(&part)
		return part.Type == "multipart" && b != "" && string(trimLine(line[2:])) == b
	}
	return false
}

const dashedLines = 4

// stopLooking gives up all boundaries: what follows belongs to the last part.
func (p *Parser) stopLooking() bool {
	p.msg.Notes |= PartsLimited
	for i := range p.stack {
		p.stack[i].boundary = ""
	}
	p.bounds = 0
	return false
}

// trimLine drops the line end and the padding before it (RFC 2046 5.1.1,
// transport-padding).
func trimLine(b []byte) []byte {
	n := len(b)
	for n > 0 && (b[n-1] == '\n' || b[n-1] == '\r' || b[n-1] == ' ' || b[n-1] == '\t') {
		n--
	}
	return b[:n]
}

// endPart ends all parts inside the multipart whose delimiter line begins at
// p.lineOff. The line end before it is the delimiter's.
func (p *Parser) endPart(m match) {
	end, lines := p.lineOff-int64(len(p.tail)), p.lines
	if p.tail != "" {
		lines--
	}
	if p.state == inHeader { // cut off: there is no body
		p.closeHeader(end, lines)
	}
	p.closeTo(m.frame, end, lines)
	p.match, p.state = m, inDelimiter
}

// closeTo ends the parts inside stack[outer] at offset end; lines is the number of
// line ends before that. The parts can all end at one place: where a part has
// just begun, p.tail is empty.
func (p *Parser) closeTo(outer int, end, lines int64) {
	for i := len(p.stack) - 1; i > outer; i-- {
		f := &p.stack[i]
		f.close(end, lines, &p.body)
		if f.boundary != "" {
			p.bounds--
		}
		parent := &p.stack[i-1].part
		if parent.Parts == nil && parent.Type == "multipart" {
			parent.Parts = make([]Part, 0, 2)
		}
		parent.Parts = append(parent.Parts, f.part)
		*f = frame{}
		p.stack = p.stack[:i]
	}
}

// close ends the part at offset end.
func (f *frame) close(end, lines int64, body *bodySink) {
	f.part.End = end
	f.part.Lines = lines - f.lines
	f.part.DecodedSize = body.end(f.part.Size())
}

// skipDelimiter takes the rest of a delimiter line.
func (p *Parser) skipDelimiter(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return len(b)
	}
	tail := "\n"
	if i > 0 && b[i-1] == '\r' || i == 0 && p.prev == '\r' {
		tail = "\r\n"
	}
	p.lines++
	p.endDelimiter(p.off+int64(i)+1, tail)
	return i + 1
}

// endDelimiter goes on behind a delimiter line that ends before off: with the next
// part, or with the epilogue.
func (p *Parser) endDelimiter(off int64, tail string) {
	f := &p.stack[p.match.frame]
	if !p.match.final {
		typ := "text"
		if f.part.Subtype == "digest" { // RFC 2046 5.1.5
			typ = "message"
		}
		p.push(off, typ)
		return
	}
	f.boundary = ""
	p.bounds--
	p.state, p.bol, p.tail = inBody, true, tail
}
