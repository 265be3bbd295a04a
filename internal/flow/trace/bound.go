package trace

import "strings"

// What one event may hold. Text of strangers is cut, and made one line.
const (
	maxText       = 300 // octets of a string
	maxReply      = 600
	maxRecipients = 50
	maxChecks     = 20
	maxRefusals   = 20
	maxCopies     = 50
	maxOnward     = 10
	maxEvidence   = 8
	maxAbout      = 4
	maxEvent      = 16 << 10 // octets of a row; what is longer loses its lists
)

// clip makes text one line of at most n octets.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// bound makes an event fit.
func (e *Event) bound() {
	if n := len(e.To) - maxRecipients; n > 0 {
		e.To, e.More = e.To[:maxRecipients], e.More+n
	}
	e.Checks = e.Checks[:min(len(e.Checks), maxChecks)]
	e.Refusals = e.Refusals[:min(len(e.Refusals), maxRefusals)]
	e.Copies = e.Copies[:min(len(e.Copies), maxCopies)]
	e.Onward = e.Onward[:min(len(e.Onward), maxOnward)]
	if e.Attempt != nil {
		e.Attempt.Evidence = e.Attempt.Evidence[:min(len(e.Attempt.Evidence), maxEvidence)]
	}
}

// shrink is the last resort for an event that is too long all the same.
func (e *Event) shrink() {
	e.More += max(len(e.To)-1, 0)
	e.To = e.To[:min(len(e.To), 1)]
	e.Onward = e.Onward[:min(len(e.Onward), 1)]
	e.Checks, e.Refusals, e.Copies = nil, e.Refusals[:min(len(e.Refusals), 1)], e.Copies[:min(len(e.Copies), 1)]
	if e.Attempt != nil {
		e.Attempt.Evidence = nil
	}
}
