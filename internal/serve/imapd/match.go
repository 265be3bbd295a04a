package imapd

import (
	"strings"

	"restante/internal/proto/imapwire"
)

// pattern is one of LIST (RFC 9051 6.3.9): "*" stands for anything, "%" for anything without a separator. It steps through the
// name once with the set of places in the pattern where it may be, so that no pattern takes more than their product.
type pattern struct {
	text      string
	cur, next []bool
}

// maxPattern is longer than any name; a longer pattern matches nothing.
const maxPattern = 6000

func newPattern(text string) pattern {
	// What several wildcards in a row match, one does.
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; i > 0 && (c == '*' || c == '%') && (text[i-1] == '*' || text[i-1] == c) {
			continue
		}
		b.WriteByte(text[i])
	}
	m := pattern{text: b.String()}
	m.cur, m.next = make([]bool, len(m.text)+1), make([]bool, len(m.text)+1)
	return m
}

// match reports whether the pattern matches the whole name. INBOX, as the first name in a path, matches in any case.
func (m pattern) match(name string) bool {
	if len(m.text) > maxPattern {
		return false
	}
	fold := 0
	if first, _, _ := strings.Cut(name, "/"); first == string(imapwire.Inbox) {
		fold = len(first)
	}
	cur, next := m.cur, m.next
	clear(cur)
	m.enter(cur, 0)
	for i := range len(name) {
		clear(next)
		alive := false
		for j, here := range cur[:len(m.text)] {
			if here && m.step(next, j, name[i], i < fold) {
				alive = true
			}
		}
		if !alive {
			return false
		}
		cur, next = next, cur
	}
	return cur[len(m.text)]
}

// step goes on from place j of the pattern by one octet of the name.
func (m pattern) step(next []bool, j int, c byte, fold bool) bool {
	switch p := m.text[j]; {
	case p == '*', p == '%' && c != separator:
		m.enter(next, j)
	case p == c && p != '%', fold && p|0x20 == c|0x20 && 'a' <= p|0x20 && p|0x20 <= 'z':
		m.enter(next, j+1)
	default:
		return false
	}
	return true
}

// enter adds a place, and those behind it that a wildcard for nothing leads to.
func (m pattern) enter(set []bool, j int) {
	for ; !set[j]; j++ {
		set[j] = true
		if j == len(m.text) || m.text[j] != '*' && m.text[j] != '%' {
			return
		}
	}
}
