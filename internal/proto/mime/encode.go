package mime

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"unicode/utf8"
)

// census counts what a body has that not everybody takes.
type census struct {
	octets, escapes int64 // in all, and such as have to be escaped
	eight           bool  // there are octets outside US-ASCII
	binary          bool  // NULs, CRs and LFs that are no line ends, long lines

	line int  // octets since the last line end
	cr   bool // the last octet was a CR
	odd  bool // it is no UTF-8
	tail []byte
}

// Write implements io.Writer.
func (c *census) Write(b []byte) (int, error) {
	c.octets += int64(len(b))
	c.letters(b)
	for _, o := range b {
		if o == '\n' {
			c.binary = c.binary || !c.cr
			c.line, c.cr = 0, false
			continue
		}
		c.binary = c.binary || c.cr || o == 0
		if c.cr = o == '\r'; c.cr {
			continue
		}
		if c.line++; c.line > maxLineOctets {
			c.binary = true
		}
		if o >= utf8.RuneSelf {
			c.eight = true
		}
		if o >= utf8.RuneSelf || o == '=' || o < ' ' && o != '\t' {
			c.escapes++
		}
	}
	return len(b), nil
}

// letters sees whether it is UTF-8; a letter may be cut in two.
func (c *census) letters(b []byte) {
	if c.odd {
		return
	}
	if len(c.tail) > 0 {
		n := min(len(b), utf8.UTFMax-len(c.tail))
		joined := append(c.tail, b[:n]...)
		if !utf8.FullRune(joined) {
			c.tail = joined
			return
		}
		_, size := utf8.DecodeRune(joined)
		if size <= len(c.tail) {
			c.odd = true
			return
		}
		b, c.tail = b[size-len(c.tail):], c.tail[:0]
	}
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				c.tail, b = append(c.tail, last...), b[:len(b)-i]
			}
			break
		}
	}
	c.odd = !utf8.Valid(b)
}

func (c *census) utf8() bool { return !c.odd && len(c.tail) == 0 }

func (c *census) fits(form Form) bool {
	return !c.binary && !c.cr && (form == EightBit || !c.eight)
}

// checked lets through what has a form.
type checked struct {
	w    io.Writer
	form Form
	n    int64
	cr   bool
}

// Write implements io.Writer.
func (c *checked) Write(b []byte) (int, error) {
	for i, o := range b {
		switch {
		case o == '\n' && !(c.cr && i == 0 || i > 0 && b[i-1] == '\r'), i == 0 && c.cr && o != '\n', i > 0 && b[i-1] == '\r' && o != '\n':
			return 0, fmt.Errorf("%w: a line end that is none is outside the parts' bodies", ErrRewrite)
		case o == 0:
			return 0, fmt.Errorf("%w: a NUL is outside the parts' bodies", ErrRewrite)
		case o >= utf8.RuneSelf && c.form == SevenBit:
			return 0, fmt.Errorf("%w: there are octets outside US-ASCII in a header, or in what is signed", ErrRewrite)
		}
	}
	if len(b) > 0 {
		c.cr = b[len(b)-1] == '\r'
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func (c *checked) end() error {
	if c.cr {
		return fmt.Errorf("%w: it ends within a line end", ErrRewrite)
	}
	return nil
}

// qpWriter writes quoted-printable (RFC 2045 6.7).
type qpWriter struct {
	w     io.Writer
	final bool
	out   bytes.Buffer
	line  int  // octets in the line
	blank byte // a space or tab that may be the last of its line
	cr    bool // a CR that may be the first half of a line end
}

// longestQP is how long a line becomes before its "=": 76 with it.
const longestQP = 75

// Write implements io.Writer.
func (q *qpWriter) Write(b []byte) (int, error) {
	for _, o := range b {
		q.put(o)
	}
	return len(b), q.flush()
}

func (q *qpWriter) flush() error {
	_, err := q.w.Write(q.out.Bytes())
	q.out.Reset()
	return err
}

func (q *qpWriter) put(o byte) {
	if q.cr {
		q.cr = false
		if o == '\n' {
			q.release(true) // rule 3: white space at the end of a line is escaped
			q.out.WriteString("\r\n")
			q.line = 0
			return
		}
		q.release(false)
		q.escape('\r')
	}
	switch {
	case o == '\r':
		q.cr = true
	case o == ' ' || o == '\t':
		q.release(false)
		q.blank = o
	case o == '=' || o < ' ' || o > '~', q.line == 0 && q.blank == 0 && (o == '-' || o == '.' || o == 'F'):
		// A line that is cut must not begin like a boundary; a dot, and "From ", are changed by some on the way.
		q.release(false)
		q.escape(o)
	default:
		q.release(false)
		q.literal(o)
	}
}

// release writes white space that was held back.
func (q *qpWriter) release(last bool) {
	o := q.blank
	q.blank = 0
	switch {
	case o == 0:
	case last:
		q.escape(o)
	default:
		q.literal(o)
	}
}

func (q *qpWriter) literal(o byte) {
	q.room(1)
	q.out.WriteByte(o)
	q.line++
}

const upperHex = "0123456789ABCDEF"

func (q *qpWriter) escape(o byte) {
	q.room(3)
	q.out.Write([]byte{'=', upperHex[o>>4], upperHex[o&15]})
	q.line += 3
}

func (q *qpWriter) room(n int) {
	if q.line+n > longestQP {
		q.out.WriteString("=\r\n")
		q.line = 0
	}
}

// Close implements io.Closer.
func (q *qpWriter) Close() error {
	q.release(true)
	if q.cr {
		q.escape('\r')
	}
	if q.final && q.line > 0 {
		q.out.WriteString("=\r\n")
	}
	return q.flush()
}

// base64Writer writes lines of base64 (RFC 2045 6.8).
type base64Writer struct {
	w     io.Writer
	final bool
	held  []byte // less than a line
	any   bool   // a line was written
}

func newBase64Writer(w io.Writer, final bool) *base64Writer {
	return &base64Writer{w: w, final: final, held: make([]byte, 0, base64Line)}
}

// Write implements io.Writer.
func (w *base64Writer) Write(b []byte) (int, error) {
	n := len(b)
	var out []byte
	for len(w.held)+len(b) >= base64Line {
		k := base64Line - len(w.held)
		w.held = append(w.held, b[:k]...)
		b = b[k:]
		out = w.appendLine(out)
	}
	w.held = append(w.held, b...)
	_, err := w.w.Write(out)
	return n, err
}

// appendLine begins with the end of the line before: the last one has it from what comes behind the part.
func (w *base64Writer) appendLine(out []byte) []byte {
	if w.any {
		out = append(out, "\r\n"...)
	}
	out = base64.StdEncoding.AppendEncode(out, w.held)
	w.held, w.any = w.held[:0], true
	return out
}

// Close implements io.Closer.
func (w *base64Writer) Close() error {
	var out []byte
	if len(w.held) > 0 {
		out = w.appendLine(out)
	}
	if w.final && w.any {
		out = append(out, "\r\n"...)
	}
	_, err := w.w.Write(out)
	return err
}
