package mime

import "bytes"

// uuDecoder undoes uuencode: a "begin" line, lines whose first character is
// their length, an "end" line. Text around them is dropped. A line that is
// shorter than it says counts as filled with zeroes.
type uuDecoder struct {
	line  []byte
	state uuState
	long  bool // the current line is over the limit and skipped
}

type uuState uint8

const (
	uuBefore uuState = iota
	uuInside
	uuAfter
)

// longestUU bounds a line: 63 octets make 85 characters at most.
const longestUU = 256

func (d *uuDecoder) Append(dst, src []byte, end bool) []byte {
	for len(src) > 0 && d.state != uuAfter {
		part, rest, ended := bytes.Cut(src, []byte{'\n'})
		src = rest
		if len(d.line)+len(part) > longestUU {
			part, d.long = nil, true
		}
		d.line = append(d.line, part...)
		if ended {
			dst = d.take(dst)
		}
	}
	if end && len(d.line) > 0 {
		dst = d.take(dst)
	}
	return dst
}

// take ends the current line.
func (d *uuDecoder) take(dst []byte) []byte {
	line := bytes.TrimRight(d.line, "\r")
	d.line = d.line[:0]
	switch {
	case d.long:
		d.long = false
	case d.state == uuBefore:
		if bytes.HasPrefix(line, []byte("begin ")) {
			d.state = uuInside
		}
	case bytes.Equal(line, []byte("end")):
		d.state = uuAfter
	case len(line) > 0:
		dst = appendUULine(dst, line)
	}
	return dst
}

func appendUULine(dst, line []byte) []byte {
	n := int(line[0]-' ') & 63
	digit := func(i int) byte {
		if i < len(line) {
			return (line[i] - ' ') & 63
		}
		return 0
	}
	for i := 1; n > 0; i, n = i+4, n-3 {
		a, b, c, e := digit(i), digit(i+1), digit(i+2), digit(i+3)
		group := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | e}
		dst = append(dst, group[:min(n, 3)]...)
	}
	return dst
}
