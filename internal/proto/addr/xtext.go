package addr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrXtext means that a text is not valid xtext or unitext.
var ErrXtext = errors.New("bad xtext")

const upperHex = "0123456789ABCDEF"

// EncodeXtext returns s as xtext (RFC 3461 4): octets outside "!" to "~", and
// "+" and "=", become "+" and two upper-case hexadecimal digits.
func EncodeXtext(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !isXchar(r) }) < 0 {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		if c := s[i]; isXchar(rune(c)) {
			b = append(b, c)
		} else {
			b = append(b, '+', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

func isXchar(r rune) bool { return r >= '!' && r <= '~' && r != '+' && r != '=' }

// DecodeXtext undoes [EncodeXtext]. Any octet may come out, a NUL too.
//
//	xtext   = *( xchar / hexchar )
//	hexchar = "+" immediately followed by two upper case hexadecimal digits
func DecodeXtext(s string) (string, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isXchar(rune(c)):
			b = append(b, c)
		case c == '+' && i+2 < len(s):
			hi := strings.IndexByte(upperHex, s[i+1])
			lo := strings.IndexByte(upperHex, s[i+2])
			if hi < 0 || lo < 0 {
				return "", fmt.Errorf("%w: not two upper-case hexadecimal digits after +", ErrXtext)
			}
			b = append(b, byte(hi<<4|lo))
			i += 2
		default:
			return "", fmt.Errorf("%w: character %q", ErrXtext, s[i:i+1])
		}
	}
	return string(b), nil
}

// EncodeUnitext returns s in the form that the "utf-8" address type has in
// ORCPT (RFC 6533 3): with utf8ok the utf-8-addr-unitext form, for a server
// that offers SMTPUTF8, otherwise the 7-bit utf-8-addr-xtext form. Octets of s
// that are not UTF-8 become U+FFFD.
func EncodeUnitext(s string, utf8ok bool) string {
	b := make([]byte, 0, len(s)+8)
	for _, r := range s {
		if r >= utf8.RuneSelf && utf8ok || r < utf8.RuneSelf && isXchar(r) && r != '\\' {
			b = utf8.AppendRune(b, r)
			continue
		}
		b = fmt.Appendf(b, `\x{%02X}`, r)
	}
	return string(b)
}

// DecodeUnitext undoes [EncodeUnitext], from either form:
//
//	utf-8-addr-unitext  = 1*(QUCHAR / EmbeddedUnicodeChar)
//	EmbeddedUnicodeChar = "\x{" HEXPOINT "}"
//
// HEXPOINT is 2 to 6 digits and no surrogate. The utf-8-address form, which has
// "\", "+" or "=" as themselves, is not taken: RFC 6533 3 keeps it out of ORCPT.
// Any code point may come out, control characters too.
func DecodeUnitext(s string) (string, error) {
	if s == "" || !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: empty or not UTF-8", ErrXtext)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			if c < utf8.RuneSelf && !isXchar(rune(c)) {
				return "", fmt.Errorf("%w: character %q", ErrXtext, s[i:i+1])
			}
			b = append(b, c)
			i++
			continue
		}
		hex, ok := strings.CutPrefix(s[i:], `\x{`)
		end := strings.IndexByte(hex, '}')
		if !ok || end < 2 || end > 6 {
			return "", fmt.Errorf("%w: backslash", ErrXtext)
		}
		n, err := strconv.ParseUint(hex[:end], 16, 32)
		if err != nil || !utf8.ValidRune(rune(n)) {
			return "", fmt.Errorf("%w: code point", ErrXtext)
		}
		b = utf8.AppendRune(b, rune(n))
		i += len(`\x{}`) + end
	}
	return string(b), nil
}
