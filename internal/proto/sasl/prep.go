package sasl

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// ErrPrep means that a string has no prepared form, or an empty one.
var ErrPrep = errors.New("sasl: the string cannot be prepared")

// Prep is SASLprep (RFC 4013): the form in which user names and passwords are
// compared and hashed. Both ends of a comparison must go through it, and so
// must a password before it is hashed for storage.
//
// deviates: code points that Unicode 3.2 had not assigned are allowed in
// stored strings too. Emoji are younger, people use them, and a password that
// may be tried but not set would help nobody. NFKC is that of today's Unicode,
// which by its stability policy differs from 3.2 only for those.
func Prep(s string) (string, error) {
	if isPrinting(s) {
		return s, nil
	}
	if !utf8.ValidString(s) {
		return "", ErrPrep
	}
	s = norm.NFKC.String(strings.Map(prepMap, s))
	if s == "" || strings.ContainsFunc(s, prohibited) || !bidiOK(s) {
		return "", ErrPrep
	}
	return s, nil
}

// isPrinting is the fast path: what has no prepared form but itself.
func isPrinting(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// prepMap is RFC 4013 2.1: RFC 3454's B.1 vanishes, C.1.2 becomes a space.
// (ZERO WIDTH SPACE is in both, and vanishes.)
func prepMap(r rune) rune {
	switch {
	case unicode.Is(toNothing, r):
		return -1
	case unicode.Is(otherSpaces, r):
		return ' '
	}
	return r
}

func prohibited(r rune) bool {
	return r&0xfffe == 0xfffe || // C.4 in every plane
		unicode.Is(prohibitedTable, r)
}

// bidiOK is RFC 3454 6: a string with a character that is read from right to
// left begins and ends with such, and has none that is read from left to right.
func bidiOK(s string) bool {
	var hasRandAL, hasL, first, last bool
	for i, r := range s {
		p, _ := bidi.LookupRune(r)
		randAL := p.Class() == bidi.R || p.Class() == bidi.AL
		hasRandAL = hasRandAL || randAL
		hasL = hasL || p.Class() == bidi.L
		if i == 0 {
			first = randAL
		}
		last = randAL
	}
	return !hasRandAL || first && last && !hasL
}

// RFC 3454 B.1.
var toNothing = &unicode.RangeTable{R16: []unicode.Range16{
	{0x00ad, 0x00ad, 1}, {0x034f, 0x034f, 1}, {0x1806, 0x1806, 1}, {0x180b, 0x180d, 1},
	{0x200b, 0x200d, 1}, {0x2060, 0x2060, 1}, {0xfe00, 0xfe0f, 1}, {0xfeff, 0xfeff, 1},
}, LatinOffset: 1}

// RFC 3454 C.1.2.
var otherSpaces = &unicode.RangeTable{R16: []unicode.Range16{
	{0x00a0, 0x00a0, 1}, {0x1680, 0x1680, 1}, {0x2000, 0x200b, 1}, {0x202f, 0x202f, 1},
	{0x205f, 0x205f, 1}, {0x3000, 0x3000, 1},
}, LatinOffset: 1}

// RFC 3454 C.1.2, C.2.1, C.2.2, C.3 and C.5 to C.9, and C.4's first part.
var prohibitedTable = &unicode.RangeTable{R16: []unicode.Range16{
	{0x0000, 0x001f, 1}, {0x007f, 0x00a0, 1}, {0x0340, 0x0341, 1}, {0x06dd, 0x06dd, 1},
	{0x070f, 0x070f, 1}, {0x1680, 0x1680, 1}, {0x180e, 0x180e, 1}, {0x2000, 0x200f, 1},
	{0x2028, 0x202f, 1}, {0x205f, 0x2063, 1}, {0x206a, 0x206f, 1}, {0x2ff0, 0x2ffb, 1},
	{0x3000, 0x3000, 1}, {0xd800, 0xf8ff, 1}, {0xfdd0, 0xfdef, 1}, {0xfeff, 0xfeff, 1},
	{0xfff9, 0xfffd, 1},
}, R32: []unicode.Range32{
	{0x1d173, 0x1d17a, 1}, {0xe0001, 0xe0001, 1}, {0xe0020, 0xe007f, 1},
	{0xf0000, 0xffffd, 1}, {0x100000, 0x10fffd, 1},
}, LatinOffset: 2}
