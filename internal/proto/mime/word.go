package mime

import (
	"strings"
	"unicode/utf8"

	"restante/internal/proto/mime/charset"
)

// DecodeHeader decodes the encoded words (RFC 2047) of a header field value and
// returns UTF-8 on one line. It takes what real mail has: words that touch other
// text, have spaces inside, lack padding, stand in quotes, or split a character
// between two of them. Raw 8-bit text is taken for UTF-8 if it is, else for
// windows-1252.
func DecodeHeader(value string) string { return DecodeHeaderIn(value, "") }

// DecodeHeaderIn is DecodeHeader for a message whose raw 8-bit header text is in
// the named charset, unless it is valid UTF-8.
func DecodeHeaderIn(value, rawCharset string) string {
	if !strings.Contains(value, "=?") {
		return oneLine(decodeRaw(value, rawCharset))
	}
	d := wordDecoder{raw: rawCharset, out: make([]byte, 0, len(value)), octets: make([]byte, 0, len(value))}
	for value != "" {
		i := strings.Index(value, "=?")
		if i < 0 {
			break
		}
		w, n := cutWord(value[i:])
		if n == 0 {
			d.text(value[:i+2])
			value = value[i+2:]
			continue
		}
		d.text(value[:i])
		d.encoded(w)
		value = value[i+n:]
	}
	d.text(value)
	d.flush()
	return oneLine(string(d.out))
}

// An encodedWord is =?charset?encoding?text?=.
type encodedWord struct {
	charset  string
	encoding byte // 'b' or 'q'
	text     string
}

// cutWord reads an encoded word at the front of s, which begins with "=?". n is
// its length, 0 if there is none.
func cutWord(s string) (w encodedWord, n int) {
	const longestCharset = 64
	i := strings.IndexByte(s[2:min(len(s), 2+longestCharset)], '?')
	if i <= 0 {
		return w, 0
	}
	w.charset = s[2 : 2+i]
	if strings.ContainsAny(w.charset, " \t\"=<>@,") {
		return w, 0
	}
	rest := s[2+i+1:]
	if len(rest) < 2 || rest[1] != '?' {
		return w, 0
	}
	switch w.encoding = rest[0] | 0x20; w.encoding {
	case 'b', 'q':
	default:
		return w, 0
	}
	rest = rest[2:]
	end := wordEnd(rest)
	if end < 0 {
		return w, 0
	}
	w.text = rest[:end]
	return w, len(s) - len(rest) + end + 2
}

// wordEnd finds the "?=" that ends the text of an encoded word, -1 if another
// word begins first. So a search never goes further than the next "=?" and many
// open words cost no more than one.
func wordEnd(s string) int {
	for i := 0; i < len(s); i++ {
		k := strings.IndexByte(s[i:], '?')
		if k < 0 {
			return -1
		}
		i += k
		if i+1 < len(s) && s[i+1] == '=' {
			return i
		}
		if i > 0 && s[i-1] == '=' {
			return -1
		}
	}
	return -1
}

// wordDecoder puts decoded pieces together. Neighbouring words of one charset are
// joined before the charset is decoded: senders cut between any two octets.
type wordDecoder struct {
	out     []byte
	raw     string // charset of raw 8-bit text
	octets  []byte // of the last words, all in charset
	charset string
	word    bool   // the last piece was a word
	gap     string // white space behind it
}

// text adds text between words. White space that only separates two words is
// not text (RFC 2047 6.2).
func (d *wordDecoder) text(s string) {
	if s == "" {
		return
	}
	if d.word && strings.Trim(s, " \t\r\n") == "" {
		d.gap = s
		return
	}
	d.flush()
	d.out = append(d.out, d.gap...)
	d.out = append(d.out, decodeRaw(s, d.raw)...)
	d.word, d.gap = false, ""
}

func (d *wordDecoder) encoded(w encodedWord) {
	if !strings.EqualFold(w.charset, d.charset) || charset.Stateful(w.charset) {
		d.flush()
		d.charset = w.charset
	}
	if w.encoding == 'b' {
		var b64 base64Decoder
		d.octets = b64.Append(d.octets, []byte(w.text), true)
	} else {
		d.octets = appendQ(d.octets, w.text)
	}
	d.word, d.gap = true, ""
}

// flush decodes the charset of the words so far.
func (d *wordDecoder) flush() {
	if len(d.octets) > 0 {
		d.out = charset.Append(d.out, d.charset, d.octets)
		d.octets = d.octets[:0]
	}
}

// appendQ decodes the Q encoding (RFC 2047 4.2).
func appendQ(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			dst = append(dst, ' ')
		case c == '=' && i+2 < len(s) && hexValue(s[i+1]) >= 0 && hexValue(s[i+2]) >= 0:
			dst = append(dst, byte(hexValue(s[i+1])<<4|hexValue(s[i+2])))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// decodeRaw makes UTF-8 of text that should be ASCII.
func decodeRaw(s, rawCharset string) string {
	if utf8.ValidString(s) {
		return s
	}
	return charset.Decode(rawCharset, []byte(s))
}

// oneLine puts spaces for line ends and NULs, which a decoded text may hold.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n\x00") {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '\r', '\n', 0:
			return ' '
		}
		return r
	}, s)
}
