package authres

import "strings"

// maxResults bounds what Parse returns.
const maxResults = 50

// Parse reads the results of a field's value (RFC 8601 2.2), as far as they can be read: what cannot is left out. Comments are not kept.
func Parse(field string) (out []Result) {
	first := true // the authserv-id, and perhaps a version
	for part := range split(field) {
		if first {
			first = false
			continue
		}
		if r, ok := result(part); ok && len(out) < maxResults {
			out = append(out, r)
		}
	}
	return out
}

// split yields the words of each part between semicolons. A word is a token, a quoted-string without its quotes, or "=".
func split(s string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		var words []string
		for {
			rest, ok := skip(s)
			if !ok || rest == "" {
				yield(words)
				return
			}
			var word string
			switch c := rest[0]; c {
			case ';':
				if !yield(words) {
					return
				}
				words, s = nil, rest[1:]
				continue
			case '"':
				word, s = unquote(rest)
			case '=':
				word, s = "=", rest[1:]
			default:
				n := strings.IndexAny(rest, " \t\r\n;=(\"")
				if n < 0 {
					n = len(rest)
				}
				word, s = rest[:max(n, 1)], rest[max(n, 1):]
			}
			words = append(words, word)
		}
	}
}

// unquote reads a quoted-string, which may lack its end.
func unquote(s string) (text, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// result reads "method=value reason=text type.property=value ...". The value of a property may itself have an equals sign in it.
func result(words []string) (r Result, ok bool) {
	if len(words) < 3 || words[1] != "=" || words[2] == "=" {
		return r, false
	}
	method, _, _ := strings.Cut(words[0], "/") // its version
	r.Method, r.Value = strings.ToLower(method), strings.ToLower(words[2])
	for words = words[3:]; len(words) >= 3; {
		if words[1] != "=" {
			words = words[1:]
			continue
		}
		name, value := strings.ToLower(words[0]), words[2]
		words = words[3:]
		if name == "reason" {
			r.Reason = value
		} else if strings.Contains(name, ".") {
			r.Props = append(r.Props, Prop{name, value})
		}
	}
	return r, true
}

// Prop returns the value of a property, "" where there is none.
func (r *Result) Prop(name string) string {
	for _, p := range r.Props {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
