// Package authres writes Authentication-Results fields, and takes away those
// that strangers have written in our name (RFC 8601).
//
// It knows the field, not what the results mean. Whatever others may have
// chosen is written so that it cannot end a line or a token.
package authres

import (
	"strings"
)

// Field is the field's name.
const Field = "Authentication-Results"

// Result is what one method found (RFC 8601 2.2).
type Result struct {
	Method  string // "spf"
	Value   string // "pass"
	Comment string // for people; may be empty
	Reason  string // may be empty
	Props   []Prop
}

// Prop is something that a method looked at: "smtp.mailfrom", and its value.
type Prop struct{ Name, Value string }

// Append writes a field with its line end. No results is "none".
func Append(b []byte, id string, results []Result) []byte {
	b = append(b, Field+": "...)
	b = append(b, value(id)...)
	if len(results) == 0 {
		return append(b, "; none\r\n"...)
	}
	for _, r := range results {
		b = append(b, ";\r\n\t"...)
		b = append(append(append(b, r.Method...), '='), r.Value...)
		if r.Comment != "" {
			b = append(append(append(b, " ("...), comment(r.Comment)...), ')')
		}
		if r.Reason != "" {
			b = append(append(b, " reason="...), quoted(r.Reason)...)
		}
		for _, p := range r.Props {
			if p.Value != "" {
				b = append(append(append(append(b, "\r\n\t "...), p.Name...), '='), value(p.Value)...)
			}
		}
	}
	return append(b, "\r\n"...)
}

// maxValue bounds what of others is written.
const maxValue = 320

// value is a token or a quoted-string; an address need not be quoted (RFC 8601 2.2, pvalue).
func value(s string) string {
	s = clean(s)
	local, domain, at := strings.Cut(s, "@")
	if isToken(s) || at && isToken(domain) && (local == "" || isToken(local)) {
		return s
	}
	return quoted(s)
}

func clean(s string) string {
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(s)) + `"`
}

func comment(s string) string {
	return strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(clean(s))
}

// isToken is token of RFC 2045 5.1, and what is above ASCII (RFC 8601 2.2 with RFC 6532).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) })
}

// ID returns the authserv-id of a field's value, in lower case; ok is false where it cannot be read (RFC 8601 2.2).
func ID(field string) (id string, ok bool) {
	rest, ok := skip(field)
	if !ok || rest == "" {
		return "", false
	}
	if rest[0] == '"' {
		var b strings.Builder
		for i := 1; i < len(rest); i++ {
			switch c := rest[i]; {
			case c == '"':
				return strings.ToLower(b.String()), true
			case c == '\\' && i+1 < len(rest):
				i++
				b.WriteByte(rest[i])
			case c == '\r' || c == '\n':
			default:
				b.WriteByte(c)
			}
		}
		return "", false
	}
	id = rest
	if i := strings.IndexAny(rest, " \t\r\n;("); i >= 0 {
		id = rest[:i]
	}
	return strings.ToLower(strings.TrimSuffix(id, ".")), id != ""
}

// skip skips comments and folding white space (RFC 5322 3.2.2).
func skip(s string) (rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0 && c == '\\':
			i++
		case depth > 0, c == ' ', c == '\t', c == '\r', c == '\n':
		default:
			return s[i:], true
		}
	}
	return "", depth == 0
}
