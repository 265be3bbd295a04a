package charset

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// wideDecoder reads UTF-16 and UTF-32. A byte order mark decides the order;
// without one the name does; a name that leaves it open means big endian
// (RFC 2781 4.3), unless the first character tells otherwise: text begins with
// a character below U+0100 far more often than with a multiple of U+0100.
type wideDecoder struct {
	size   int  // bytes of a unit, 2 or 4
	little bool // low byte first
	fixed  bool // the name tells the order
	begun  bool // the first unit was seen
	unit   [4]byte
	n      int  // bytes in unit
	high   rune // a high surrogate that waits for its low one, or 0
}

// newWide returns a decoder for units of size bytes; key is the folded name.
func newWide(key string, size int) *wideDecoder {
	d := &wideDecoder{size: size}
	switch {
	case strings.HasSuffix(key, "le"), key == "cp1200", key == "cp12000", key == "unicodefeff":
		d.little, d.fixed = true, true
	case strings.HasSuffix(key, "be"), key == "cp1201", key == "cp12001", key == "unicodefffe":
		d.fixed = true
	}
	return d
}

func (d *wideDecoder) Append(dst, src []byte, end bool) []byte {
	for _, c := range src {
		d.unit[d.n] = c
		if d.n++; d.n < d.size {
			continue
		}
		d.n = 0
		if !d.begun {
			d.begun = true
			if d.chooseOrder() {
				continue // the mark itself is not text
			}
		}
		dst = d.appendUnit(dst, d.value())
	}
	if end && (d.n > 0 || d.high != 0) {
		dst = append(dst, replacement...)
		d.n, d.high = 0, 0
	}
	return dst
}

// chooseOrder looks at the first unit and reports whether it is a byte order mark.
func (d *wideDecoder) chooseOrder() bool {
	named := d.little
	for _, little := range [2]bool{false, true} {
		d.little = little
		if d.value() == 0xFEFF {
			return true
		}
	}
	d.little = named
	if !d.fixed {
		d.little = d.unit[d.size-1] == 0 && d.unit[0] != 0
	}
	return false
}

// value is the number in the current unit.
func (d *wideDecoder) value() rune {
	var v uint32
	for i := range d.size {
		c := d.unit[i]
		if d.little {
			c = d.unit[d.size-1-i]
		}
		v = v<<8 | uint32(c)
	}
	if v > utf8.MaxRune {
		return utf8.RuneError
	}
	return rune(v)
}

func (d *wideDecoder) appendUnit(dst []byte, v rune) []byte {
	if d.size == 4 {
		return utf8.AppendRune(dst, v) // a surrogate becomes U+FFFD
	}
	return appendUTF16(dst, v, &d.high)
}

// appendUTF16 appends the UTF-16 unit v; *high keeps the first half of a pair.
func appendUTF16(dst []byte, v rune, high *rune) []byte {
	if h := *high; h != 0 {
		*high = 0
		if r := utf16.DecodeRune(h, v); r != utf8.RuneError {
			return utf8.AppendRune(dst, r)
		}
		dst = append(dst, replacement...)
	}
	if 0xD800 <= v && v < 0xDC00 {
		*high = v
		return dst
	}
	return utf8.AppendRune(dst, v)
}
