package charset

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// replacement is U+FFFD in UTF-8.
const replacement = "\uFFFD"

// utf8Decoder passes UTF-8 through, replaces what is not, and drops a byte
// order mark at the front.
type utf8Decoder struct {
	carry   [utf8.UTFMax]byte
	n       int
	started bool
}

func (d *utf8Decoder) Append(dst, src []byte, end bool) []byte {
	return appendUTF8(dst, src, end, &d.carry, &d.n, &d.started, nil)
}

// guessDecoder reads text whose charset nobody told: what forms UTF-8 is UTF-8,
// any other byte is windows-1252.
type guessDecoder struct {
	carry   [utf8.UTFMax]byte
	n       int
	started bool
}

func (d *guessDecoder) Append(dst, src []byte, end bool) []byte {
	return appendUTF8(dst, src, end, &d.carry, &d.n, &d.started, charmap.Windows1252)
}

// appendUTF8 appends src as UTF-8. A byte that is no part of a character is
// looked up in single, or replaced when single is nil. carry[:n] is the
// beginning of a character from the slice before.
func appendUTF8(dst, src []byte, end bool, carry *[utf8.UTFMax]byte, n *int, started *bool, single *charmap.Charmap) []byte {
	for *n > 0 && len(src) > 0 { // finish the character that was cut
		carry[*n] = src[0]
		*n, src = *n+1, src[1:]
		dst, *n = settle(dst, carry, *n, started, single)
	}
	if *n == 0 {
		if *started && utf8.Valid(src) {
			dst, src = append(dst, src...), nil
		}
		for len(src) > 0 {
			if src[0] < utf8.RuneSelf {
				i := 1
				for i < len(src) && src[i] < utf8.RuneSelf {
					i++
				}
				dst, src, *started = append(dst, src[:i]...), src[i:], true
				continue
			}
			if !utf8.FullRune(src) {
				*n = copy(carry[:], src)
				break
			}
			r, size := utf8.DecodeRune(src)
			dst = appendRune(dst, r, size, src[0], started, single)
			src = src[size:]
		}
	}
	if end {
		for _, c := range carry[:*n] {
			dst = appendRune(dst, utf8.RuneError, 1, c, started, single)
		}
		*n = 0
	}
	return dst
}

// settle appends the characters at the front of carry[:n] that can be told, and
// returns how many bytes remain.
func settle(dst []byte, carry *[utf8.UTFMax]byte, n int, started *bool, single *charmap.Charmap) ([]byte, int) {
	for n > 0 && utf8.FullRune(carry[:n]) {
		r, size := utf8.DecodeRune(carry[:n])
		dst = appendRune(dst, r, size, carry[0], started, single)
		n = copy(carry[:], carry[size:n])
	}
	return dst, n
}

func appendRune(dst []byte, r rune, size int, first byte, started *bool, single *charmap.Charmap) []byte {
	switch {
	case r == utf8.RuneError && size == 1 && single != nil:
		r = single.DecodeByte(first)
	case r == '\uFEFF' && !*started: // a byte order mark is not text (RFC 3629 6)
		*started = true
		return dst
	}
	*started = true
	return utf8.AppendRune(dst, r)
}

// textDecoder runs a decoder of x/text.
type textDecoder struct {
	t    transform.Transformer
	rest []byte // bytes of a character that was cut
}

func (d *textDecoder) Append(dst, src []byte, end bool) []byte {
	if len(d.rest) > 0 {
		d.rest = append(d.rest, src...)
		src = d.rest
	}
	for {
		dst = slices.Grow(dst, len(src)+len(src)/2+utf8.UTFMax)
		nDst, nSrc, err := d.t.Transform(dst[len(dst):cap(dst)], src, end)
		dst = dst[:len(dst)+nDst]
		src = src[nSrc:]
		switch {
		case err == nil:
			d.rest = d.rest[:0]
			return dst
		case err == transform.ErrShortDst:
			dst = slices.Grow(dst, 2*(cap(dst)-len(dst))+64)
		case err == transform.ErrShortSrc && !end:
			d.rest = append(d.rest[:0], src...)
			return dst
		default: // none of x/text's decoders gets here; go on behind the byte
			dst = append(dst, replacement...)
			if len(src) > 0 {
				src = src[1:]
			}
		}
		if len(src) == 0 && end {
			return dst
		}
	}
}

// pageDecoder reads a single-byte code page whose lower half is ASCII.
type pageDecoder struct {
	high []rune // 0x80 to 0xFF
}

func (d *pageDecoder) Append(dst, src []byte, end bool) []byte {
	for _, c := range src {
		switch {
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		case int(c-utf8.RuneSelf) < len(d.high):
			dst = utf8.AppendRune(dst, d.high[c-utf8.RuneSelf])
		default:
			dst = append(dst, replacement...)
		}
	}
	return dst
}
