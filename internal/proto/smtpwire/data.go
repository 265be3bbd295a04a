package smtpwire

import (
	"bufio"
	"bytes"
	"io"
)

// DataReader reads the message text that follows DATA, up to and with the line
// that is a dot alone, and no further. It undoes dot-stuffing (RFC 5321 4.5.2)
// and gives the text with its CR LFs as it was sent.
//
// It reads what br has at hand without copying; give br a large buffer. br must
// hold at least 16 octets. A DataReader is for one goroutine.
type DataReader struct {
	br  *bufio.Reader
	lim Limits

	used  int    // octets of br that the last segment took
	seg   []byte // the rest of a segment that Read has begun
	bol   bool   // the next octet begins a line
	ended bool   // the end was read
	size  int64
	fault error // what is wrong with the message
	err   error // what is wrong with the stream
}

// NewDataReader returns a reader for a stream that stands just behind the CR LF
// of DATA, which counts as the one before the dot of an empty message.
func NewDataReader(br *bufio.Reader, lim Limits) *DataReader {
	return &DataReader{br: br, lim: lim, bol: true}
}

// Size returns how many octets of message text have been handed out.
func (d *DataReader) Size() int64 { return d.size }

// WriteTo writes the message text to w until its end, in pieces of at most br's
// buffer. The errors are [ErrBareCR], [ErrBareLF], [ErrNUL] and [ErrTooBig] as
// soon as they are met, w's, and the stream's (io.ErrUnexpectedEOF at its end).
// After any of them, Drain says whether the stream can be used further.
func (d *DataReader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		seg, err := d.next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := w.Write(seg)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

// Read is WriteTo in io.Reader's form; the end is io.EOF.
func (d *DataReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(d.seg) == 0 {
		seg, err := d.next()
		if err != nil {
			return 0, err
		}
		d.seg = seg
	}
	n := copy(p, d.seg)
	d.seg = d.seg[n:]
	return n, nil
}

// next returns the next piece of message text, never empty. It lies in br's
// buffer and is valid until the next call.
func (d *DataReader) next() ([]byte, error) {
	d.take()
	switch {
	case d.err != nil:
		return nil, d.err
	case d.fault != nil:
		return nil, d.fault
	case d.ended:
		return nil, io.EOF
	}
	for need := 1; ; need++ {
		w := d.peek(need)
		if d.err != nil {
			return nil, d.err
		}
		if d.bol && w[0] == '.' {
			if w = d.peek(3); d.err != nil {
				return nil, d.err
			}
			if w[1] == '\r' && w[2] == '\n' {
				d.used, d.ended = 3, true
				d.take()
				return nil, io.EOF
			}
			d.br.Discard(1) // 4.5.2: the dot was put there
			d.bol = false
			w = w[1:]
		}
		n, bol, err := scanLines(w)
		if err == nil && d.lim.Size > 0 && d.size+int64(n) > d.lim.Size {
			err = ErrTooBig
		}
		if err != nil {
			// What came before the offence is consumed; the rest is Drain's, which
			// looks for a true end from here on.
			d.used, d.bol, d.fault = n, bol, err
			d.take()
			return nil, err
		}
		if n > 0 {
			d.used, d.bol = n, bol
			d.size += int64(n)
			return w[:n:n], nil
		}
		need = len(w) // only a CR is there: wait for what follows it
	}
}

// take consumes the segment that was handed out last.
func (d *DataReader) take() {
	if d.used > 0 {
		d.br.Discard(d.used) // buffered: cannot fail
		d.used, d.seg = 0, nil
	}
}

// peek waits for n octets and returns all that are at hand.
func (d *DataReader) peek(n int) []byte {
	if d.br.Buffered() < n {
		if _, err := d.br.Peek(n); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			d.err = err
			return nil
		}
	}
	w, _ := d.br.Peek(d.br.Buffered())
	return w
}

// scanLines returns how many octets of w are message text that needs no change:
// up to a line that begins with a dot, a CR at the end of w, a bare CR or LF, or
// the end. A NUL is found somewhere before that. bol says that a line begins
// behind them.
func scanLines(w []byte) (n int, bol bool, err error) {
	for n < len(w) {
		line := w[n:]
		lf := bytes.IndexByte(line, '\n')
		if lf >= 0 {
			line = line[:lf]
		}
		switch cr := bytes.IndexByte(line, '\r'); {
		case cr < 0 && lf >= 0:
			return n + lf, false, ErrBareLF
		case cr < 0:
			n += len(line)
			bol = false
		case cr != len(line)-1:
			return n + cr, false, ErrBareCR
		case lf < 0:
			n += cr // its LF may come yet
			bol = bol && cr == 0
			return n, bol, checkNUL(w[:n])
		default:
			n += lf + 1
			bol = true
		}
		if bol && n < len(w) && w[n] == '.' {
			break
		}
	}
	return n, bol, checkNUL(w[:n])
}

func checkNUL(w []byte) error {
	if bytes.IndexByte(w, 0) >= 0 {
		return ErrNUL
	}
	return nil
}

// Drain reads and throws away what is left of the message, up to its end. It
// returns nil once the stream stands behind the end, at once where it does so
// already; [ErrEndless] after Limits.Drain octets; or the stream's error, also
// one that was returned before. After an error the connection must be closed.
func (d *DataReader) Drain() error {
	d.take()
	for left := d.lim.Drain; !d.ended; {
		if d.err == nil && left <= 0 {
			d.err = ErrEndless
		}
		if d.err != nil {
			return d.err
		}
		left -= d.drain()
	}
	return nil
}

// drain reads past some text and returns how much.
func (d *DataReader) drain() int64 {
	w := d.peek(1)
	if d.err == nil && d.bol && w[0] == '.' {
		w = d.peek(3)
	}
	if d.err != nil {
		return 0
	}
	if d.bol && w[0] == '.' && w[1] == '\r' && w[2] == '\n' {
		d.used, d.ended = 3, true
		d.take()
		return 0
	}
	n := bytes.Index(w, []byte("\r\n."))
	switch {
	case n >= 0:
		n, d.bol = n+2, true
	case bytes.HasSuffix(w, []byte("\r\n")):
		n, d.bol = len(w), true
	case len(w) == 1 && w[0] == '\r':
		if w = d.peek(2); d.err != nil {
			return 0
		}
		if n = 1; w[1] == '\n' {
			n = 2
		}
		d.bol = n == 2
	default:
		n, d.bol = len(bytes.TrimSuffix(w, []byte("\r"))), false
	}
	d.br.Discard(n)
	return int64(n)
}
