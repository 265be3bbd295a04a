package imapd

import (
	"slices"
	"strings"
	"testing"
)

// TestFeatures holds what capabilities govern against the capabilities and commands that there are.
func TestFeatures(t *testing.T) {
	features, commands := featureTable(), commandTable()
	for _, c := range capabilityTable() {
		f, ok := features[strings.ToUpper(c.name)]
		if !ok {
			t.Errorf("%s has no row in featureTable: say there what is gone when it is switched off, or why nothing is", c.name)
			continue
		}
		if len(f.commands)+len(f.codes) == 0 && f.uses == nil && !f.enables && f.elsewhere == "" {
			t.Errorf("%s: its row says neither what it governs nor why it only hides", c.name)
		}
	}
	for name, f := range features {
		if !slices.ContainsFunc(capabilityTable(), func(c capability) bool { return strings.ToUpper(c.name) == name }) && name != "STARTTLS" {
			t.Errorf("%s is no capability", name)
		}
		for _, other := range f.with {
			if _, ok := features[other]; !ok {
				t.Errorf("%s: there is no %s to go with it", name, other)
			}
		}
		for _, command := range f.commands {
			if _, ok := commands[command]; !ok {
				t.Errorf("%s: there is no command %s", name, command)
			}
		}
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "anything", true}, {"", "", true}, {"*", "", true}, {"Outlook", "outlook", true}, {"Outlook", "Outlook 16", false},
		{"Outlook*", "Outlook 16", true}, {"*look", "outlook", true}, {"*16.*", "v16.1", true}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false},
		{"ab*ba", "aba", false}, {"a*a", "a", false}, {"*a*a*", "aa", true}, {"*a*a*", "a", false}, {"x", "", false},
	} {
		if got := fits(tt.pattern, tt.s); got != tt.want {
			t.Errorf("fits(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
}
