package addr

import (
	"fmt"
	"strings"
)

// ParsePath reads a reverse-path or forward-path from the start of s and
// returns what follows it, which begins with a space or is empty:
//
//	Path         = "<" [ A-d-l ":" ] Mailbox ">"
//	Reverse-path = Path / "<>"
//	A-d-l        = At-domain *( "," At-domain )
//
// "<>" gives the zero Address and "<Postmaster>", in any letter case, an
// Address without a domain; the caller knows where each may stand. A source
// route is read, checked and thrown away (RFC 5321 4.1.1.3, C).
//
// deviates: the angle brackets may be missing, for programs that never learnt
// of them; then the path ends at the first space.
func ParsePath(s string) (a Address, rest string, err error) {
	body, bracketed := strings.CutPrefix(s, "<")
	if !bracketed {
		a, rest, err = parseMailbox(s)
		if err == nil && rest != "" && rest[0] != ' ' {
			err = fmt.Errorf("%w: text after the mailbox", ErrPath)
		}
		if err != nil {
			return Address{}, "", err
		}
		return a, rest, nil
	}
	if rest, ok := strings.CutPrefix(body, ">"); ok {
		return endPath(Address{}, rest)
	}
	if n := len(postmaster); len(body) > n && body[n] == '>' && strings.EqualFold(body[:n], postmaster) {
		return endPath(Address{Local: body[:n]}, body[n+1:])
	}
	if body, err = skipRoute(body); err != nil {
		return Address{}, "", err
	}
	a, rest, err = parseMailbox(body)
	if err != nil {
		return Address{}, "", err
	}
	rest, ok := strings.CutPrefix(rest, ">")
	if !ok {
		return Address{}, "", fmt.Errorf("%w: no closing >", ErrPath)
	}
	return endPath(a, rest)
}

const postmaster = "postmaster"

func endPath(a Address, rest string) (Address, string, error) {
	if rest != "" && rest[0] != ' ' {
		return Address{}, "", fmt.Errorf("%w: text after >", ErrPath)
	}
	return a, rest, nil
}

// skipRoute returns s without the source route at its start, if it has one.
func skipRoute(s string) (string, error) {
	if !strings.HasPrefix(s, "@") {
		return s, nil
	}
	for {
		at, ok := strings.CutPrefix(s, "@")
		if !ok {
			return "", fmt.Errorf("%w: source route", ErrPath)
		}
		end := strings.IndexAny(at, ",:>")
		if strings.HasPrefix(at, "[") { // a literal may hold colons
			if i := strings.IndexByte(at, ']'); i >= 0 {
				end = i + 1
			}
		}
		if end < 0 || end == len(at) {
			return "", fmt.Errorf("%w: source route", ErrPath)
		}
		if _, err := ParseDomain(at[:end]); err != nil {
			return "", fmt.Errorf("%w: source route: %w", ErrPath, err)
		}
		s = at[end+1:]
		switch at[end] {
		case ':':
			return s, nil
		case ',':
		default:
			return "", fmt.Errorf("%w: source route", ErrPath)
		}
	}
}

// parseMailbox reads a mailbox from the start of s, up to ">", a space or the end.
func parseMailbox(s string) (Address, string, error) {
	local, rest, err := parseLocal(s)
	if err != nil {
		return Address{}, "", err
	}
	rest, ok := strings.CutPrefix(rest, "@")
	if !ok {
		return Address{}, "", fmt.Errorf("%w: no @ and domain", ErrPath)
	}
	end := strings.IndexAny(rest, " >")
	if strings.HasPrefix(rest, "[") { // dcontent may be ">"
		if i := strings.IndexByte(rest, ']'); i >= 0 {
			end = i + 1
		}
	}
	if end < 0 {
		end = len(rest)
	}
	d, err := ParseDomain(rest[:end])
	if err != nil {
		return Address{}, "", err
	}
	return Address{Local: local, Domain: d}, rest[end:], nil
}

// parseLocal obeys Local-part = Dot-string / Quoted-string.
func parseLocal(s string) (local, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		local, rest, err = parseQuoted(s[1:])
	} else {
		i := 0
		for i < len(s) && (s[i] == '.' || isAtext(s[i])) {
			i++
		}
		if i == 0 {
			return "", "", fmt.Errorf("%w: no local part", ErrPath)
		}
		if local, rest = s[:i], s[i:]; !isDotString(local) {
			return "", "", fmt.Errorf("%w: not a dot-string", ErrLocal)
		}
	}
	if err == nil {
		err = checkLocal(local)
	}
	return local, rest, err
}

// parseQuoted reads what follows the opening quote of
//
//	Quoted-string   = DQUOTE *QcontentSMTP DQUOTE
//	quoted-pairSMTP = %d92 %d32-126
//
// Control characters are left to checkLocal.
func parseQuoted(s string) (local, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() <= MaxLocal; i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			i++
			if i == len(s) || s[i] < ' ' || s[i] > '~' {
				return "", "", fmt.Errorf("%w: backslash", ErrLocal)
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("%w: unterminated or too long quoted string", ErrLocal)
}
