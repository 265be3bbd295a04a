// Package charset turns text in any charset that mail is written in into UTF-8.
//
// Model: a [Decoder] is a push machine. It is given bytes in any slices and
// appends UTF-8 to a buffer of the caller's; what it cannot decide yet (the
// first half of a character, a shift state) it keeps, a few bytes at most.
// Where the slices are cut never changes the result.
//
// Invariants: the output is always valid UTF-8, whatever the input. A byte that
// means nothing becomes U+FFFD and the text goes on behind it; no decoder fails.
//
// Names are looked up the way mail spells them, not the way IANA does: case and
// punctuation do not count, and the names of vendors are known (cp932, cp-850,
// x-sjis, ks_c_5601-1987). A charset that is a subset of another is read as the
// larger one, as every mail reader does: ISO-8859-1 as windows-1252, GB2312 as
// GB18030, EUC-KR as CP949.
//
// This package is the only user of golang.org/x/text/encoding. It does not
// encode, does not detect a language, and does not look at markup.
package charset

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// A Decoder turns one text into UTF-8. It is not safe for concurrent use and
// serves one text only.
type Decoder interface {
	// Append decodes src and appends the result to dst. All of src is taken.
	// With end set the text is over: what is still undecided becomes U+FFFD.
	// src may alias nothing that dst's spare room covers.
	Append(dst, src []byte, end bool) []byte
}

// NewDecoder returns a decoder for the named charset and whether the name is
// known. For an unknown name, as for an empty one, the decoder guesses: bytes
// that form UTF-8 are taken as such, all others as windows-1252.
func NewDecoder(name string) (d Decoder, known bool) {
	if strings.EqualFold(name, "utf-8") { // spare the most frequent name the rest
		return new(utf8Decoder), true
	}
	if name == "" {
		return new(guessDecoder), false
	}
	key := fold(name)
	switch key {
	case "utf8", "unicode11utf8", "unicode20utf8", "xunicode20utf8", "utf8mb4", "cp65001", "cesu8":
		return new(utf8Decoder), true
	case "usascii", "ascii", "ansix341968", "ansix341986", "iso646us", "iso646irv1991", "isoir6", "cp367", "ibm367", "us", "646", "csascii", "ansix34":
		return new(guessDecoder), true
	case "utf7", "unicode11utf7", "csunicode11utf7", "xunicode20utf7", "csutf7", "cp65000":
		return new(utf7Decoder), true
	case "utf16", "utf16le", "utf16be", "csutf16", "csutf16le", "csutf16be", "ucs2", "iso10646ucs2", "csunicode", "unicode", "cp1200", "cp1201", "unicodefffe", "unicodefeff", "ucs2le", "ucs2be":
		return newWide(key, 2), true
	case "utf32", "utf32le", "utf32be", "csutf32", "csutf32le", "csutf32be", "ucs4", "iso10646ucs4", "csucs4", "ucs4le", "ucs4be", "cp12000", "cp12001":
		return newWide(key, 4), true
	case "iso2022kr", "csiso2022kr", "cp50225":
		return newISO2022KR(), true
	case "iso2022cn", "iso2022cnext", "csiso2022cn", "csiso2022cnext", "cp50227":
		return newISO2022CN(), true
	case "johab", "cp1361", "mscp1361", "ksc5601johab":
		return new(johabDecoder), true
	}
	if e := lookup(key); e != nil {
		return &textDecoder{t: e.NewDecoder()}, true
	}
	if page := codePage(key); page != "" {
		return &pageDecoder{high: []rune(page)}, true
	}
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil && e != encoding.Replacement {
		return &textDecoder{t: e.NewDecoder()}, true
	}
	return new(guessDecoder), false
}

// Known reports whether the named charset can be decoded. IMAP's SEARCH
// answers BADCHARSET for the others (RFC 9051 6.4.4).
func Known(name string) bool {
	_, known := NewDecoder(name)
	return known
}

// Decode returns b, a whole text in the named charset, as UTF-8.
func Decode(name string, b []byte) string {
	return string(Append(make([]byte, 0, len(b)+len(b)/2+8), name, b))
}

// Append appends b, a whole text in the named charset, to dst as UTF-8.
func Append(dst []byte, name string, b []byte) []byte {
	d, _ := NewDecoder(name)
	return d.Append(dst, b, true)
}

// Stateful reports whether text in the named charset may carry shift states or
// escape sequences. Two stretches of such text cannot be joined before they are
// decoded: each begins in the initial state (RFC 2047 3).
func Stateful(name string) bool {
	key := fold(name)
	switch {
	case len(key) >= 7 && key[:7] == "iso2022", len(key) >= 9 && key[:9] == "csiso2022":
		return true
	}
	switch key {
	case "utf7", "unicode11utf7", "hzgb2312", "hz", "cp50220", "cp50221", "cp50222", "cp50225", "cp50227", "csiso2022jp", "jis":
		return true
	}
	return false
}

// fold reduces a charset's name to its lower-case letters and digits.
func fold(name string) string {
	const longest = 48 // the longest registered alias has 45 characters
	var buf [longest]byte
	n := 0
	for i := 0; i < len(name) && n < longest; i++ {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '*': // RFC 2231 5: a language follows
			return string(buf[:n])
		default:
			continue
		}
		buf[n] = c
		n++
	}
	return string(buf[:n])
}
