package authres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		text string
		want []Result
	}{
		{"example.org; none", nil},
		{"example.org 1", nil},
		{"mx.google.com;\r\n       dkim=pass header.i=@source.example header.s=s1 header.b=abc;\r\n       spf=pass (google.com: domain of a;b@source.example designates) smtp.mailfrom=a@source.example;\r\n" +
			"       dmarc=pass (p=REJECT sp=NONE dis=NONE) header.from=source.example", []Result{
			{Method: "dkim", Value: "pass", Props: []Prop{{"header.i", "@source.example"}, {"header.s", "s1"}, {"header.b", "abc"}}},
			{Method: "spf", Value: "pass", Props: []Prop{{"smtp.mailfrom", "a@source.example"}}},
			{Method: "dmarc", Value: "pass", Props: []Prop{{"header.from", "source.example"}}},
		}},
		{`"x;y"; DMARC / 1 = Fail reason="a \"b\"; c" policy.x="v w"; spf=pass`, []Result{
			{Method: "spf", Value: "pass"},
		}},
		{`x; DMARC/1 = Fail reason="a \"b\"; c" policy.x="v w"; ; dkim=; =pass; bare`, []Result{
			{Method: "dmarc", Value: "fail", Reason: `a "b"; c`, Props: []Prop{{"policy.x", "v w"}}},
		}},
		{`x; dmarc=pass "header.from=evil.example" header.from=good.example`, []Result{
			{Method: "dmarc", Value: "pass", Props: []Prop{{"header.from", "good.example"}}},
		}},
		{`x; (dmarc=pass`, nil},
	} {
		if diff := cmp.Diff(row.want, Parse(row.text)); diff != "" {
			t.Errorf("%s\n%s", row.text, diff)
		}
	}
}

// FuzzParse: what we write is what is read, and nobody's text becomes another result.
func FuzzParse(f *testing.F) {
	f.Add("example.org", "pass", "why", "source.example")
	f.Add("a;b", "fail", `") ; dmarc=pass (`, `x"; dmarc=pass header.from=y`)
	f.Fuzz(func(t *testing.T, id, value, reason, from string) {
		Parse(reason + ";" + from)
		got := Parse(strings.TrimPrefix(string(Append(nil, id, []Result{{Method: "spf", Value: "none", Comment: reason, Reason: reason, Props: []Prop{{"header.from", from}}}})), Field+":"))
		if id != "" && (len(got) != 1 || got[0].Method != "spf" || got[0].Value != "none") {
			t.Fatalf("%+v", got)
		}
	})
}
