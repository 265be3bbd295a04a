package mime

import "strings"

// A lexer walks over an unfolded field value (RFC 5322 3.2). It has no errors:
// what is not closed ends with the value.
type lexer struct {
	s       string
	pos     int
	comment string // the last comment that was skipped, without its parentheses
}

func (l *lexer) done() bool { return l.pos >= len(l.s) }

// peek returns the next octet, 0 at the end: a NUL is never in an unfolded value.
func (l *lexer) peek() byte {
	if l.done() {
		return 0
	}
	return l.s[l.pos]
}

// take skips c if it is next.
func (l *lexer) take(c byte) bool {
	if l.peek() == c && !l.done() {
		l.pos++
		return true
	}
	return false
}

// skipCFWS skips white space and comments (RFC 5322 3.2.2).
func (l *lexer) skipCFWS() {
	for !l.done() {
		switch l.s[l.pos] {
		case ' ', '\t', '\r', '\n':
			l.pos++
		case '(':
			l.skipComment()
		default:
			return
		}
	}
}

// skipComment skips a comment; they nest.
func (l *lexer) skipComment() {
	start, depth := l.pos+1, 0
	for !l.done() {
		switch l.s[l.pos] {
		case '\\':
			l.pos++
		case '(':
			depth++
		case ')':
			depth--
		}
		l.pos++
		if depth == 0 {
			l.comment = strings.TrimSpace(unescape(l.s[start : l.pos-1]))
			return
		}
	}
	l.pos = len(l.s)
	l.comment = strings.TrimSpace(unescape(l.s[min(start, l.pos):]))
}

// quoted reads a quoted string (RFC 5322 3.2.4) and returns its content. The
// next octet is the opening quote.
func (l *lexer) quoted() string {
	l.pos++
	start := l.pos
	for !l.done() {
		switch l.s[l.pos] {
		case '\\':
			l.pos++
		case '"':
			l.pos++
			return unescape(l.s[start : l.pos-1])
		}
		l.pos++
	}
	l.pos = len(l.s)
	return unescape(l.s[min(start, l.pos):])
}

// until reads up to one of the octets in stop, or the end.
func (l *lexer) until(stop string) string {
	start := l.pos
	if i := strings.IndexAny(l.s[l.pos:], stop); i >= 0 {
		l.pos += i
	} else {
		l.pos = len(l.s)
	}
	return l.s[start:l.pos]
}

// unescape drops the backslashes of quoted pairs.
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		b = append(b, s[:i]...)
		s = s[i+1:]
		if s == "" {
			break
		}
		b, s = append(b, s[0]), s[1:]
	}
	return string(append(b, s...))
}
