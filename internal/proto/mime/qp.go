package mime

import "bytes"

// qpDecoder undoes quoted-printable (RFC 2045 6.7). A "=" that begins no escape
// and no soft line break stands for itself. White space at the end of a line was
// added on the way and is dropped (rule 3).
type qpDecoder struct {
	state qpState
	hex   byte   // first digit of an escape
	held  []byte // white space and CRs that a line end would swallow
}

type qpState uint8

const (
	qpText  qpState = iota
	qpEqual         // "=" seen
	qpHex           // "=" and a digit seen
	qpSoft          // "=" and white space or CR seen, all in held
)

// longestBlank bounds held; a longer run of white space is taken for content.
const longestBlank = 1024

func (d *qpDecoder) Append(dst, src []byte, end bool) []byte {
	for len(src) > 0 {
		if d.state == qpText {
			i := bytes.IndexByte(src, '=')
			if i < 0 {
				dst = d.text(dst, src)
				break
			}
			dst = d.text(dst, src[:i])
			dst, src = d.release(dst), src[i+1:]
			if len(src) >= 2 { // what most escapes are, without a state
				hi, lo := hexValue(src[0]), hexValue(src[1])
				if hi >= 0 && lo >= 0 {
					dst, src = append(dst, byte(hi<<4|lo)), src[2:]
					continue
				}
				if src[0] == '\r' && src[1] == '\n' {
					src = src[2:]
					continue
				}
			}
			d.state = qpEqual
			continue
		}
		var used bool
		if dst, used = d.escape(dst, src[0]); used {
			src = src[1:]
		}
	}
	if end {
		dst = d.finish(dst)
	}
	return dst
}

// escape takes a byte behind a "=". A byte that does not belong to the escape is
// not used: it has to be looked at again as text.
func (d *qpDecoder) escape(dst []byte, c byte) (out []byte, used bool) {
	switch {
	case d.state == qpEqual && hexValue(c) >= 0:
		d.state, d.hex = qpHex, c
	case d.state == qpHex && hexValue(c) >= 0:
		d.state = qpText
		return append(dst, byte(hexValue(d.hex)<<4|hexValue(c))), true
	case d.state == qpHex:
		d.state = qpText
		return append(dst, '=', d.hex), false
	case c == '\n': // a soft line break
		d.state, d.held = qpText, d.held[:0]
	case (c == ' ' || c == '\t' || c == '\r') && len(d.held) < longestBlank:
		d.state = qpSoft
		d.held = append(d.held, c)
	default:
		d.state = qpText
		return append(dst, '='), false
	}
	return dst, true
}

// text appends a run without "=".
func (d *qpDecoder) text(dst, run []byte) []byte {
	for len(run) > 0 {
		line, ended := run, false
		if i := bytes.IndexByte(run, '\n'); i >= 0 {
			line, ended = run[:i], true
			run = run[i+1:]
		} else {
			run = nil
		}
		n := len(line)
		for n > 0 && isBlank(line[n-1]) {
			n--
		}
		if n > 0 {
			dst = append(d.release(dst), line[:n]...)
		}
		for _, c := range line[n:] {
			if len(d.held) == longestBlank {
				dst = d.release(dst)
			}
			d.held = append(d.held, c)
		}
		if ended {
			if k := len(d.held); k > 0 && d.held[k-1] == '\r' {
				dst = append(dst, '\r')
			}
			dst = append(dst, '\n')
			d.held = d.held[:0]
		}
	}
	return dst
}

// release appends what was held: it turned out not to end a line.
func (d *qpDecoder) release(dst []byte) []byte {
	dst = append(dst, d.held...)
	d.held = d.held[:0]
	return dst
}

// finish ends the text: an escape that was cut stands for itself, but for a
// lone "=", which is a soft line break whose line end was cut off.
func (d *qpDecoder) finish(dst []byte) []byte {
	if d.state == qpHex {
		dst = append(dst, '=', d.hex)
	}
	d.state, d.held = qpText, d.held[:0]
	return dst
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
