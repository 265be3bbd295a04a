package search

import (
	"bytes"

	"restante/internal/proto/mime"
)

// Key is a text to look for, and where. Make it with NewKey. It is immutable.
type Key struct {
	in     mask   // classes that it looks in
	field  []byte // folded, with ": "; nil but for a Field
	needle []byte // folded
}

// mask is a set of classes.
type mask uint16

const (
	maskHeader = 1<<classSubject | 1<<classFrom | 1<<classTo | 1<<classCc | 1<<classBcc | 1<<classField
	maskAll    = 1<<classes - 1
)

func (m mask) has(c class) bool { return m&(1<<c) != 0 }

// Body looks into the body: what its readers see of it, in all text parts, with
// the names of attachments and all of a message within (RFC 9051 6.4.4, BODY).
func Body(text string) Key { return Key{in: 1 << classBody, needle: Fold(text)} }

// Text looks into the body and all headers (RFC 9051 6.4.4, TEXT).
func Text(text string) Key { return Key{in: maskAll, needle: Fold(text)} }

// Field looks into the fields of that name in the message's header; an empty text
// is found when there is one (RFC 9051 6.4.4, HEADER).
func Field(name, text string) Key {
	return Key{in: 1 << classOf([]byte(name)), field: Fold(name + ": "), needle: Fold(text)}
}

// InHeader says that the message's header alone decides.
func (k *Key) InHeader() bool { return k.field != nil }

// MatchHeader says whether a Field is found in a message's header.
func (k *Key) MatchHeader(header []byte) bool {
	for f := range mime.Fields(header) {
		if !k.in.has(classOf(f.Name)) || len(f.Name) >= len(k.field) && isASCII(f.Name) {
			continue
		}
		line := appendFold(nil, string(f.Name)+": ")
		if name := len(line); bytes.Equal(line, k.field) {
			c, text := classOf(f.Name), f.Text()
			if k.line(c, appendFold(line, mime.DecodeHeader(text)), name) {
				return true
			}
			if specs := addresses(c, text); specs != "" && k.line(c, appendFold(line, specs), name) {
				return true
			}
		}
	}
	return false
}

func isASCII(b []byte) bool { return asciiRun(b) == len(b) }

// line says whether the key is found in a line; see visitor.
func (k *Key) line(c class, text []byte, name int) bool {
	if !k.in.has(c) {
		return false
	}
	if k.field != nil {
		return bytes.Equal(text[:name], k.field) && bytes.Contains(text[name:], k.needle)
	}
	return bytes.Contains(text, k.needle)
}
