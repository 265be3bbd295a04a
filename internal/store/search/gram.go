package search

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A text is indexed by its grams: three successive letters, or two when one of
// them belongs to a script that is written without spaces and has thousands of
// letters (Chinese, Japanese, Korean), and each of those by itself.
//
// A letter is a unit of 16 bits: the letter without its accents, so that a search
// that does not mind them finds its candidates in the same lists. Letters
// beyond the 16 bits share units. So what the lists give is never too little and
// at times too much; the texts themselves decide.
//
// A stretch of letters of the first kind ends with two ends, so that each of its
// letters begins a gram of three. A needle of one or two letters is then found as
// the beginning of grams.

// gram is three units and below them the class (4 bits): the order of the lists
// in a segment.
type gram uint64

const (
	unitEnd  = 0xffff // behind the last letter of a stretch
	unitFill = 0xfffe // in the place of letters that a short gram does not have

	classBits = 4
	classMask = 1<<classBits - 1
)

func newGram(a, b, c uint16, in class) gram {
	return gram(a)<<(32+classBits) | gram(b)<<(16+classBits) | gram(c)<<classBits | gram(in)
}

// units turns folded text into units and appends them. bare says that a letter
// was taken without its accent, or an accent left out.
func units(dst []uint16, text []byte) (out []uint16, bare bool) {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			dst = append(dst, uint16(c))
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		i += n
		u, same := unitOf(r)
		bare = bare || !same
		if u != 0 {
			dst = append(dst, u)
		}
	}
	return dst, bare
}

// unitOf is the unit of a letter, 0 for an accent by itself. same is false when
// the unit is that of another letter that people may mean too.
func unitOf(r rune) (u uint16, same bool) {
	switch {
	case r < utf8.RuneSelf:
		return uint16(r), true
	case isAccent(r):
		return 0, false
	case r >= 0x20000: // rare Chinese
		return 0xdc00 | uint16(r)&0x3ff, true
	case r >= 0x10000:
		return 0xd800 | uint16(r)&0x3ff, true
	case r >= 0xfffe: // no letters; the marks of grams
		return utf8.RuneError, true
	case mayHaveAccent(r):
		if b := bare(r); b != r {
			return uint16(b), false
		}
	}
	return uint16(r), true
}

// isDense says that a letter makes grams of one and two.
func isDense(u uint16) bool {
	return u >= 0x1100 && u <= 0x11ff || u >= 0x2e80 && (u <= 0xa4cf || u >= 0xac00 && u <= 0xd7a3 || u >= 0xdc00 && u <= 0xdfff || u >= 0xf900 && u <= 0xfaff)
}

// isAccent says that a mark only changes the letter before it: the accents of
// Latin, Greek and Cyrillic, the points of Hebrew and Arabic.
func isAccent(r rune) bool {
	return r >= 0x300 && r <= 0x36f || r >= 0x591 && r <= 0x5c7 || r >= 0x64b && r <= 0x65f || r == 0x670
}

// mayHaveAccent is true for Latin, Greek and Cyrillic.
func mayHaveAccent(r rune) bool { return r <= 0x4ff || r >= 0x1e00 && r <= 0x1fff }

// bare is a letter without its accents.
func bare(r rune) rune {
	switch r {
	case 'Ø':
		return 'O'
	case 'Ł':
		return 'L'
	case 'Đ', 'Ð':
		return 'D'
	}
	var in [utf8.UTFMax]byte
	n := utf8.EncodeRune(in[:], r)
	if d := norm.NFD.Properties(in[:n]).Decomposition(); len(d) > 0 {
		r, _ = utf8.DecodeRune(d)
	}
	return r
}

// grams appends the grams of a text's units. A gram may come more than once.
func grams(dst []gram, text []uint16, in class) []gram {
	for i, a := range text {
		rest := text[i+1:]
		if isDense(a) {
			dst = append(dst, newGram(a, unitFill, unitFill, in))
			if len(rest) > 0 {
				dst = append(dst, newGram(a, rest[0], unitFill, in))
			}
			continue
		}
		b, c := uint16(unitEnd), uint16(unitEnd)
		if len(rest) > 0 {
			if isDense(rest[0]) {
				dst = append(dst, newGram(a, rest[0], unitFill, in))
			} else if b = rest[0]; len(rest) > 1 && !isDense(rest[1]) {
				c = rest[1]
			}
		}
		dst = append(dst, newGram(a, b, c, in))
	}
	return dst
}

// pattern is what a needle's grams say about the texts that have it.
type pattern struct {
	grams []gram // of class 0: all must be there; those that overlap least come first
	// A needle of one or two letters: some gram from lo up to, not including, hi
	// must be there.
	lo, hi gram
	// whole says that a text with the grams has the needle, unless accents were
	// left out in it.
	whole bool
}

// patternOf reckons the pattern of a folded needle; ok is false when its letters
// say nothing.
func patternOf(needle []byte) (p pattern, ok bool) {
	text, bare := units(nil, needle)
	shared := false // units that other letters may have
	for _, u := range text {
		shared = shared || u >= 0xd800 && u <= 0xdfff || u == utf8.RuneError
	}
	p.whole = !bare && !shared
	switch n := len(text); {
	case n == 0:
		return p, false
	case n == 1 && !isDense(text[0]):
		p.lo, p.hi = newGram(text[0], 0, 0, 0), newGram(text[0], 0, 0, 0)+1<<(32+classBits)
		return p, true
	case n == 2 && !isDense(text[0]) && !isDense(text[1]):
		p.lo, p.hi = newGram(text[0], text[1], 0, 0), newGram(text[0], text[1], 0, 0)+1<<(16+classBits)
		return p, true
	case n == 1:
		p.grams = []gram{newGram(text[0], unitFill, unitFill, 0)}
		return p, true
	}
	p.grams = inner(text)
	p.whole = p.whole && len(p.grams) == 1
	return p, len(p.grams) > 0
}

// maxPattern bounds the grams of a needle that are looked up.
const maxPattern = 48

// inner are the grams of a needle that do not depend on what stands around it.
func inner(text []uint16) []gram {
	var all []gram
	var at []int
	add := func(i int, a, b, c uint16) { all, at = append(all, newGram(a, b, c, 0)), append(at, i) }
	for i := 0; i+1 < len(text); i++ {
		a, b := text[i], text[i+1]
		switch {
		case isDense(a) || isDense(b):
			add(i, a, b, unitFill)
		case i+2 < len(text) && !isDense(text[i+2]):
			add(i, a, b, text[i+2])
		}
	}
	// Those at every third place first: the others say less that is new.
	var first, others []gram
	for i, g := range all {
		if at[i]%3 == 0 {
			first = append(first, g)
		} else {
			others = append(others, g)
		}
	}
	all = append(first, others...)
	return all[:min(len(all), maxPattern)]
}
