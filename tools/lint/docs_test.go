package lint

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestDocs holds the pages against the tree: links inside it lead somewhere,
// files that are named are there, and so are the chores of make.
func TestDocs(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	chore := regexp.MustCompile("(?m)(?:^|`)make ([a-z]+)")
	named := regexp.MustCompile("`((?:cmd|dist|docs|internal|test|tools|changes)/[\\w./-]+)`")
	makefile := read(t, "Makefile")
	walk(t, func(name string) {
		if path.Ext(name) != ".md" || strings.Contains(name, "/testdata/") {
			return
		}
		text := read(t, name)
		exists := func(target string) {
			if _, err := os.Stat(path.Join(root, target)); err != nil {
				t.Errorf("%s: %s is not there: mend the page", name, target)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			exists(path.Join(path.Dir(name), m[1]))
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			exists(m[1])
		}
		for _, m := range chore.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: make %s is not a chore of the Makefile", name, m[1])
			}
		}
	})
}
