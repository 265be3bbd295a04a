package search

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"restante/internal/proto/collation"
	"restante/internal/proto/mime"
)

// Key is a text to look for, and where. Make it with NewKey. It is immutable.
type Key struct {
	in     mask   // classes that it looks in
	field  []byte // folded, with ": "; nil but for a Field
	needle []byte // folded

	by    collation.Collation
	exact []byte // the needle as by compares it: what is looked for in the text itself
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
func Body(text string) Key { return Key{in: 1 << classBody}.looking(text) }

// Text looks into the body and all headers (RFC 9051 6.4.4, TEXT).
func Text(text string) Key { return Key{in: maskAll}.looking(text) }

// Field looks into the fields of that name in the message's header; an empty text
// is found when there is one (RFC 9051 6.4.4, HEADER).
func Field(name, text string) Key {
	return Key{in: 1 << classOf([]byte(name)), field: Fold(name + ": ")}.looking(text)
}

func (k Key) looking(text string) Key {
	k.needle = Fold(text)
	k.exact = k.needle
	return k
}

// Under is the key under a comparator (RFC 5255 4.2), for the text that it was
// made with. The index, which compares by i;unicode-casemap, finds too much for
// the others: what it says is not there is not there. All keys of a Scan are under the
// same.
func (k Key) Under(by collation.Collation, text string) Key {
	k.by, k.exact = by, appendKey(nil, []byte(text), by)
	return k
}

// loosely is the keys under the comparator of the index.
func loosely(keys []Key) []Key {
	out := slices.Clone(keys)
	for i := range out {
		out[i].by, out[i].exact = collation.Default, out[i].needle
	}
	return out
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
			if k.line(c, appendKey(line, []byte(mime.DecodeHeader(text)), k.by), name) {
				return true
			}
			if specs := addresses(c, text); specs != "" && k.line(c, appendKey(line, []byte(specs), k.by), name) {
				return true
			}
		}
	}
	return false
}

func isASCII(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}

// line says whether the key is found in a line; see visitor.
func (k *Key) line(c class, text []byte, name int) bool {
	if !k.in.has(c) {
		return false
	}
	if k.field != nil {
		return bytes.Equal(text[:name], k.field) && bytes.Contains(text[name:], k.exact)
	}
	return bytes.Contains(text, k.exact)
}
