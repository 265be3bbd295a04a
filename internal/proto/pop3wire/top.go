package pop3wire

import "bytes"

// TopCutter cuts a message to what TOP sends (RFC 1939 7): the header, the blank line
// after it, and so many lines of the body. With 0 lines that is the header and
// the blank line and nothing more.
type TopCutter struct {
	lines  int
	inBody bool
	length int  // of the line so far
	cr     bool // it begins with CR
	done   bool
}

// NewTopCutter returns a TopCutter for that many lines of body.
func NewTopCutter(lines int) *TopCutter { return &TopCutter{lines: lines} }

// Cut takes the next part of the message and returns what of it is to be sent.
// Once done is true nothing more is.
func (t *TopCutter) Cut(p []byte) (keep []byte, done bool) {
	at := 0
	for at < len(p) && !t.done {
		end := bytes.IndexByte(p[at:], '\n')
		if end < 0 {
			t.inLine(p[at:])
			return p, false
		}
		t.inLine(p[at : at+end])
		t.endLine()
		at += end + 1
	}
	return p[:at], t.done
}

func (t *TopCutter) inLine(part []byte) {
	if t.length == 0 {
		t.cr = len(part) > 0 && part[0] == '\r'
	}
	t.length += len(part)
}

func (t *TopCutter) endLine() {
	blank := t.length == 0 || t.length == 1 && t.cr
	t.length = 0
	switch {
	case t.inBody:
		t.lines--
	case blank:
		t.inBody = true
	}
	t.done = t.inBody && t.lines <= 0
}
