package search

import (
	"bytes"
	"slices"

	"restante/internal/proto/collation"
)

// Key is a text to look for, and where. Make it with NewKey. It is immutable.
type Key struct {
	in     mask   // classes that it looks in
	name   []byte // of a Field; nil for others
	field  []byte // the name folded, with ": "
	needle []byte // folded
	word   bool   // a word that begins so, without accents; see Words

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
	return Key{in: 1 << classOf([]byte(name)), name: []byte(name), field: Fold(name + ": ")}.looking(text)
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
	h := headerMatch{key: k}
	w := walker{v: &h, folder: folder{by: k.by}, only: k.name}
	w.header(header)
	return h.found
}

// headerMatch looks for one key in the fields of its name.
type headerMatch struct {
	key   *Key
	plain plainly
	found bool
}

func (h *headerMatch) wants(c class) bool { return !h.found && h.key.in.has(c) }

func (h *headerMatch) line(c class, text []byte, name int) {
	h.plain.set(text[name:])
	h.found = h.found || h.key.line(c, text, name, h.plain.get)
}

func (h *headerMatch) piece([]byte, bool, bool) {}

// line says whether the key is found in a line; see visitor. plain is the line's
// value without accents, when it is asked for.
func (k *Key) line(c class, text []byte, name int, plain func() []byte) bool {
	if !k.in.has(c) || k.field != nil && !bytes.Equal(text[:name], k.field) {
		return false
	}
	switch {
	case k.word:
		return hasBeginning(plain(), k.needle)
	case k.field != nil:
		return bytes.Contains(text[name:], k.exact)
	}
	return bytes.Contains(text, k.exact)
}

// plainly makes lines without accents, each once.
type plainly struct {
	text, buf []byte
	done      bool
}

func (p *plainly) set(text []byte) { p.text, p.done = text, false }

func (p *plainly) get() []byte {
	if !p.done {
		p.buf, p.done = bareText(p.buf[:0], p.text), true
	}
	return p.buf
}
