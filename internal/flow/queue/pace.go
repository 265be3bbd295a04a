package queue

import "slices"

// pace is how many attempts at a time a way bears. The zero value is as many as there may be.
//
// Hosts say 421 to those who have too many connections open, and few say before how many that are. So the number goes down to that of the attempts which were borne,
// and slowly up again: without this, all that waits for such a host would be refused in a burst, and wait for its next time.
type pace struct {
	limit int // 0: none
	good  int // attempts since the limit was changed that the host has answered otherwise
}

// goodEach is after how many good attempts for each that is borne one more is tried.
const goodEach = 10

// bears is how many attempts may be under way, of at most so many.
func (p *pace) bears(most int) int {
	if p.limit == 0 {
		return most
	}
	return min(p.limit, most)
}

// heard learns from the end of an attempt; others are still under way.
func (p *pace) heard(out []Outcome, others, most int) {
	switch {
	case !slices.ContainsFunc(out, func(o Outcome) bool { return o.Reply.Code != 0 }): // a word of nobody's
	case slices.ContainsFunc(out, func(o Outcome) bool { return o.Reply.Code == 421 }):
		if others > 0 && others < p.bears(most) {
			p.limit = others
		}
		p.good = 0
	case p.limit > 0:
		if p.good++; p.good >= goodEach*p.limit {
			p.limit, p.good = p.limit+1, 0
		}
		if p.limit >= most {
			*p = pace{}
		}
	}
}
