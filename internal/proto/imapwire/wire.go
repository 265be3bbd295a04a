package imapwire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// wire is how strings are written: utf8 when IMAP4rev2 or UTF8=ACCEPT is enabled, plus for the client's non-synchronising literals.
type wire struct{ utf8, plus bool }

// maxQuoted is the longest string that is sent quoted; some clients have small buffers for those.
const maxQuoted = 1000

// string appends s as a string: quoted when it can be, else as a literal. NUL, which neither can hold (RFC 9051 9, note 3), is left out.
func (w wire) string(b []byte, s string) []byte {
	if len(s) > maxQuoted {
		return w.literal(b, s)
	}
	if plain(s) {
		b = append(b, '"')
		return append(append(b, s...), '"')
	}
	escape := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			escape = true
		case c == '\r' || c == '\n' || c == 0:
			return w.literal(b, s)
		case c >= 0x80:
			// QUOTED-CHAR =/ UTF8-2 / UTF8-3 / UTF8-4
			_, n := utf8.DecodeRuneInString(s[i:])
			if !w.utf8 || n == 1 {
				return w.literal(b, s)
			}
			i += n - 1
		}
	}
	b = append(b, '"')
	if !escape {
		return append(append(b, s...), '"')
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// plain says, eight octets at a time, that s can stand between quotes as it is. It is no more than a quick yes: control characters, which
// may, get a no too.
func plain(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, slash := x^ones*'"', x^ones*'\\'
		// The top bit of an octet is set where it was; or where octet - ' ', quote - 1 or slash - 1 borrows.
		if (x|(x-ones*' ')|(quote-ones)|(slash-ones))&tops != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (w wire) literal(b []byte, s string) []byte {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	b = append(b, '{')
	b = strconv.AppendInt(b, int64(len(s)), 10)
	if w.plus {
		b = append(b, '+')
	}
	b = append(b, "}\r\n"...)
	return append(b, s...)
}

// nstring appends NIL or a string.
func (w wire) nstring(b []byte, s string, null bool) []byte {
	if null {
		return append(b, "NIL"...)
	}
	return w.string(b, s)
}

// astring appends s as an atom when it is one, without brackets: clients that look for BODY[...] are easily led astray.
func (w wire) astring(b []byte, s string) []byte {
	if s == "" || len(s) > maxQuoted || len(s) == 3 && strings.EqualFold(s, "NIL") {
		return w.string(b, s)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAtomChar(c) || c == '[' {
			return w.string(b, s)
		}
	}
	return append(b, s...)
}

// mailbox appends a name in the encoding that the session uses.
func (w wire) mailbox(b []byte, name string) []byte {
	if !w.utf8 {
		name = EncodeUTF7(name)
	}
	return w.astring(b, name)
}

// listSep opens a list before its first element and parts the others.
func listSep(b []byte, i int) []byte {
	if i == 0 {
		return append(b, '(')
	}
	return append(b, ' ')
}

// flagList appends "(" [flag *(SP flag)] ")".
func flagList(b []byte, flags []Flag) []byte {
	b = append(b, '(')
	for i, f := range flags {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, f...)
	}
	return append(b, ')')
}
