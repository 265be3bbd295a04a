package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strings"
)

// Canonicalizations (RFC 6376 3.4).
const (
	simple  = "simple"
	relaxed = "relaxed"
)

// appendHeader appends a field, line end included, in canonical form.
func appendHeader(b, field []byte, canon string) []byte {
	if canon == simple { // RFC 6376 3.4.1
		return append(b, field...)
	}
	// RFC 6376 3.4.2: the name in lower case, no white space around the colon, runs of it one space, none at the end.
	name, value, _ := bytes.Cut(field, []byte(":"))
	b = append(b, strings.ToLower(string(bytes.TrimRight(name, " \t")))...)
	b = append(b, ':')
	first := true
	for word := range bytes.FieldsFuncSeq(value, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
		if !first {
			b = append(b, ' ')
		}
		b, first = append(b, word...), false
	}
	return append(b, "\r\n"...)
}

// AppendRelaxed appends a field in relaxed form, line end included (RFC 6376 3.4.2).
func AppendRelaxed(b, field []byte) []byte { return appendHeader(b, field, relaxed) }

// bodyHash is the hash of a body in canonical form. Limit is how many canonical octets count, all of them where it is negative.
type bodyHash struct {
	relaxed bool
	limit   int64

	sum   hash.Hash
	size  int64 // canonical octets so far
	lines int   // line ends that are held back: those at the end of the body do not count
	space bool  // white space that is held back (relaxed)
	cr    bool  // a CR that may begin a line end
	buf   []byte
}

func newBodyHash(canon string, limit int64) *bodyHash {
	return &bodyHash{relaxed: canon == relaxed, limit: limit, sum: sha256.New(), buf: make([]byte, 0, bufferSize)}
}

const bufferSize = 4 << 10

// write takes octets of the body (RFC 6376 3.4.3, 3.4.4).
func (b *bodyHash) write(p []byte) {
	for len(p) > 0 {
		c := p[0]
		if b.cr {
			b.cr = false
			if c == '\n' {
				b.lines++
				b.space = false
				p = p[1:]
				continue
			}
			b.content([]byte{'\r'})
		}
		switch {
		case c == '\r':
			b.cr = true
			p = p[1:]
		case b.relaxed && (c == ' ' || c == '\t'):
			b.space = true
			p = p[1:]
		default:
			n := b.run(p)
			b.content(p[:n])
			p = p[n:]
		}
	}
}

// run is how many octets at the beginning of p stand for themselves.
func (b *bodyHash) run(p []byte) int {
	if !b.relaxed {
		if i := bytes.IndexByte(p, '\r'); i >= 0 {
			return i
		}
		return len(p)
	}
	for i, c := range p {
		if c <= ' ' && (c == ' ' || c == '\r' || c == '\t') {
			return i
		}
	}
	return len(p)
}

// content writes what was held back, and p.
func (b *bodyHash) content(p []byte) {
	for ; b.lines > 0; b.lines-- {
		b.emit([]byte("\r\n"))
	}
	if b.space {
		b.space = false
		b.emit([]byte{' '})
	}
	if len(p) > bufferSize/8 {
		b.flush()
		b.hash(p)
		return
	}
	b.emit(p)
}

func (b *bodyHash) emit(s []byte) {
	if len(b.buf)+len(s) > cap(b.buf) {
		b.flush()
	}
	b.buf = append(b.buf, s...)
}

func (b *bodyHash) flush() {
	b.hash(b.buf)
	b.buf = b.buf[:0]
}

func (b *bodyHash) hash(p []byte) {
	n := int64(len(p))
	if b.limit >= 0 {
		n = min(n, max(b.limit-b.size, 0))
	}
	b.sum.Write(p[:n])
	b.size += int64(len(p))
}

// finish returns the hash. It may be called again.
func (b *bodyHash) finish() []byte {
	if b.cr {
		b.cr = false
		b.content([]byte{'\r'})
	}
	b.flush()
	// All line ends at the end are one, which comes where there was none. An empty body is one (simple) or nothing (relaxed).
	if b.lines >= 0 && (b.size > 0 || !b.relaxed) {
		b.hash([]byte("\r\n"))
	}
	b.lines = -1
	return b.sum.Sum(nil)
}
