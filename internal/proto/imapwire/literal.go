package imapwire

import (
	"bytes"
	"io"
)

// tail is the literal announced at the end of a line, and how far it has been read.
//
//	literal  = "{" number64 ["+"] "}" CRLF *CHAR8
//	literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
type tail struct {
	given bool
	at    int   // of the brace in the line
	left  int64 // octets not yet read; huge when the number is
	sync  bool  // the client has not been asked yet, and waits for it
	plus  bool  // a non-synchronising one
}

// huge is the size of a literal whose size is no number64.
const huge = 1<<63 - 1

// literalTail finds the literal announced at the end of a line.
func literalTail(line []byte) tail {
	i := len(line) - 2
	if i < 1 || line[i+1] != '}' {
		return tail{}
	}
	t := tail{given: true, sync: true}
	if line[i] == '+' {
		t.plus, t.sync = true, false
		i--
	}
	end := i + 1
	for i >= 0 && isDigit(line[i]) {
		i--
	}
	if i < 0 || line[i] != '{' || i+1 == end {
		return tail{}
	}
	t.at = i
	n, ok := parseUint(line[i+1:end], huge)
	if !ok {
		n = huge
	}
	t.left = int64(n)
	return t
}

// announced reads "{n}" or "{n+}" at the end of the line.
func (d *Decoder) announced() bool {
	if d.err != nil || !d.tail.given || d.tail.at != d.pos {
		return d.fail("a literal must be announced at the end of a line")
	}
	if d.tail.plus && d.opt.LiteralMinus && d.tail.left > maxMinus {
		return d.failWith(&Error{Status: BAD, Code: CodeTooBig, Text: "non-synchronising literal over 4096 octets"}) // RFC 7888 5
	}
	d.pos = len(d.line)
	return true
}

// ask lets the client send a synchronising literal.
func (d *Decoder) ask() bool {
	if !d.tail.sync {
		return true
	}
	if d.opt.Continue == nil {
		return d.fail("synchronising literals cannot be had here")
	}
	if err := d.opt.Continue(); err != nil {
		return d.failWith(err)
	}
	d.tail.sync = false
	return true
}

// heldLiteral reads a literal into memory, and the line after it.
func (d *Decoder) heldLiteral() ([]byte, bool) {
	b, ok := d.heldLiteral8()
	if ok && bytes.IndexByte(b, 0) >= 0 { // CHAR8 = %x01-ff
		return nil, d.fail("a literal must not hold NUL")
	}
	return b, ok
}

// heldLiteral8 is heldLiteral for any octets.
func (d *Decoder) heldLiteral8() ([]byte, bool) {
	if !d.announced() {
		return nil, false
	}
	n := d.tail.left
	if n > d.literal {
		return nil, d.failWith(&Error{Status: NO, Code: CodeTooBig, Text: "literal too big"})
	}
	d.literal -= n
	if !d.ask() {
		return nil, false
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.err = unexpected(err)
		return nil, false
	}
	d.tail.left = 0
	return b, d.nextLine()
}

// nextLine reads the line that follows a literal.
func (d *Decoder) nextLine() bool {
	if !d.readLine() {
		d.err = unexpected(d.err)
		return false
	}
	if d.cut {
		return d.fail("line too long")
	}
	return true
}

// discardLiteral throws away what is left of a literal that the client sends in any case.
func (d *Decoder) discardLiteral() error {
	if d.tail.left > d.drain {
		return &Error{Status: BYE, Code: CodeTooBig, Text: "literal too big"}
	}
	d.drain -= d.tail.left
	for d.tail.left > 0 {
		n, err := d.r.Discard(int(min(d.tail.left, 1<<20)))
		d.tail.left -= int64(n)
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// literalReader reads the announced literal of its Decoder.
type literalReader struct{ d *Decoder }

// Read reads to the end of the literal, not beyond.
func (r literalReader) Read(p []byte) (int, error) {
	left := r.d.tail.left
	if left == 0 {
		return 0, io.EOF
	}
	n, err := r.d.r.Read(p[:min(int64(len(p)), left)])
	r.d.tail.left -= int64(n)
	return n, unexpected(err)
}
