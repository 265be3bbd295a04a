package transfer

import (
	"bufio"
	"bytes"
	"io"
)

// mboxReader reads a message out of an mbox as it was before it came there: without the mbox's fields, and with
// quoted lines as they were. It looks only at the beginnings of lines, so its memory does not depend on them.
type mboxReader struct {
	r       *bufio.Reader
	quoting Quoting
	fields  fieldFilter
	body    bool
	drop    bool   // the rest of this line goes
	inLine  bool   // the next octets go on with a line
	rest    []byte // to be given out; part of r's buffer
}

func newMboxReader(r io.Reader, quoting Quoting) *mboxReader {
	return &mboxReader{r: bufio.NewReader(r), quoting: quoting}
}

// Read implements io.Reader.
func (m *mboxReader) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		part, err := m.r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			err = nil
		}
		if len(part) == 0 {
			return 0, err
		}
		if !m.inLine {
			part = m.begin(part)
		}
		m.inLine = len(part) == 0 || part[len(part)-1] != '\n'
		if m.drop {
			if m.drop = m.inLine; !m.drop {
				m.inLine = false
			}
			continue
		}
		m.rest = part
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// begin looks at the beginning of a line.
func (m *mboxReader) begin(line []byte) []byte {
	if !m.body {
		if m.body = blank(line); !m.body {
			m.drop = m.fields.strips(line)
		}
		return line
	}
	quotes := 0
	for quotes < len(line) && line[quotes] == '>' {
		quotes++
	}
	quoted := quotes > 0 && bytes.HasPrefix(line[quotes:], []byte(fromLine))
	if quoted && (m.quoting == QuoteO && quotes == 1 || m.quoting != QuoteO && m.quoting != QuoteNone) {
		return line[1:]
	}
	return line
}
