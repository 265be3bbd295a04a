package search

import (
	"bytes"
	"unicode/utf8"

	"restante/internal/proto/collation"
)

// Fold brings a text into the form in which texts are compared: that of
// i;unicode-casemap (RFC 5051), in which upper and lower case are one, and so are
// compatible characters, and a letter without marks is the beginning of the same
// letter with them. It is the form that the index keeps, so that a search finds
// the same with it and without.
//
// deviates: a German sharp s is two plain ones, so that a search finds more than
// RFC 5255 4.2 asks for.
func Fold(s string) []byte { return appendFold(make([]byte, 0, len(s)+8), s) }

// appendFold is Fold into dst.
func appendFold(dst []byte, s string) []byte { return appendKey(dst, []byte(s), collation.Default) }

// appendKey appends the form in which a comparator compares texts.
func appendKey(dst, text []byte, by collation.Collation) []byte {
	if by != collation.Default {
		return by.AppendKey(dst, text)
	}
	for {
		i, n := sharpS(text)
		if i < 0 {
			return by.AppendKey(dst, text)
		}
		dst = append(by.AppendKey(dst, text[:i]), "SS"...)
		text = text[i+n:]
	}
}

// sharpS finds the first sharp s, of either case, and says how long it is.
func sharpS(text []byte) (at, n int) {
	const small, capital = "\u00df", "\u1e9e"
	at, n = bytes.Index(text, []byte(small)), len(small)
	if at >= 0 {
		text = text[:at]
	}
	if i := bytes.Index(text, []byte(capital)); i >= 0 {
		return i, len(capital)
	}
	return at, n
}

// folder folds a text that comes in pieces. Where it is cut changes nothing.
type folder struct {
	by   collation.Collation
	held []byte // the beginning of a character
}

// append appends the folded text to dst. With end the text is over.
func (f *folder) append(dst, src []byte, end bool) []byte {
	if len(f.held) > 0 {
		src = append(f.held, src...)
		f.held = nil
	}
	if !end {
		cut := len(src)
		for cut > 0 && len(src)-cut < utf8.UTFMax && !utf8.RuneStart(src[cut-1]) {
			cut--
		}
		if cut > 0 && !utf8.FullRune(src[cut-1:]) {
			f.held = bytes.Clone(src[cut-1:])
			src = src[:cut-1]
		}
	}
	return appendKey(dst, src, f.by)
}
