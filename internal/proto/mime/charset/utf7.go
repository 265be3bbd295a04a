package charset

import "unicode/utf8"

// utf7Decoder reads UTF-7 (RFC 2152): ASCII, with all other text as UTF-16 in
// base64 between "+" and the first byte that is not base64; a "-" there is
// dropped. Bytes over 127, which UTF-7 has no place for, become U+FFFD.
type utf7Decoder struct {
	shifted bool
	empty   bool   // nothing but "+" so far
	bits    uint32 // the last nbits of base64 that made no unit yet
	nbits   uint
	high    rune
}

func (d *utf7Decoder) Append(dst, src []byte, end bool) []byte {
	for _, c := range src {
		if !d.shifted {
			switch {
			case c == '+':
				d.shifted, d.empty = true, true
			case c < utf8.RuneSelf:
				dst = append(dst, c)
			default:
				dst = append(dst, replacement...)
			}
			continue
		}
		v := base64Value(c)
		if v < 0 {
			dst = d.unshift(dst, c)
			continue
		}
		d.empty = false
		d.bits, d.nbits = d.bits<<6|uint32(v), d.nbits+6
		if d.nbits >= 16 {
			d.nbits -= 16
			dst = appendUTF16(dst, rune(d.bits>>d.nbits&0xFFFF), &d.high)
		}
	}
	if end && d.shifted {
		dst = d.leave(dst)
	}
	return dst
}

// unshift ends a base64 stretch at c, which is not base64.
func (d *utf7Decoder) unshift(dst []byte, c byte) []byte {
	wasEmpty := d.empty
	dst = d.leave(dst)
	switch {
	case c == '-' && wasEmpty: // "+-" is a plus sign
		return append(dst, '+')
	case c == '-':
		return dst
	case wasEmpty: // "+ " is ill-formed: what was meant is the plus sign
		dst = append(dst, '+')
	}
	if c == '+' {
		d.shifted, d.empty = true, true
		return dst
	}
	if c < utf8.RuneSelf {
		return append(dst, c)
	}
	return append(dst, replacement...)
}

// leave drops the state of a base64 stretch; up to 5 zero bits of padding are
// in order, anything more was half a character.
func (d *utf7Decoder) leave(dst []byte) []byte {
	if d.high != 0 || d.nbits >= 6 {
		dst = append(dst, replacement...)
	}
	d.shifted, d.empty, d.bits, d.nbits, d.high = false, false, 0, 0, 0
	return dst
}

func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
