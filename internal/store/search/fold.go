package search

import (
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a text into the form in which texts are compared: compatible
// characters are one (NFKC), and so are upper and lower case (full case folding).
// It is the form that the index keeps, so that a search finds the same with it
// and without.
func Fold(s string) []byte {
	var f folder
	return f.append(make([]byte, 0, len(s)), []byte(s), true)
}

// folder folds a text that comes in pieces. Where it is cut changes nothing.
type folder struct {
	held []byte // may yet combine with what follows
	tmp  []byte
}

// maxHeld bounds what is held back: a letter with more marks than that is no letter.
const maxHeld = 1 << 10

// append appends the folded text to dst. With end the text is over.
func (f *folder) append(dst, src []byte, end bool) []byte {
	if len(f.held) > 0 {
		src = append(f.held, src...)
		f.held = nil
	}
	if !end {
		cut := norm.NFKC.LastBoundary(src)
		if cut < 0 || len(src)-cut > maxHeld {
			cut = len(src)
			if len(src) <= maxHeld {
				cut = 0
			}
		}
		f.held = append([]byte(nil), src[cut:]...)
		src = src[:cut]
	}
	for len(src) > 0 {
		n := asciiRun(src)
		dst = appendLower(dst, src[:n])
		src = src[n:]
		n = otherRun(src)
		dst = f.appendOther(dst, src[:n])
		src = src[n:]
	}
	return dst
}

// asciiRun is how many octets at the front are ASCII that nothing behind can combine with.
func asciiRun(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return max(i-1, 0)
		}
	}
	return len(b)
}

// otherRun is how many octets come before the next stretch of ASCII that is worth its own treatment.
func otherRun(b []byte) int {
	const worth = 16
	ascii := 0
	for i, c := range b {
		if c >= utf8.RuneSelf {
			ascii = 0
		} else if ascii++; ascii == worth && i >= worth {
			return i - worth + 2
		}
	}
	return len(b)
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func (f *folder) appendOther(dst, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	f.tmp = norm.NFKC.Append(f.tmp[:0], b...)
	return append(dst, cases.Fold().Bytes(f.tmp)...)
}

// appendFold is Fold into dst.
func appendFold(dst []byte, s string) []byte {
	var f folder
	return f.append(dst, []byte(s), true)
}
