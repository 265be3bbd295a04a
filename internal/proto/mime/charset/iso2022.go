package charset

import (
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	shiftOut = 0x0E
	shiftIn  = 0x0F
	escape   = 0x1B
)

// shiftDecoder reads the ISO-2022 charsets that x/text decodes to a single
// U+FFFD (its Replacement encoding). It turns the shifted 7-bit pairs into the
// pairs of the 8-bit charset that has the same characters, and lets x/text do
// the rest. Escape sequences leave no trace.
type shiftDecoder struct {
	inner   textDecoder
	none    string // what an undecodable pair becomes, in inner's charset
	chinese bool   // designations are honoured; else SO is KS C 5601

	set     byte // final byte of the charset designated to SO: 'A' = GB 2312
	out     bool // between SO and SI
	single  bool // SS2 was seen: the next pair is of CNS plane 2
	lead    byte // first byte of a pair, or 0
	esc     [4]byte
	nesc    int // bytes of an escape sequence in esc
	scratch []byte
}

// newISO2022KR reads RFC 1557.
func newISO2022KR() *shiftDecoder {
	return &shiftDecoder{inner: textDecoder{t: korean.EUCKR.NewDecoder()}, none: "\xFF"}
}

// newISO2022CN reads RFC 1922. Of the charsets that it can designate, GB 2312 is
// decoded; a character of CNS 11643 or ISO-IR-165 becomes U+FFFD.
func newISO2022CN() *shiftDecoder {
	return &shiftDecoder{inner: textDecoder{t: simplifiedchinese.GB18030.NewDecoder()}, none: "\x84\x31\xA4\x37", chinese: true, set: 'A'}
}

func (d *shiftDecoder) Append(dst, src []byte, end bool) []byte {
	d.scratch = d.scratch[:0]
	for _, c := range src {
		d.next(c)
	}
	if end && d.lead != 0 {
		d.scratch, d.lead = append(d.scratch, d.none...), 0
	}
	return d.inner.Append(dst, d.scratch, end)
}

// next takes one byte and appends what it completes to scratch.
func (d *shiftDecoder) next(c byte) {
	switch {
	case d.nesc > 0:
		d.escaped(c)
	case c == escape:
		d.esc[0], d.nesc, d.lead = c, 1, 0
	case c == shiftOut:
		d.out, d.lead = true, 0
	case c == shiftIn:
		d.out, d.lead = false, 0
	case c == '\n' || c == '\r': // every line begins in ASCII (RFC 1557 2, RFC 1922 4.1)
		d.out, d.single, d.lead = false, false, 0
		d.scratch = append(d.scratch, c)
	case !d.out && !d.single || c <= ' ':
		d.lead = 0
		d.scratch = append(d.scratch, c)
	case d.lead == 0:
		d.lead = c
	default:
		if d.single || d.chinese && d.set != 'A' {
			d.scratch = append(d.scratch, d.none...)
		} else {
			d.scratch = append(d.scratch, d.lead|0x80, c|0x80)
		}
		d.lead, d.single = 0, false
	}
}

// escaped takes a byte of an escape sequence: intermediates 0x20 to 0x2F, then
// a final byte.
func (d *shiftDecoder) escaped(c byte) {
	if d.nesc < len(d.esc) {
		d.esc[d.nesc] = c
		d.nesc++
	}
	if 0x20 <= c && c < 0x30 && d.nesc < len(d.esc) {
		return
	}
	switch {
	case d.nesc == 2 && c == 'N':
		d.single = true
	case d.nesc == 4 && d.esc[1] == '$' && d.esc[2] == ')':
		d.set = c
	}
	d.nesc = 0
}
