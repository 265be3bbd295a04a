package lint

import (
	"os"
	"testing"
)

// rule is one law of the house over single files.
type rule struct {
	name  string
	check func(*source) []finding
}

// rules are those that look at one file at a time.
func rules() []rule {
	return []rule{
		{"file-size", checkFileSize},
		{"func-size", checkFuncSize},
		{"package-name", checkPackageName},
		{"exported-doc", checkExportedDoc},
		{"init", checkInit},
		{"sleep", checkSleep},
		{"bare-go", checkBareGo},
		{"context-field", checkContextField},
		{"lookup", checkLookup},
		{"pure", checkPure},
		{"print", checkPrint},
	}
}

// packageRules are those that look at all files of a directory.
func packageRules() map[string]func([]*source) []finding {
	return map[string]func([]*source) []finding{
		"package-doc": checkPackageDoc,
		"package-var": checkPackageVars,
	}
}

// TestSources holds every Go file of the tree to the rules.
func TestSources(t *testing.T) {
	tree, excused := load(t), loadExemptions(t)
	report := func(t *testing.T, rule string, found []finding) {
		t.Helper()
		for _, f := range found {
			if !exempt(excused, rule, f) {
				t.Errorf("%s:%d: %s", f.path, f.line, f.text)
			}
		}
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, s := range tree {
				report(t, r.name, r.check(s))
			}
		})
	}
	packages := map[string][]*source{}
	for _, s := range tree {
		packages[s.dir] = append(packages[s.dir], s)
	}
	for name, check := range packageRules() {
		t.Run(name, func(t *testing.T) {
			for _, files := range packages {
				report(t, name, check(files))
			}
		})
	}
	for _, e := range excused {
		if !e.used {
			t.Errorf("testdata/exempt: %s %s is not needed any more: remove the line and lower maxExemptions", e.rule, e.place)
		}
	}
}

// read returns a file of the tree.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
