package lint

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// banned are texts that have no place in a tree that anybody may check out:
// paths of one machine, and remarks about how the text was made. They are
// written in halves so that this file passes its own test.
func banned() map[string]string {
	return map[string]string{
		`(^|[\s"'=(` + "`" + `])/wo` + `rk/`:     "a path of one machine: use a path inside the tree, or an option",
		`(^|[\s"'=(` + "`" + `])/(root|home)/\w`: "a path of one machine: use a path inside the tree, or an option",
		`\.\./sha` + `red`:                       "a path outside the tree: bring what is needed into it",
		`(?i)\b(cla` + `ude|anth` + `ropic|chat` + `gpt|lang` + `uage model|sub-?ag` + `ents?|LL` + `Ms?)\b`: "speaks of how the text was made: say what it is instead",
		`(?i)co-auth` + `ored-by`: "attribution belongs into git's author field",
	}
}

// TestText reads every text file of the tree.
func TestText(t *testing.T) {
	patterns := map[*regexp.Regexp]string{}
	for text, why := range banned() {
		patterns[regexp.MustCompile(text)] = why
	}
	walk(t, func(name string) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains("/"+name, "/testdata/") || len(text) > 1<<20 || bytes.IndexByte(text, 0) >= 0 {
			return
		}
		for n, line := range strings.Split(string(text), "\n") {
			for pattern, why := range patterns {
				if hit := pattern.FindString(line); hit != "" {
					t.Errorf("%s:%d: %q: %s", name, n+1, strings.TrimSpace(hit), why)
				}
			}
		}
	})
}
