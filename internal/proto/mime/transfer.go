package mime

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// A stage turns one text into another, given it in any slices: it takes all of
// src, keeps the few bytes that it cannot decide yet, and appends the rest to
// dst. Where the slices are cut does not change the result. With end set the
// text is over. charset.Decoder has the same shape.
type stage interface {
	Append(dst, src []byte, end bool) []byte
}

// NewDecoder returns r with the Content-Transfer-Encoding undone (RFC 2045 6).
// It never fails by itself: what the encoding does not allow is skipped or
// passed on as it is. An unknown encoding, 7bit, 8bit and binary change nothing.
// The reader ends with r's error.
func NewDecoder(r io.Reader, encoding string) io.Reader {
	if s := transferStage(encoding); s != nil {
		return &stageReader{r: r, stages: []stage{s}}
	}
	return r
}

// KnownEncoding reports whether NewDecoder knows what an encoding means; the empty
// one means 7bit (RFC 2045 6.1).
func KnownEncoding(encoding string) bool {
	switch encodingToken([]byte(encoding)) {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits":
		return true
	}
	return codecOf(encoding) != identity
}

// A codec is a kind of transfer encoding.
type codec uint8

const (
	identity codec = iota
	codecBase64
	codecQP
	codecUU
)

// codecOf knows the encodings by the names that mail gives them.
func codecOf(encoding string) codec {
	name, _, _ := strings.Cut(encoding, ";")
	switch strings.ToLower(strings.Trim(name, " \t\"'")) {
	case "base64", "base-64", "b64":
		return codecBase64
	case "quoted-printable", "quoted printable", "quotedprintable", "quoted_printable", "qp":
		return codecQP
	case "x-uuencode", "uuencode", "x-uue", "uue", "x-uu":
		return codecUU
	}
	return identity
}

// transferStage returns a decoder for the named encoding, or nil for identity.
func transferStage(encoding string) stage {
	switch codecOf(encoding) {
	case codecBase64:
		return new(base64Decoder)
	case codecQP:
		return new(qpDecoder)
	case codecUU:
		return new(uuDecoder)
	}
	return nil
}

// stageReader reads r through stages.
type stageReader struct {
	r      io.Reader
	stages []stage
	in     []byte
	bufs   [2][]byte // the output of the stages by turns
	out    []byte    // what is still to be given out; lies in one of bufs
	err    error
}

const readSize = 8 << 10

func (s *stageReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(s.out) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if s.in == nil {
			s.in = make([]byte, readSize)
		}
		n, err := s.r.Read(s.in)
		s.err = err
		cur := s.in[:n]
		for i, st := range s.stages {
			buf := st.Append(s.bufs[i%2][:0], cur, err != nil)
			s.bufs[i%2], cur = buf, buf
		}
		s.out = cur
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

// Values of base64Digits beside 0 to 63.
const (
	b64Junk = 0xFF
	b64Pad  = 0xFE
)

// base64Digits maps a byte to its value in base64 (RFC 2045 6.8), which is not
// that of RFC 4648 5: all that is not in its table must be ignored.
const base64Digits = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x3e\xff\xff\xff\x3f" +
	"\x34\x35\x36\x37\x38\x39\x3a\x3b\x3c\x3d\xff\xff\xff\xfe\xff\xff" +
	"\xff\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e" +
	"\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\xff\xff\xff\xff\xff" +
	"\xff\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x25\x26\x27\x28" +
	"\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\xff\xff\xff\xff\xff" +
	noDigits + noDigits + noDigits + noDigits

const noDigits = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

// base64Decoder skips what is not base64. A "=" ends a group of four early; what
// follows begins a new one, so concatenated texts decode whole.
type base64Decoder struct {
	acc uint32
	n   uint // digits in acc
}

func (d *base64Decoder) Append(dst, src []byte, end bool) []byte {
	dst = slices.Grow(dst, len(src)/4*3+6)
	for len(src) > 0 {
		if d.n == 0 {
			dst, src = appendQuads(dst, src)
			if len(src) == 0 {
				break
			}
		}
		switch v := base64Digits[src[0]]; v {
		case b64Junk:
		case b64Pad:
			dst = d.flush(dst)
		default:
			d.acc = d.acc<<6 | uint32(v)
			if d.n++; d.n == 4 {
				dst = append(dst, byte(d.acc>>16), byte(d.acc>>8), byte(d.acc))
				d.acc, d.n = 0, 0
			}
		}
		src = src[1:]
	}
	if end {
		dst = d.flush(dst)
	}
	return dst
}

// appendQuads decodes whole groups of four digits at the front of src.
func appendQuads(dst, src []byte) (out, rest []byte) {
	for len(src) >= 4 {
		a, b := base64Digits[src[0]], base64Digits[src[1]]
		c, e := base64Digits[src[2]], base64Digits[src[3]]
		if (a|b|c|e)&0x80 != 0 {
			break
		}
		v := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(e)
		dst = append(dst, byte(v>>16), byte(v>>8), byte(v))
		src = src[4:]
	}
	return dst, src
}

// flush ends a group: two digits make one byte, three make two, one makes none.
func (d *base64Decoder) flush(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.acc>>4))
	case 3:
		dst = append(dst, byte(d.acc>>10), byte(d.acc>>2))
	}
	d.acc, d.n = 0, 0
	return dst
}

// base64Counter counts the octets that base64Decoder would give.
type base64Counter struct {
	size   int64
	digits int64 // since the last "="
}

func (c *base64Counter) add(b []byte) {
	for {
		i := bytes.IndexByte(b, '=')
		if i < 0 {
			c.digits += countDigits(b)
			return
		}
		c.digits += countDigits(b[:i])
		c.flush()
		b = b[i+1:]
	}
}

func (c *base64Counter) flush() {
	c.size += c.digits * 3 / 4
	c.digits = 0
}

// countDigits counts base64 digits. Eight at a time, since most of the octets of
// most mail come by here.
func countDigits(b []byte) int64 {
	n, junk := len(b), 0
	for ; len(b) >= 8; b = b[8:] {
		junk += int(base64Digits[b[0]]>>7) + int(base64Digits[b[1]]>>7) +
			int(base64Digits[b[2]]>>7) + int(base64Digits[b[3]]>>7) +
			int(base64Digits[b[4]]>>7) + int(base64Digits[b[5]]>>7) +
			int(base64Digits[b[6]]>>7) + int(base64Digits[b[7]]>>7)
	}
	for _, c := range b {
		junk += int(base64Digits[c] >> 7)
	}
	return int64(n - junk)
}
