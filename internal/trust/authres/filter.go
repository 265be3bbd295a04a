package authres

import (
	"bytes"
	"io"
	"strings"
)

// maxField bounds a field that is held until it is whole. One in which the name of who wrote it has not come by then goes.
const maxField = 16 << 10

// Filter passes a message on without the fields that claim to be by one of our own names (RFC 8601 5): whoever reads them would believe them. It is not
// safe for concurrent use.
type Filter struct {
	to  io.Writer
	own map[string]bool

	state   state
	held    []byte // of a line or field that is not decided
	lineEnd bool   // what has passed ended with a line end
	removed int
}

type state byte

const (
	deciding state = iota // held has the beginning of a line
	holding               // held has a field that may be ours
	passing               // the line is of no interest
	dropping              // the field goes
	body
)

// NewFilter returns a Filter before a writer, for the authserv-ids that are ours.
func NewFilter(to io.Writer, own ...string) *Filter {
	f := &Filter{to: to, own: make(map[string]bool)}
	for _, name := range own {
		f.own[strings.ToLower(name)] = true
	}
	return f
}

// Removed is how many fields were taken away.
func (f *Filter) Removed() int { return f.removed }

// Write implements io.Writer. Errors are those of the writer behind.
func (f *Filter) Write(p []byte) (int, error) {
	n := len(p)
	if f.state == body {
		return f.to.Write(p)
	}
	out := make([]byte, 0, len(p)+len(f.held))
	for len(p) > 0 && f.state != body {
		line := p
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line = p[:i+1]
		}
		out = f.line(out, line)
		p = p[len(line):]
	}
	out = append(out, p...)
	if len(out) > 0 {
		if _, err := f.to.Write(out); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// Flush passes on what is held, at the end of a message without a body.
func (f *Filter) Flush() error {
	out := f.held
	if f.state != deciding { // or else it is the beginning of a line that became nothing
		out = f.end(nil)
	}
	f.held = nil
	if len(out) == 0 {
		return nil
	}
	_, err := f.to.Write(out)
	return err
}

// line takes a line, or a part of one that ends where the octets end.
func (f *Filter) line(out, p []byte) []byte {
	whole := p[len(p)-1] == '\n'
	switch f.state {
	case passing:
		if whole {
			f.state = deciding
		}
		return append(out, p...)
	case holding, dropping:
		// A line of the same field, or its end: the first octet of each says which.
		if f.lineEnd && p[0] != ' ' && p[0] != '\t' {
			out = f.end(out)
			return f.line(out, p)
		}
		f.lineEnd = whole
		if f.state == holding {
			if f.held = append(f.held, p...); len(f.held) > maxField {
				f.settle()
				if f.state == passing {
					out = append(out, f.held...)
					f.held = nil
					if whole {
						f.state = deciding
					}
				}
			}
		}
		return out
	}
	f.held = append(f.held, p...)
	return f.decide(out, whole)
}

// decide looks at the beginning of a line.
func (f *Filter) decide(out []byte, whole bool) []byte {
	name, _, colon := bytes.Cut(f.held, []byte(":"))
	trimmed := bytes.TrimRight(name, " \t\r\n")
	switch {
	case whole && len(bytes.TrimRight(f.held, "\r\n")) == 0:
		f.state = body
	case colon && bytes.EqualFold(trimmed, []byte(Field)):
		f.state, f.lineEnd = holding, whole
		return out
	case !colon && !whole && len(name) <= maxName && len(trimmed) <= len(Field) && bytes.EqualFold(trimmed, []byte(Field[:len(trimmed)])):
		return out // it may become one
	case !whole:
		f.state = passing
	}
	out = append(out, f.held...)
	f.held = f.held[:0]
	return out
}

// maxName bounds a name with white space behind it.
const maxName = 1 << 10

// end decides over the field that is held.
func (f *Filter) end(out []byte) []byte {
	if f.state == holding {
		f.settle()
		if f.state == passing {
			out = append(out, f.held...)
		}
	}
	f.held, f.state = nil, deciding
	return out
}

// settle makes passing or dropping of holding. Of a field that is too long only its beginning counts, and a name that does not end in there is nobody's.
func (f *Filter) settle() {
	text := f.held[:min(len(f.held), maxField)]
	_, value, _ := bytes.Cut(text, []byte(":"))
	id, ok := ID(string(value))
	long := len(f.held) > maxField
	if long {
		more, _ := ID(string(value) + "x")
		ok = ok && more == id
	}
	if ok && !f.own[id] || !ok && !long {
		f.state = passing
		return
	}
	f.state, f.held = dropping, nil
	f.removed++
}
