package pop3wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// DotWriter sends the text of a multi-line reply, doubling dots at the
// beginning of lines (RFC 1939 3), as SMTP does for DATA. It looks at blocks,
// not at lines, and allocates nothing. The zero DotWriter with W set is ready.
type DotWriter struct {
	W *bufio.Writer

	n    int64 // octets of text so far
	last [2]byte
}

// Write implements io.Writer. Lines must end with CRLF.
func (d *DotWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	rest := p
	if p[0] == '.' && (d.n == 0 || d.last[1] == '\n') {
		d.W.WriteByte('.')
	}
	for {
		at := bytes.Index(rest, []byte("\n."))
		if at < 0 {
			break
		}
		d.W.Write(rest[:at+2])
		d.W.WriteByte('.')
		rest = rest[at+2:]
	}
	if _, err := d.W.Write(rest); err != nil { // bufio's errors are sticky
		return 0, err
	}
	d.n += int64(len(p))
	if len(p) > 1 {
		d.last[0] = p[len(p)-2]
	} else {
		d.last[0] = d.last[1]
	}
	d.last[1] = p[len(p)-1]
	return len(p), nil
}

// Octets is how much text was written, dots not doubled.
func (d *DotWriter) Octets() int64 { return d.n }

// Close ends the reply, and the last line where it has no end. It does not
// close or flush W.
func (d *DotWriter) Close() error {
	if d.n > 0 && string(d.last[:]) != "\r\n" {
		d.W.WriteString("\r\n")
	}
	_, err := d.W.WriteString(".\r\n")
	return err
}

var _ io.WriteCloser = (*DotWriter)(nil)

// DotReader is the client's end of a multi-line reply: it reads the text up to
// the line with the dot, undoes the doubling, keeps CRLF, and then returns
// io.EOF. The zero DotReader with R set is ready.
type DotReader struct {
	R *bufio.Reader

	line  []byte // rest of what was read from R
	inner bool   // line goes on from an earlier part of the same line
	done  bool
}

// Read implements io.Reader.
func (d *DotReader) Read(p []byte) (int, error) {
	for len(d.line) == 0 {
		if d.done {
			return 0, io.EOF
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.line)
	d.line = d.line[n:]
	return n, nil
}

func (d *DotReader) next() error {
	line, err := d.R.ReadSlice('\n')
	whole := err == nil
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if !d.inner && line[0] == '.' {
		if d.done = string(line) == ".\r\n" || string(line) == ".\n"; d.done {
			return nil
		}
		line = line[1:]
	}
	d.line, d.inner = line, !whole
	return nil
}

var _ io.Reader = (*DotReader)(nil)
