package mime

import (
	"bytes"
	"iter"
	"strings"
)

// A Field is one field of a raw header block. Its slices are parts of the block.
type Field struct {
	Name       []byte // as written, without white space before the colon; nil if there is none
	Value      []byte // raw, behind the colon, folding included, without the final line end
	Start, End int    // the whole field in the block, final line end included
}

// Is reports whether the field has the given name.
func (f *Field) Is(name string) bool { return equalFold(f.Name, name) }

// Text is the value unfolded; see [Unfold].
func (f *Field) Text() string { return Unfold(f.Value) }

// Fields iterates over the fields of a raw header block up to its blank line. A
// line without a colon, or with white space inside what would be its name, such as
// an mbox "From " line, is a field without a name.
func Fields(header []byte) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for pos := 0; pos < len(header); {
			f, ok := nextField(header, pos)
			if !ok || !yield(f) {
				return
			}
			pos = f.End
		}
	}
}

// nextField reads the field that begins at pos, false at the blank line.
func nextField(header []byte, pos int) (Field, bool) {
	f := Field{Start: pos}
	line := pos
	for {
		i := bytes.IndexByte(header[line:], '\n')
		if i < 0 {
			f.End = len(header)
			break
		}
		f.End = line + i + 1
		if line == pos && (i == 0 || i == 1 && header[line] == '\r') {
			return f, false
		}
		if f.End == len(header) || header[f.End] != ' ' && header[f.End] != '\t' {
			break // no folding (RFC 5322 2.2.3)
		}
		line = f.End
	}
	f.Value = trimLineEnd(header[pos:f.End])
	colon := bytes.IndexByte(f.Value, ':')
	if colon < 0 || bytes.IndexByte(f.Value[:colon], '\n') >= 0 {
		return f, true
	}
	name := bytes.TrimRight(f.Value[:colon], " \t") // obs-optional (RFC 5322 4.5.8)
	if len(name) > 0 && bytes.IndexByte(name, ' ') < 0 && bytes.IndexByte(name, '\t') < 0 {
		f.Name, f.Value = name, f.Value[colon+1:]
	}
	return f, true
}

func trimLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte{'\n'})
	return bytes.TrimSuffix(b, []byte{'\r'})
}

// Get returns the unfolded value of the first field of that name in a raw header
// block, and whether there is one.
func Get(header []byte, name string) (string, bool) {
	for f := range Fields(header) {
		if f.Is(name) {
			return f.Text(), true
		}
	}
	return "", false
}

// Unfold returns a raw field value on one line: line ends go (RFC 5322 2.2.3),
// and white space at both ends. A CR on its own becomes a space, a NUL U+FFFD.
func Unfold(value []byte) string {
	value = bytes.Trim(value, " \t\r\n")
	if !needsUnfold(value) {
		return string(value)
	}
	var b strings.Builder
	b.Grow(len(value))
	for i, c := range value {
		switch {
		case c == '\r' && i+1 < len(value) && value[i+1] == '\n', c == '\n':
		case c == '\r':
			b.WriteByte(' ')
		case c == 0:
			b.WriteString("\uFFFD")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func needsUnfold(b []byte) bool {
	return bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 || bytes.IndexByte(b, 0) >= 0
}

// A FieldSet is a set of field names, for IMAP's HEADER.FIELDS and
// HEADER.FIELDS.NOT (RFC 9051 6.4.5.1). It is safe for concurrent use.
type FieldSet struct {
	names []string // lower case
	sizes uint64   // bit n: a name of n octets is in the set; bit 63: of 63 or more
}

// NewFieldSet makes a set of names; their case does not count.
func NewFieldSet(names ...string) *FieldSet {
	s := &FieldSet{names: make([]string, len(names))}
	for i, n := range names {
		s.names[i] = strings.ToLower(n)
		s.sizes |= 1 << min(len(n), 63)
	}
	return s
}

// Has reports whether the set has the name.
func (s *FieldSet) Has(name []byte) bool {
	if s.sizes&(1<<min(len(name), 63)) == 0 {
		return false
	}
	for _, n := range s.names {
		if equalFold(name, n) {
			return true
		}
	}
	return false
}

// Select appends to dst the fields of a raw header block that are in the set, as
// they are, and the blank line that ends the block, if it has one.
func (s *FieldSet) Select(dst, header []byte) []byte { return s.filter(dst, header, true) }

// Exclude appends all fields that Select leaves out, and the blank line.
func (s *FieldSet) Exclude(dst, header []byte) []byte { return s.filter(dst, header, false) }

func (s *FieldSet) filter(dst, header []byte, want bool) []byte {
	from, pos := 0, 0 // header[from:pos] is to be copied
	for pos < len(header) {
		f, ok := nextField(header, pos)
		if ok && s.Has(f.Name) != want {
			dst = append(dst, header[from:pos]...)
			from = f.End
		}
		pos = f.End
		if !ok {
			break
		}
	}
	return append(dst, header[from:pos]...)
}

// equalFold reports whether b is s but for the case of ASCII letters; s is lower
// case or mixed.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		c, d := b[i], s[i]
		if c != d && (c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
