package lint

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// standing is a row of docs/rfc.tsv.
type standing struct {
	rfc      int
	status   string
	note     string
	packages []string
}

// parseStandings reads docs/rfc.tsv: RFC, status, note, packages.
func parseStandings(text string) ([]standing, error) {
	var out []standing
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		n, err := strconv.Atoi(fields[0])
		if len(fields) != 4 || err != nil {
			return nil, fmt.Errorf("docs/rfc.tsv:%d: want RFC, status, note and packages between tabs", i+1)
		}
		if !slices.Contains([]string{"yes", "partial", "no", "won't"}, fields[1]) {
			return nil, fmt.Errorf("docs/rfc.tsv:%d: status %q: want yes, partial, no or won't", i+1, fields[1])
		}
		if len(out) > 0 && out[len(out)-1].rfc >= n {
			return nil, fmt.Errorf("docs/rfc.tsv:%d: RFC %d is out of order", i+1, n)
		}
		out = append(out, standing{n, fields[1], fields[2], names(fields[3])})
	}
	return out, nil
}

// cited finds the RFCs that a file's comments and strings name.
func cited(s *source) map[int]int {
	out := map[int]int{} // RFC -> line
	pattern := regexp.MustCompile(`\bRFC ([0-9]{3,5})\b`)
	note := func(n ast.Node, text string) {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			rfc, _ := strconv.Atoi(m[1])
			out[rfc] = s.fset.Position(n.Pos()).Line
		}
	}
	for _, group := range s.file.Comments {
		note(group, strings.Join(strings.Fields(group.Text()), " "))
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			note(lit, lit.Value)
		}
		return true
	})
	return out
}

// TestStandings holds docs/rfc.tsv against the code, both ways.
func TestStandings(t *testing.T) {
	table, err := parseStandings(read(t, "docs/rfc.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	citations := map[int][]string{} // RFC -> packages
	for _, s := range load(t) {
		pkg, internal := strings.CutPrefix(s.dir, "internal/")
		for rfc, line := range cited(s) {
			known := slices.ContainsFunc(table, func(row standing) bool { return row.rfc == rfc })
			if !known {
				t.Errorf("%s:%d: RFC %d is not in docs/rfc.tsv: add a row that says how far we follow it", s.path, line, rfc)
			}
			if internal && !s.test {
				citations[rfc] = append(citations[rfc], pkg)
			}
		}
	}
	for _, row := range table {
		kept := row.status == "yes" || row.status == "partial"
		if kept && len(row.packages) == 0 && !strings.HasPrefix(row.note, "as part of RFC ") {
			t.Errorf("docs/rfc.tsv: RFC %d is kept by no package: name it, or say \"as part of RFC ...\"", row.rfc)
		}
		for _, pkg := range row.packages {
			if _, err := os.Stat(path.Join(root, "internal", pkg)); err != nil {
				t.Errorf("docs/rfc.tsv: RFC %d: there is no package %s", row.rfc, pkg)
			} else if kept && !slices.Contains(citations[row.rfc], pkg) {
				t.Errorf("docs/rfc.tsv: RFC %d: %s does not cite it: cite the section at the line that obeys it, or mend the row", row.rfc, pkg)
			}
		}
	}
}
