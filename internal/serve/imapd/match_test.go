package imapd

import (
	"strings"
	"testing"
)

// slowMatch is LIST's matching by its definition.
func slowMatch(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	switch c := pattern[0]; c {
	case '*', '%':
		if slowMatch(pattern[1:], name) {
			return true
		}
		return name != "" && (c == '*' || name[0] != '/') && slowMatch(pattern, name[1:])
	default:
		return name != "" && name[0] == c && slowMatch(pattern[1:], name[1:])
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{
		{"*", "a/b"}, {"%", "a/b"}, {"%/%", "a/b"}, {"a*b%c", "aXb/c"}, {"%%", "ab"}, {"*%", "a/b"}, {"", ""}, {"a", ""}, {"%*%", "///"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		if len(text) > 12 || len(name) > 12 || strings.HasPrefix(strings.ToUpper(name), "INBOX") {
			return
		}
		m := newPattern(text)
		for range 2 { // it is used again and again
			if got, want := m.match(name), slowMatch(text, name); got != want {
				t.Fatalf("pattern %q, name %q: %v, want %v", text, name, got, want)
			}
		}
	})
}

func TestPatternInbox(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"inbox", "INBOX", true},
		{"InBoX/x", "INBOX/x", true},
		{"InBoX/x", "INBOX/X", false},
		{"i%", "INBOX", true},
		{"inboxes", "INBOXES", false},
		{"INBOXES", "INBOXES", true},
		{"a/inbox", "a/INBOX", false},
	} {
		if got := newPattern(tt.pattern).match(tt.name); got != tt.want {
			t.Errorf("%q, %q: %v", tt.pattern, tt.name, got)
		}
	}
}

// TestPatternEnds: what a matcher that tries all ways would not have done before the stars go out.
func TestPatternEnds(t *testing.T) {
	if newPattern(strings.Repeat("*a", 300) + "b").match(strings.Repeat("a", 600)) {
		t.Error("it matches")
	}
}
