// Package collation has the comparators by which IMAP compares texts (RFC 4790): i;unicode-casemap (RFC 5051), which is the default
// everywhere, i;ascii-casemap and i;octet.
//
// A comparator is a map from texts to keys. Two texts are equal when their keys are, one is within another when its key is, and they
// stand in the order of their keys, octet by octet. Every map goes character by character, so that a text can be mapped in pieces, and
// a mapped text can be mapped again without a change.
//
// Texts are UTF-8. Octets that are not are kept as they are.
package collation

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Collation is a comparator. The zero value is the default, UnicodeCasemap.
type Collation uint8

// The comparators.
const (
	UnicodeCasemap Collation = iota // RFC 5051
	ASCIICasemap                    // RFC 4790 9.2: the 26 letters of ASCII in capitals
	Octet                           // RFC 4790 9.3

	// Count is how many there are.
	Count = iota
)

// Default is the comparator of those who have not asked for another.
const Default = UnicodeCasemap

// String is the name in the registry of RFC 4790.
func (c Collation) String() string {
	return [...]string{"i;unicode-casemap", "i;ascii-casemap", "i;octet"}[c]
}

// Match yields the comparators that a pattern names (RFC 4790 3.2), best first: a name, a name with "*" in the place of any octets, or
// "default".
//
//	collation-wild = ("*" / (ALPHA ["*"])) *(collation-char ["*"])
func Match(pattern string) []Collation {
	if strings.EqualFold(pattern, "default") {
		return []Collation{Default}
	}
	var out []Collation
	for c := range Collation(Count) {
		if wild(pattern, c.String()) {
			out = append(out, c)
		}
	}
	return out
}

// wild compares a name with a pattern. Names are short and patterns cannot be long: those that are match nothing.
func wild(pattern, name string) bool {
	if len(pattern) > 254 { // RFC 4790 3.1
		return false
	}
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		head, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(name, head)
		}
		i := strings.Index(name, head)
		if i < 0 {
			return false
		}
		name = name[i+len(head):]
	}
}

// AppendKey appends the key of a text. A character must not be cut in two between one text and the next.
func (c Collation) AppendKey(dst, text []byte) []byte {
	switch c {
	case Octet:
		return append(dst, text...)
	case ASCIICasemap:
		return appendUpper(dst, text)
	}
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] < utf8.RuneSelf {
			n++
		}
		dst = appendUpper(dst, text[:n])
		for text = text[n:]; len(text) > 0 && text[0] >= utf8.RuneSelf; {
			r, size := utf8.DecodeRune(text)
			dst = appendMapped(dst, r, text[:size])
			text = text[size:]
		}
	}
	return dst
}

// Key is the key of a text as a string.
func (c Collation) Key(text string) string {
	if c == Octet {
		return text
	}
	return string(c.AppendKey(make([]byte, 0, len(text)+8), []byte(text)))
}

// Compare says which of two texts comes first: -1, 0 or 1.
func (c Collation) Compare(a, b string) int { return strings.Compare(c.Key(a), c.Key(b)) }

func appendUpper(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, text...)
	for i, b := range dst[start:] {
		if 'a' <= b && b <= 'z' {
			dst[start+i] = b - 0x20
		}
	}
	return dst
}

// appendMapped appends what one character, not of ASCII, becomes (RFC 5051 2): its titlecase, and of that the decomposition, whose
// characters are mapped in their turn. Marks stay in the order in which they come, and Hangul syllables, which have
// no decomposition in Unicode's table, stay whole.
func appendMapped(dst []byte, r rune, raw []byte) []byte {
	if r == utf8.RuneError && len(raw) == 1 {
		return append(dst, raw[0])
	}
	if r >= 0x2E80 && r < 0xA640 || r >= 0xAC00 && r < 0xD7A4 {
		// East Asian scripts: most of them are neither cased nor made of others.
		if r >= 0x3400 && r < 0xA000 || r >= 0xAC00 {
			return append(dst, raw...)
		}
	}
	title := unicode.ToTitle(r)
	if title != r {
		raw = utf8.AppendRune(nil, title)
	}
	parts := norm.NFKD.Properties(raw).Decomposition()
	if parts == nil {
		return append(dst, raw...)
	}
	for len(parts) > 0 {
		p, size := utf8.DecodeRune(parts)
		dst = utf8.AppendRune(dst, unicode.ToTitle(p))
		parts = parts[size:]
	}
	return dst
}
