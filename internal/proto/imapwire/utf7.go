package imapwire

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// utf7Encoding is base64 with "," for "/" and without padding (RFC 3501 5.1.3).
var utf7Encoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding).Strict()

// EncodeUTF7 is the modified UTF-7 of a UTF-8 string (RFC 3501 5.1.3). What is not UTF-8 in it becomes U+FFFD.
func EncodeUTF7(s string) string {
	if plainUTF7(s) {
		return s
	}
	var out, units []byte
	flush := func() {
		if len(units) > 0 {
			out = append(utf7Encoding.AppendEncode(append(out, '&'), units), '-')
			units = units[:0]
		}
	}
	for _, r := range s {
		switch {
		case r == '&':
			flush()
			out = append(out, "&-"...)
		case ' ' <= r && r <= '~':
			flush()
			out = append(out, byte(r))
		case r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			units = append(units, byte(hi>>8), byte(hi), byte(lo>>8), byte(lo))
		default:
			units = append(units, byte(r>>8), byte(r))
		}
	}
	flush()
	return string(out)
}

// plainUTF7 reports whether s is its own modified UTF-7.
func plainUTF7(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == '&' {
			return false
		}
	}
	return true
}

// DecodeUTF7 is the UTF-8 of a modified UTF-7 string. It takes only the one encoding that every string has (RFC 3501 5.1.3: no printable
// ASCII in base64, no superfluous shifts, no padding bits), so that two names on the wire are never one mailbox.
func DecodeUTF7(s string) (string, bool) {
	if plainUTF7(s) {
		return s, true
	}
	var out []byte
	shifted := false // the last thing was base64
	for s != "" {
		c := s[0]
		if c < ' ' || c > '~' {
			return "", false
		}
		if c != '&' {
			out, s, shifted = append(out, c), s[1:], false
			continue
		}
		end := strings.IndexByte(s, '-')
		if end < 0 {
			return "", false
		}
		code := s[1:end]
		s = s[end+1:]
		if code == "" {
			out, shifted = append(out, '&'), false
			continue
		}
		if shifted {
			return "", false
		}
		units, err := utf7Encoding.DecodeString(code)
		if err != nil || strings.ContainsAny(code, "\r\n") {
			return "", false
		}
		if out, shifted = appendUnits(out, units); !shifted {
			return "", false
		}
	}
	return string(out), true
}

// appendUnits appends UTF-16BE as UTF-8.
func appendUnits(out, units []byte) ([]byte, bool) {
	if len(units) == 0 || len(units)%2 != 0 {
		return nil, false
	}
	for i := 0; i < len(units); i += 2 {
		r := rune(units[i])<<8 | rune(units[i+1])
		if utf16.IsSurrogate(r) {
			if i += 2; i >= len(units) {
				return nil, false
			}
			if r = utf16.DecodeRune(r, rune(units[i])<<8|rune(units[i+1])); r == utf8.RuneError {
				return nil, false
			}
		} else if ' ' <= r && r <= '~' {
			return nil, false
		}
		out = utf8.AppendRune(out, r)
	}
	return out, true
}
