package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestRules shows each rule what it must see and what it must let pass
// (go test ./tools/lint -run Rules -rewrite writes the answers anew).
func TestRules(t *testing.T) {
	checks := packageRules()
	for _, r := range rules() {
		checks[r.name] = func(files []*source) []finding { return r.check(files[0]) }
	}
	datadriven.RunTest(t, "testdata/rules", func(t *testing.T, d *datadriven.TestData) string {
		check, ok := checks[d.Cmd]
		if !ok {
			t.Fatalf("no rule %q", d.Cmd)
		}
		path := "internal/mail/mail.go"
		d.MaybeScanArgs(t, "path", &path)
		text := d.Input
		if d.HasArg("lines") {
			var n int
			d.ScanArgs(t, "lines", &n)
			text = strings.Replace(text, "FILL", strings.Repeat("\n", n), 1)
		}
		s, err := parse(path, []byte(text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		out := new(strings.Builder)
		for _, f := range check([]*source{s}) {
			fmt.Fprintf(out, "%d: %s\n", f.line, f.text)
		}
		if out.Len() == 0 {
			return "fine\n"
		}
		return out.String()
	})
}
