package mime

import "strings"

// MessageIDs returns the message ids of a Message-ID, In-Reply-To or References
// value (RFC 5322 3.6.4), without their angle brackets. What old agents write
// around them (RFC 822 4.6.2 allowed phrases) is skipped. If nothing stands in
// brackets, words with an "@" count. Of more than max ids the first and the
// last ones are kept: they are what threading goes by.
func MessageIDs(value string, max int) []string {
	ids := make([]string, 0, min(max, strings.Count(value, "<")))
	add := func(id string) {
		switch {
		case len(ids) < max:
			ids = append(ids, id)
		case max > 1:
			copy(ids[1:], ids[2:])
			ids[max-1] = id
		}
	}
	l := lexer{s: value}
	for !l.done() {
		switch l.peek() {
		case '(':
			l.skipComment()
		case '"':
			l.quoted()
		case '<':
			l.pos++
			if id := cleanID(l.until("><")); id != "" {
				add(id)
			}
			l.take('>')
		default:
			l.pos++
		}
	}
	if strings.IndexByte(value, '<') < 0 {
		for _, w := range strings.Fields(value) {
			if w = strings.Trim(w, ",;()\"'"); strings.IndexByte(w, '@') > 0 {
				add(w)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return ids
}

// cleanID drops white space, which folding puts into long ids, and the quotes
// that a left side may have without need (RFC 5256 2.2 compares ids unquoted).
func cleanID(id string) string {
	if strings.ContainsAny(id, " \t") {
		id = strings.Join(strings.Fields(id), "")
	}
	if strings.HasPrefix(id, `"`) {
		l := lexer{s: id}
		left := l.quoted()
		id = left + id[l.pos:]
	}
	return id
}
