package smtpwire

import (
	"bufio"
	"bytes"
	"io"
)

// ChunkReader reads the chunks that follow the BDAT commands of one message (RFC
// 3030 2). It keeps what spans chunks: the size, a fault, and, in text, a CR at
// the end of one whose LF begins the next. It is for one goroutine.
type ChunkReader struct {
	lim    Limits
	binary bool

	br    *bufio.Reader
	left  int64 // octets of this chunk that are still in the stream
	last  bool
	cr    bool // text: the octet before was a CR
	size  int64
	fault error
	err   error
}

// NewChunkReader returns a reader for a message. With binary, which is for
// BODY=BINARYMIME, chunks may hold any octets; without it the rules of message
// text hold as they do for DATA, because the message may have to go on to a host
// that has no CHUNKING, and 3030 2 wants CR LF between its lines.
func NewChunkReader(binary bool, lim Limits) *ChunkReader {
	return &ChunkReader{lim: lim, binary: binary}
}

// Next begins the chunk of size octets that comes next in br. The one before must
// have been read or drained. br is used until the chunk has been.
func (c *ChunkReader) Next(br *bufio.Reader, size int64, last bool) {
	c.br, c.left, c.last = br, size, last
}

// Size returns how many octets of the message have been handed out.
func (c *ChunkReader) Size() int64 { return c.size }

// WriteTo writes the chunk to w. Errors are as for [DataReader.WriteTo]; a fault
// stays for all further chunks of the message, each of which must be drained. A
// chunk that would make the message too big is refused before it is read.
func (c *ChunkReader) WriteTo(w io.Writer) (n int64, err error) {
	if c.fault == nil && c.lim.Size > 0 && c.left > c.lim.Size-c.size {
		c.fault = ErrTooBig
	}
	for c.left > 0 && c.fault == nil {
		seg := c.peek()
		if c.err != nil {
			return n, c.err
		}
		if !c.binary {
			if c.fault = c.checkText(seg); c.fault != nil {
				break
			}
		}
		m, err := w.Write(seg)
		n += int64(m)
		c.size += int64(m)
		c.take(len(seg))
		if err != nil {
			return n, err
		}
	}
	if c.fault == nil && c.last && c.cr {
		c.fault = ErrBareCR
	}
	return n, c.fault
}

// checkText looks for what message text may not hold, with c.cr for the octet
// before w.
func (c *ChunkReader) checkText(w []byte) error {
	n := 0
	if c.cr {
		if w[0] != '\n' {
			return ErrBareCR
		}
		n, c.cr = 1, false
	}
	for n < len(w) {
		more, _, err := scanLines(w[n:])
		n += more
		if err != nil {
			return err
		}
		if n < len(w) && w[n] == '\r' { // the last octet: scanLines saw to that
			c.cr = true
			n++
		}
	}
	return nil
}

// peek returns what is at hand of the chunk, waiting for one octet.
func (c *ChunkReader) peek() []byte {
	if _, err := c.br.Peek(1); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		c.err = err
		return nil
	}
	w, _ := c.br.Peek(int(min(int64(c.br.Buffered()), c.left)))
	return w
}

func (c *ChunkReader) take(n int) {
	c.br.Discard(n) // buffered: cannot fail
	c.left -= int64(n)
}

// Drain reads and throws away what is left of the chunk. Its results are those
// of [DataReader.Drain]; a chunk with more than Limits.Drain octets left is not
// begun.
func (c *ChunkReader) Drain() error {
	if c.err == nil && c.left > c.lim.Drain {
		c.err = ErrEndless
	}
	for c.left > 0 && c.err == nil {
		if w := c.peek(); c.err == nil {
			c.take(len(w))
		}
	}
	return c.err
}

// DataWriter writes message text after DATA: dot-stuffed (RFC 5321 4.5.2), with
// a CR LF at its end, and the dot.
//
// No bare CR or LF ever leaves it: each becomes a CR LF, so that no host behind
// can be made to see an end where there is none. Text with proper line ends is
// sent as it is.
type DataWriter struct {
	bw  *bufio.Writer
	bol bool // the next octet begins a line
	cr  bool // a CR is due, and perhaps its LF
}

// NewDataWriter returns a writer onto bw, which it never flushes.
func NewDataWriter(bw *bufio.Writer) *DataWriter { return &DataWriter{bw: bw, bol: true} }

// Write writes p as part of the message text.
func (d *DataWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		switch {
		case d.cr:
			d.endLine()
			if p[0] == '\n' {
				p = p[1:]
			}
			continue
		case d.bol && p[0] == '.':
			d.bw.WriteByte('.')
		}
		n := bytes.IndexByte(p, '\n')
		line := p
		if n >= 0 {
			line = p[:n]
		}
		if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
			line, n, d.cr = line[:cr], cr, true
		}
		d.bw.Write(line) // bw's errors stay and come out below
		d.bol = false
		switch {
		case n < 0:
			p = nil
		default:
			p = p[n+1:]
			if !d.cr {
				d.endLine()
			}
		}
	}
	if _, err := d.bw.Write(nil); err != nil {
		return 0, err
	}
	return total, nil
}

func (d *DataWriter) endLine() {
	d.bw.WriteString("\r\n")
	d.bol, d.cr = true, false
}

// Close ends the text: a CR LF where its last line has none, and the dot. It
// does not flush and does not close anything.
func (d *DataWriter) Close() error {
	if d.cr || !d.bol {
		d.endLine()
	}
	_, err := d.bw.WriteString(".\r\n")
	return err
}
