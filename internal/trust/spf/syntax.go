package spf

import (
	"net/netip"
	"strconv"
	"strings"
)

// wellFormed says whether a record is written as RFC 7208 12 has it. The library reads what comes before a mistake; but a mistake anywhere makes the whole
// record a PermError (RFC 7208 4.6).
func wellFormed(record string) bool {
	seen := make(map[string]bool)
	for term := range strings.SplitSeq(record[len(version):], " ") {
		if term == "" {
			continue
		}
		if name, value, ok := strings.Cut(term, "="); ok && isModifier(name) {
			name = strings.ToLower(name)
			known := name == "redirect" || name == "exp"
			if known && (seen[name] || !isDomainSpec(value)) || !known && !isMacroString(value) {
				return false
			}
			seen[name] = true
			continue
		}
		if !isMechanism(strings.TrimLeft(term[:1], "+-?~") + term[1:]) {
			return false
		}
	}
	return true
}

const version = "v=spf1"

// isModifier is name: ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
func isModifier(name string) bool {
	return name != "" && isAlpha(name[0]) && !strings.ContainsFunc(name, func(r rune) bool {
		return r > 0x7f || !isAlpha(byte(r)) && !isDigit(byte(r)) && r != '-' && r != '_' && r != '.'
	})
}

func isMechanism(term string) bool {
	end := strings.IndexAny(term, ":/")
	if end < 0 {
		end = len(term)
	}
	name, rest := strings.ToLower(term[:end]), term[end:]
	value, colon := strings.CutPrefix(rest, ":")
	switch name {
	case "all":
		return rest == ""
	case "include", "exists":
		return colon && isDomainSpec(value)
	case "ptr":
		return rest == "" || colon && isDomainSpec(value)
	case "a", "mx":
		spec, ok := cutLengths(rest)
		return ok && (spec == "" || strings.HasPrefix(spec, ":") && isDomainSpec(spec[1:]))
	case "ip4", "ip6":
		address, length, cut := strings.Cut(value, "/")
		ip, err := netip.ParseAddr(address)
		return colon && err == nil && ip.Zone() == "" && ip.Is4() == (name == "ip4") && (!cut || isLength(length, ip.BitLen()))
	}
	return false
}

// cutLengths cuts dual-cidr-length off: [ "/" 0-32 ] [ "//" 0-128 ]. A slash in a macro belongs to the macro.
func cutLengths(s string) (spec string, ok bool) {
	from := strings.LastIndexByte(s, '}') + 1
	i := strings.IndexByte(s[from:], '/')
	if i < 0 {
		return s, true
	}
	// A name may hold slashes, too: only digits and slashes at the end are lengths.
	end := len(strings.TrimRight(s, "/0123456789"))
	if j := strings.IndexByte(s[end:], '/'); j >= 0 {
		end += j
	} else {
		return s, true
	}
	four, six, both := strings.Cut(s[end:], "//")
	return s[:end], (!both || isLength(six, 128)) && (four == "" && both || isLength(strings.TrimPrefix(four, "/"), 32))
}

// isLength is a number without leading zeros, up to max.
func isLength(s string, max int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= max && strconv.Itoa(n) == s
}

// isDomainSpec is macro-string domain-end: it ends with a macro, or a dot and a label that is not all digits.
func isDomainSpec(s string) bool {
	if s == "" || !isMacroString(s) {
		return false
	}
	if strings.HasSuffix(s, "}") {
		return true
	}
	if i := strings.LastIndexByte(s, '%'); i >= 0 && i == len(s)-2 {
		return false
	}
	s = strings.TrimSuffix(s, ".")
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return false
	}
	label := s[i+1:]
	digits := true
	for j := range len(label) {
		c := label[j]
		if !isAlpha(c) && !isDigit(c) && c != '-' {
			return false
		}
		digits = digits && isDigit(c)
	}
	return label != "" && !digits && label[0] != '-' && label[len(label)-1] != '-'
}

// isMacroString is *( macro-expand / macro-literal ) (RFC 7208 7.1).
func isMacroString(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x21 || c > 0x7e:
			return false
		case c != '%':
		case i+1 == len(s):
			return false
		case s[i+1] == '%' || s[i+1] == '_' || s[i+1] == '-':
			i++
		case s[i+1] == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 || !isMacro(s[i+2:i+end]) {
				return false
			}
			i += end
		default:
			return false
		}
	}
	return true
}

// isMacro is macro-letter transformers *delimiter. The letters c, r and t are for the texts of exp= alone, which are not asked for (RFC 7208 7.2).
func isMacro(s string) bool {
	if s == "" || !strings.ContainsRune("slodiphv", rune(s[0]|0x20)) {
		return false
	}
	rest := strings.TrimLeft(s[1:], "0123456789")
	if digits := s[1 : len(s)-len(rest)]; digits != "" && strings.Trim(digits, "0") == "" {
		return false // of no parts
	}
	if rest != "" && rest[0]|0x20 == 'r' {
		rest = rest[1:]
	}
	return strings.Trim(rest, ".-+,/_=") == ""
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
