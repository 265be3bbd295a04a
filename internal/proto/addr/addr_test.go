package addr_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"restante/internal/proto/addr"
)

var update = flag.Bool("update", false, "write the golden files again")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		flag.Set("rewrite", "true") // datadriven's name for it
	}
	os.Exit(m.Run())
}

// TestGolden runs testdata/golden/*: each line of a case is one input, after
// "go:" in Go quotes where it holds what a text file cannot show.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.SplitSeq(d.Input, "\n") {
				in := line
				if s, ok := strings.CutPrefix(line, "go:"); ok {
					var err error
					if in, err = strconv.Unquote(s); err != nil {
						t.Fatalf("%s: %v", line, err)
					}
				}
				fmt.Fprintf(&out, "%s\n    %s\n", line, run(d.Cmd, in))
			}
			return out.String()
		})
	})
}

func run(cmd, in string) string {
	switch cmd {
	case "domain":
		d, err := addr.ParseDomain(in)
		if err != nil {
			return "error: " + err.Error()
		}
		s := string(d)
		if u := d.Unicode(); u != s {
			s += " shown as " + u
		}
		if ip, ok := d.IP(); ok {
			s += " ip " + ip.String()
		}
		return s
	case "mailbox":
		a, err := addr.Parse(in)
		if err != nil {
			return "error: " + err.Error()
		}
		return describe(a)
	case "path":
		a, rest, err := addr.ParsePath(in)
		if err != nil {
			return "error: " + err.Error()
		}
		return describe(a) + fmt.Sprintf(" rest %q", rest)
	case "detail":
		a, err := addr.Parse(in)
		if err != nil {
			return "error: " + err.Error()
		}
		base, detail, ok := a.Detail("+")
		return fmt.Sprintf("%s detail %q %v", base, detail, ok)
	case "xtext":
		s, err := addr.DecodeXtext(in)
		if err != nil {
			return "error: " + err.Error()
		}
		return fmt.Sprintf("%q, encoded %s", s, addr.EncodeXtext(s))
	case "unitext":
		s, err := addr.DecodeUnitext(in)
		if err != nil {
			return "error: " + err.Error()
		}
		return fmt.Sprintf("%q, encoded %s or %s", s, addr.EncodeUnitext(s, true), addr.EncodeUnitext(s, false))
	}
	return "unknown command"
}

func describe(a addr.Address) string {
	s := fmt.Sprintf("local %q domain %q sent as %s key %q", a.Local, a.Domain, a, a.Key())
	if a.NeedsUTF8() {
		s += " utf8"
	}
	return s
}

func TestLiteral(t *testing.T) {
	for in, want := range map[string]addr.Domain{
		"192.0.2.1":        "[192.0.2.1]",
		"2001:db8::1":      "[IPv6:2001:db8::1]",
		"fe80::1%eth0":     "[IPv6:fe80::1]",
		"::ffff:192.0.2.1": "[192.0.2.1]",
	} {
		d := addr.Literal(netip.MustParseAddr(in))
		if d != want {
			t.Errorf("Literal(%s) = %s, want %s", in, d, want)
		}
		if again, err := addr.ParseDomain(string(d)); err != nil || again != d {
			t.Errorf("ParseDomain(%s) = %s, %v", d, again, err)
		}
	}
}

func TestFold(t *testing.T) {
	same := [][]string{
		{"Fred", "fred", "FRED"},
		{"Jos\u00e9", "JOSE\u0301", "jose\u0301"},
		{"stra\u00dfe", "STRA\u1e9eE"},
		{"\uab70", "\u13a0"},
		{"\u0130x", "I\u0307X"},
		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3"},
		{"\u03b1\u0345\u0301", "\u03b1\u0301\u0345"},
	}
	for _, group := range same {
		for _, s := range group {
			if got, want := addr.Fold(s), addr.Fold(group[0]); got != want {
				t.Errorf("Fold(%q) = %q, want %q", s, got, want)
			}
		}
	}
	for _, pair := range [][2]string{{"a", "\u0430"}, {"i", "\u0131"}, {"\u00df", "ss"}} {
		if addr.Fold(pair[0]) == addr.Fold(pair[1]) {
			t.Errorf("%q and %q fold together", pair[0], pair[1])
		}
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		other := unicode.SimpleFold(r)
		if other == r {
			continue
		}
		if a, b := addr.Fold(string(r)), addr.Fold(string(other)); a != b {
			t.Errorf("%U folds to %q, its other case %U to %q", r, a, other, b)
		}
	}
}

func TestProperties(t *testing.T) {
	t.Run("every local part survives quoting", rapid.MakeCheck(func(t *rapid.T) {
		local := rapid.StringN(1, 60, addr.MaxLocal).Draw(t, "local")
		a, err := addr.New(local, "Example.COM")
		if err != nil {
			return // control characters
		}
		b, err := addr.Parse(a.String())
		if err != nil || a != b {
			t.Fatalf("Parse(%q) = %#v, %v; want %#v", a, b, err, a)
		}
	}))
	t.Run("fold is idempotent", rapid.MakeCheck(func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if once, twice := addr.Fold(s), addr.Fold(addr.Fold(s)); once != twice {
			t.Fatalf("%q -> %q -> %q", s, once, twice)
		}
	}))
	t.Run("xtext round trip", rapid.MakeCheck(func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s"))
		if got, err := addr.DecodeXtext(addr.EncodeXtext(s)); err != nil || got != s {
			t.Fatalf("%q -> %q, %v", s, got, err)
		}
	}))
	t.Run("unitext round trip", rapid.MakeCheck(func(t *rapid.T) {
		s := rapid.StringN(1, -1, -1).Draw(t, "s")
		for _, utf8ok := range []bool{true, false} {
			enc := addr.EncodeUnitext(s, utf8ok)
			if got, err := addr.DecodeUnitext(enc); err != nil || got != s {
				t.Fatalf("%q -> %q -> %q, %v", s, enc, got, err)
			}
		}
	}))
}
