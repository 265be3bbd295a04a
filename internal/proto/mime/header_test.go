package mime

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sampleHeader = "From ann@example.org Tue Mar  3 09:14:20 2026\r\n" +
	"From: ann@example.org\r\n" +
	"SUBJECT : folded\r\n \tvalue\r\n\r\n"

func TestFields(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{sampleHeader, []string{
			`"" "From ann@example.org Tue Mar  3 09:14:20 2026" 0-47`,
			`"From" " ann@example.org" 47-70`,
			`"SUBJECT" " folded\r\n \tvalue" 70-97`,
		}},
		{"A: b\nC:d", []string{`"A" " b" 0-5`, `"C" "d" 5-8`}},
		{"A:\n\nB: c", []string{`"A" "" 0-3`}},
		{" leading\r\nA: b\r\n", []string{`"" " leading" 0-10`, `"A" " b" 10-16`}},
		{": no name\r\n", []string{`"" ": no name" 0-11`}},
		{"no colon\r\n but: folded\r\n", []string{`"" "no colon\r\n but: folded" 0-24`}},
		{"A: b\rc\r\n", []string{`"A" " b\rc" 0-8`}},
		{"A: b\r\n \r\n\r\n", []string{`"A" " b\r\n " 0-9`}},
		{"", nil},
		{"\r\n", nil},
	} {
		var got []string
		for f := range Fields([]byte(c.in)) {
			got = append(got, fmt.Sprintf("%q %q %d-%d", f.Name, f.Value, f.Start, f.End))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
	}
}

func TestGetAndUnfold(t *testing.T) {
	if v, ok := Get([]byte(sampleHeader), "subject"); v != "folded \tvalue" || !ok {
		t.Errorf("%q %v", v, ok)
	}
	if v, ok := Get([]byte(sampleHeader), "to"); v != "" || ok {
		t.Errorf("%q %v", v, ok)
	}
	for _, c := range []struct{ in, want string }{
		{" a\r\n b\n\tc ", "a b\tc"},
		{"a\rb\x00c", "a b\uFFFDc"},
		{"\r\n ", ""},
	} {
		if got := Unfold([]byte(c.in)); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestFieldSet(t *testing.T) {
	header := []byte("A: 1\r\nB: 2\r\n folded\r\njunk\r\na : 3\r\nAB: 4\r\n\r\nbody")
	for _, c := range []struct{ names, in, out string }{
		{"a", "A: 1\r\na : 3\r\n\r\n", "B: 2\r\n folded\r\njunk\r\nAB: 4\r\n\r\n"},
		{"b AB", "B: 2\r\n folded\r\nAB: 4\r\n\r\n", "A: 1\r\njunk\r\na : 3\r\n\r\n"},
		{"x", "\r\n", "A: 1\r\nB: 2\r\n folded\r\njunk\r\na : 3\r\nAB: 4\r\n\r\n"},
	} {
		set := NewFieldSet(strings.Fields(c.names)...)
		if got := string(set.Select(nil, header)); got != c.in {
			t.Errorf("%s: selected %q, want %q", c.names, got, c.in)
		}
		if got := string(set.Exclude(nil, header)); got != c.out {
			t.Errorf("%s: excluded %q, want %q", c.names, got, c.out)
		}
	}
	if got := string(NewFieldSet("a").Select(nil, []byte("A: 1"))); got != "A: 1" {
		t.Errorf("without a blank line: %q", got)
	}
}

func TestMessageIDs(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"<a@b>", []string{"a@b"}},
		{"<a@b> <c@d>,<e@f>", []string{"a@b", "c@d", "e@f"}},
		{"Your message of Mon (x <no@no>) \"quoted <no@no>\" <a@b>", []string{"a@b"}},
		{"<a @\t b> <>", []string{"a@b"}},
		{`<"a.b"@c>`, []string{"a.b@c"}},
		{"a@b, c@d word", []string{"a@b", "c@d"}},
		{"<open@b", []string{"open@b"}},
		{"<a@b <c@d>", []string{"a@b", "c@d"}},
		{"none", nil},
		{"", nil},
	} {
		if d := cmp.Diff(c.want, MessageIDs(c.in, 10)); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
	}
	if d := cmp.Diff([]string{"1", "4", "5"}, MessageIDs("<1><2><3><4><5>", 3)); d != "" {
		t.Error(d)
	}
}
