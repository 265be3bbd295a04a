package search

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A fuzzy search looks for words, not for a text: in any order, without their
// accents, by how they begin, and without a common ending. So "Imports" finds
// "importing" and "cafés" finds "Cafe". What is written without spaces is found
// wherever it stands.

// maxWords bounds the words of one fuzzy key.
const maxWords = 16

// Words are the keys of the words of k's text: where k looks, each is found in a
// message that has a word that begins so. A text without words gives k itself.
func (k Key) Words() []Key {
	var keys []Key
	for _, w := range wordsOf(bareText(nil, k.needle)) {
		w = stem(w)
		if !slices.ContainsFunc(keys, func(o Key) bool { return bytes.Equal(o.needle, w) }) && len(keys) < maxWords {
			keys = append(keys, Key{in: k.in, name: k.name, field: k.field, needle: w, exact: w, word: true})
		}
	}
	if keys == nil {
		return []Key{k}
	}
	return keys
}

// bareText appends folded text without accents.
func bareText(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if n := asciiPrefix(text[i:]); n > 0 {
			dst = append(dst, text[i:i+n]...)
			i += n
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case isAccent(r):
		case mayHaveAccent(r):
			dst = utf8.AppendRune(dst, bare(r))
		default:
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return dst
}

func asciiPrefix(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}

// Kinds of letters, for where words begin and end.
const (
	letterNone  = iota // no part of a word
	letterPart         // of a word
	letterDense        // a word may begin and end here
)

func letterKind(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return letterPart
		}
		return letterNone
	case r >= 0x20000 && r < 0x40000, r < 0x10000 && isDense(uint16(r)), unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return letterDense
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
		return letterPart
	}
	return letterNone
}

// wordsOf splits bare text into words.
func wordsOf(text []byte) (words [][]byte) {
	start, kind := 0, letterNone
	for i := 0; i <= len(text); {
		next, n := letterNone, 1
		if i < len(text) {
			var r rune
			r, n = utf8.DecodeRune(text[i:])
			next = letterKind(r)
		}
		if next != kind {
			if kind != letterNone {
				words = append(words, text[start:i])
			}
			start, kind = i, next
		}
		i += n
	}
	return words
}

// leastStem is how many letters of a word stay.
const leastStem = 4

// stem takes a common ending off a word, so that its other forms begin with what
// stays.
func stem(word []byte) []byte {
	letters := utf8.RuneCount(word)
	if r, _ := utf8.DecodeRune(word); letterKind(r) == letterDense || letters <= leastStem {
		return word
	}
	if len(word) > letters { // no Latin: most endings change the last letter
		_, n := utf8.DecodeLastRune(word)
		if letters > leastStem+1 {
			return word[:len(word)-n]
		}
		return word
	}
	for _, ending := range [...]string{"INGLY", "INGS", "ING", "EDLY", "IES", "IED", "ED", "ES", "LY", "EN", "ER", "EM", "S", "E", "Y"} {
		if rest, ok := bytes.CutSuffix(word, []byte(ending)); ok && len(rest) >= leastStem {
			return rest
		}
	}
	return word
}

// beginnings counts the words of bare text that begin with a stem, and those of them
// that are no longer than it.
func beginnings(text, stem []byte) (all, whole int) {
	first, _ := utf8.DecodeRune(stem)
	anywhere := letterKind(first) == letterDense
	for at := 0; ; {
		i := bytes.Index(text[at:], stem)
		if i < 0 {
			return all, whole
		}
		i += at
		end := i + len(stem)
		before, _ := utf8.DecodeLastRune(text[:i])
		if anywhere || i == 0 || letterKind(before) != letterPart {
			all++
			if after, _ := utf8.DecodeRune(text[end:]); anywhere || end == len(text) || letterKind(after) != letterPart {
				whole++
			}
		}
		at = end
	}
}

// hasBeginning says whether a word of bare text begins with a stem.
func hasBeginning(text, stem []byte) bool {
	first, _ := utf8.DecodeRune(stem)
	for at := 0; ; {
		i := bytes.Index(text[at:], stem)
		if i < 0 {
			return false
		}
		i += at
		before, _ := utf8.DecodeLastRune(text[:i])
		if i == 0 || letterKind(before) != letterPart || letterKind(first) == letterDense {
			return true
		}
		at = i + len(stem)
	}
}
