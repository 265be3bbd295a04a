package lint

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestQuirks holds docs/quirks.md against the tests: every transcript and test that it calls as a witness is there.
func TestQuirks(t *testing.T) {
	files, tests := make(map[string]bool), make(map[string]bool)
	function := regexp.MustCompile(`(?m)^func (Test\w+)`)
	walk(t, func(name string) {
		files[path.Base(name)] = true
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range function.FindAllStringSubmatch(read(t, name), -1) {
				tests[m[1]] = true
			}
		}
	})
	text := read(t, "docs/quirks.md")
	for _, name := range regexp.MustCompile(`\b\w+\.(?:txt|go|py)\b`).FindAllString(text, -1) {
		if !files[name] {
			t.Errorf("docs/quirks.md: there is no %s: name what shows it", name)
		}
	}
	for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(text, -1) {
		if !tests[name] {
			t.Errorf("docs/quirks.md: there is no %s: name what shows it", name)
		}
	}
}
