package milter

import "bytes"

// field is a header field as it came: its name, and all after the colon without the line end, folded lines with LF between them, as filters are used to.
type field struct{ name, value string }

// maxField bounds what is shown of one field, maxFields how many are; more are not shown.
const (
	maxField  = 60 << 10
	maxFields = 2000
)

// splitter takes the header apart while it comes. The message has CRLF line ends.
type splitter struct {
	line  []byte // the beginning of a line that has not ended
	field []byte // the field so far, with LF line ends
	count int
	done  bool
}

// next takes octets up to the end of a field, or of the header; then done is set. whole says that there is a field; rest is what was not taken.
func (s *splitter) next(p []byte) (f field, whole bool, rest []byte) {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.line = add(s.line, p)
			return field{}, false, nil
		}
		s.line = add(s.line, p[:i])
		p = p[i+1:]
		line := bytes.TrimSuffix(s.line, []byte("\r"))
		folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		switch {
		case folded && len(s.field) > 0:
			s.field = add(add(s.field, []byte("\n")), line)
		case len(line) == 0:
			s.done = true
			f, whole = s.take()
		default:
			f, whole = s.take()
			s.field = append(s.field[:0], line...)
		}
		s.line = s.line[:0]
		if whole || s.done {
			return f, whole, p
		}
	}
}

// add appends up to a bound.
func add(to, more []byte) []byte {
	return append(to, more[:min(len(more), max(maxField-len(to), 0))]...)
}

// take is the field that has been gathered. What is none, and what is too many, is passed over.
func (s *splitter) take() (field, bool) {
	if len(s.field) == 0 {
		return field{}, false
	}
	name, value, ok := bytes.Cut(s.field, []byte(":"))
	f := field{string(bytes.TrimRight(name, " \t")), string(value)}
	s.field = s.field[:0]
	s.count++
	return f, ok && f.name != "" && s.count <= maxFields
}

// rest is what ends the header of a message that has no body.
func (s *splitter) rest() []byte {
	if len(s.line) > 0 {
		return []byte("\r\n\r\n")
	}
	return []byte("\r\n")
}
