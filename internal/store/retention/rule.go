package retention

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule is what somebody has said of a policy: the operator for the server or a domain, the owner for the account or a device. What is empty is
// left to the next one up, and at last to [Default]. It is how a policy is written in configuration, in the directory and on the command line.
type Rule struct {
	Keep     string `json:"keep,omitempty" toml:"keep"`           // none, forever, or a period
	Then     string `json:"then,omitempty" toml:"then"`           // delete, trash, archive
	WaitFor  string `json:"wait_for,omitempty" toml:"wait_for"`   // all, any
	Start    string `json:"start,omitempty" toml:"start"`         // all, now, or a period
	Scope    string `json:"scope,omitempty" toml:"scope"`         // inbox, chosen, all
	MarkSeen string `json:"mark_seen,omitempty" toml:"mark_seen"` // never, on_retr, on_dele
	View     string `json:"view,omitempty" toml:"view"`           // own, shared
	// LoginDelay is the least time between two logins by POP3: none, or a period.
	LoginDelay string `json:"login_delay,omitempty" toml:"login_delay"`
}

// Start is where a device's maildrop begins, counted back from when the device was made.
type Start time.Duration

// StartAll offers all mail there is, StartNow what comes from then on.
const (
	StartNow Start = 0
	StartAll Start = 1<<63 - 1
)

// Floor is the internal date at which a device's maildrop begins; zero for all mail.
func (s Start) Floor(created time.Time) time.Time {
	if s == StartAll {
		return time.Time{}
	}
	return created.Add(-time.Duration(s))
}

// ParseStart reads "all", "now" or a period, as "14d".
func ParseStart(text string) (Start, error) {
	switch text {
	case "all":
		return StartAll, nil
	case "now":
		return StartNow, nil
	}
	k, err := ParseKeep(text)
	if err != nil || k == KeepForever || k == KeepNone {
		return 0, fmt.Errorf(`%q: a maildrop starts with "all" mail, "now", or a period back such as "14d"`, text)
	}
	return Start(k), nil
}

// String is what ParseStart reads.
func (s Start) String() string {
	switch s {
	case StartAll:
		return "all"
	case StartNow:
		return "now"
	}
	return Keep(s).String()
}

// The words of each choice, by their number.
func thenWords() []string     { return []string{"delete", "trash", "archive"} }
func waitForWords() []string  { return []string{"all", "any"} }
func markSeenWords() []string { return []string{"on_dele", "on_retr", "never"} }
func scopeWords() []string    { return []string{"inbox", "chosen", "all"} }
func viewWords() []string     { return []string{"own", "shared"} }

func (t Then) String() string     { return thenWords()[t] }
func (w WaitFor) String() string  { return waitForWords()[w] }
func (m MarkSeen) String() string { return markSeenWords()[m] }
func (s Scope) String() string    { return scopeWords()[s] }

// Apply changes a policy as the rule says. What cannot be read is an error that names it, and nothing is changed then.
func (r Rule) Apply(p Policy) (Policy, error) {
	was, err := p, error(nil)
	if r.Keep != "" {
		p.Keep, err = ParseKeep(r.Keep)
	}
	if r.Start != "" && err == nil {
		p.Start, err = ParseStart(r.Start)
	}
	if r.LoginDelay != "" && err == nil {
		p.LoginDelay, err = ParseLoginDelay(r.LoginDelay)
	}
	for _, c := range []struct {
		key, word string
		words     []string
		set       func(int)
	}{
		{"then", r.Then, thenWords(), func(i int) { p.Then = Then(i) }},
		{"wait_for", r.WaitFor, waitForWords(), func(i int) { p.WaitFor = WaitFor(i) }},
		{"scope", r.Scope, scopeWords(), func(i int) { p.Scope = Scope(i) }},
		{"mark_seen", r.MarkSeen, markSeenWords(), func(i int) { p.MarkSeen = MarkSeen(i) }},
		{"view", r.View, viewWords(), func(i int) { p.Shared = i == 1 }},
	} {
		if c.word == "" || err != nil {
			continue
		}
		i := slices.Index(c.words, c.word)
		if i < 0 {
			err = fmt.Errorf("%s = %q: one of %s", c.key, c.word, strings.Join(c.words, ", "))
			continue
		}
		c.set(i)
	}
	if err != nil {
		return was, err
	}
	return p, nil
}

// Rule is the policy in words, every one of them.
func (p Policy) Rule() Rule {
	r := Rule{
		Keep: p.Keep.String(), Then: p.Then.String(), WaitFor: p.WaitFor.String(), Start: p.Start.String(), Scope: p.Scope.String(),
		MarkSeen: p.MarkSeen.String(), View: "own", LoginDelay: Keep(p.LoginDelay).String(),
	}
	if p.Shared {
		r.View = "shared"
	}
	return r
}

// words are the parts of the rule.
func (r *Rule) words() [8]*string {
	return [...]*string{&r.Keep, &r.Then, &r.WaitFor, &r.Start, &r.Scope, &r.MarkSeen, &r.View, &r.LoginDelay}
}

// Over is what both say: this where it says something, else the other.
func (r Rule) Over(other Rule) Rule {
	theirs := other.words()
	for i, mine := range r.words() {
		if *mine == "" {
			*mine = *theirs[i]
		}
	}
	return r
}

// Said is who has said each part of the rule that all of them make together, the nearest first: in the place of the part, the
// name at the same index; "" where nobody has.
func Said(names []string, rules []Rule) (out Rule) {
	for i := range rules {
		said := rules[i].words()
		for j, name := range out.words() {
			if *name == "" && *said[j] != "" {
				*name = names[i]
			}
		}
	}
	return out
}
