package lint

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// root is the top of the tree as seen from this package.
const root = "../.."

// module is the module's path.
const module = "restante"

// source is one parsed Go file.
type source struct {
	path  string // from the root, with slashes
	dir   string // of path
	test  bool   // *_test.go
	lines int
	file  *ast.File
	fset  *token.FileSet
}

// finding is a breach of a rule.
type finding struct {
	path string
	line int
	name string // of the declaration, for exemptions; may be empty
	text string // what is wrong and what to do instead
}

// at makes a finding at a node.
func (s *source) at(n ast.Node, name, text string) finding {
	return finding{s.path, s.fset.Position(n.Pos()).Line, name, text}
}

// support says whether the file helps tests and is not part of the server:
// test files, and packages whose name ends in "test".
func (s *source) support() bool {
	return s.test || strings.HasSuffix(s.dir, "test") || under(s.dir, "test") || under(s.dir, "tools")
}

// generated says whether a program wrote the file.
func (s *source) generated() bool { return ast.IsGenerated(s.file) }

// imports yields the import paths of the file.
func (s *source) imports() []string {
	var out []string
	for _, spec := range s.file.Imports {
		out = append(out, strings.Trim(spec.Path.Value, `"`))
	}
	return out
}

// under says whether dir is top or below it.
func under(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

// parse reads one Go file.
func parse(name string, text []byte) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{
		path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		lines: strings.Count(string(text), "\n"), file: file, fset: fset,
	}, nil
}

// walk calls f with every file of the tree that people wrote: not what git
// keeps, not what builds leave.
func walk(t *testing.T, f func(name string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", ".cache", "bin", "bench-out", "node_modules":
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() && name != ".git" { // which is a file in a second work tree
			f(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// load parses all Go files but those under testdata.
func load(t *testing.T) []*source {
	t.Helper()
	var out []*source
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.Contains("/"+name, "/testdata/") {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	})
	return out
}

// exemption is a line of testdata/exempt: rule, path or path#name, reason.
type exemption struct {
	rule, place string
	used        bool
}

// maxExemptions may only be made smaller.
const maxExemptions = 9

// loadExemptions reads testdata/exempt.
func loadExemptions(t *testing.T) []*exemption {
	t.Helper()
	f, err := os.Open("testdata/exempt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []*exemption
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 4 {
			t.Fatalf("testdata/exempt: %q: want a rule, a place and a reason", line)
		}
		out = append(out, &exemption{rule: fields[0], place: fields[1]})
	}
	if len(out) > maxExemptions {
		t.Errorf("testdata/exempt has %d exemptions, %d are allowed: mend the code instead of adding one", len(out), maxExemptions)
	}
	return out
}

// exempt says whether a finding of a rule is excused, and marks by what.
func exempt(list []*exemption, rule string, f finding) bool {
	for _, e := range list {
		if e.rule == rule && (e.place == f.path || f.name != "" && e.place == f.path+"#"+f.name) {
			e.used = true
			return true
		}
	}
	return false
}
