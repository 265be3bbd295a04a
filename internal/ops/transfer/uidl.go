package transfer

import (
	"fmt"
	"strconv"
	"strings"
)

// dovecotUIDL is how Dovecot makes UIDLs when it is told nothing: UID and UIDVALIDITY, 8 hexadecimal digits each.
const dovecotUIDL = "%08Xu%08Xv"

func (o *Options) uidlFormat() string {
	switch o.UIDL {
	case "":
		return dovecotUIDL
	case "-":
		return ""
	}
	return o.UIDL
}

// uidlFields are what a UIDL is made from.
type uidlFields struct {
	uid, validity uint32
	file, guid    string
}

// expandUIDL makes a UIDL in a format as Dovecot's pop3_uidl_format says it:
//
//	format = *( text / "%%" / "%" ["0"] [width] ["X"] ( "u" / "v" ) / "%f" / "%g" )
//
// u is the UID, v the UIDVALIDITY, f the file's name without flags, g the GUID, which is the file's name where there is none. X is hexadecimal in small
// letters (Dovecot 2.3 writes it so).
func expandUIDL(format string, f uidlFields) (string, error) {
	var out strings.Builder
	for {
		text, rest, more := strings.Cut(format, "%")
		out.WriteString(text)
		if !more {
			return out.String(), nil
		}
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		width, _ := strconv.Atoi(rest[:min(n, 3)])
		pad, base := " ", 10
		if n > 0 && rest[0] == '0' {
			pad = "0"
		}
		if rest = rest[n:]; rest != "" && rest[0] == 'X' {
			base, rest = 16, rest[1:]
		}
		if rest == "" || width > 16 {
			return "", fmt.Errorf("UIDL format: %q is cut short or too wide", format)
		}
		word := ""
		switch rest[0] {
		case '%':
			word = "%"
		case 'u':
			word = strconv.FormatUint(uint64(f.uid), base)
		case 'v':
			word = strconv.FormatUint(uint64(f.validity), base)
		case 'f':
			word = f.file
		case 'g':
			if word = f.guid; word == "" {
				word = f.file
			}
		default:
			return "", fmt.Errorf("UIDL format: %%%c is none of %%u, %%v, %%f, %%g", rest[0])
		}
		if len(word) < width {
			word = strings.Repeat(pad, width-len(word)) + word
		}
		out.WriteString(word)
		format = rest[1:]
	}
}
