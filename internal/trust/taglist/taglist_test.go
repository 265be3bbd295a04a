package taglist

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"v=1; a = b ;c=\r\n d e\r\n ;", "v=1|a=b|c=d e"},
		{"", ""},
		{" ;", "error"}, // nothing before a semicolon
		{"a=1;;b=2", "error"},
		{"a=1;a=2", "error"},
		{"a=1;A=2", "a=1|A=2"},
		{"a", "error"},
		{"1a=1", "error"},
		{"a=b=c==;b=", "a=b=c==|b="},
		{strings.Repeat("x", 3) + "=" + strings.Repeat("y", 5), "xxx=yyyyy"},
	} {
		list, err := Parse(c.in)
		var got []string
		for _, tag := range list {
			got = append(got, tag.Name+"="+tag.Value)
		}
		text := strings.Join(got, "|")
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%q: %q, want %q", c.in, text, c.want)
		}
	}
}

// FuzzParse: every value lies where it is said to lie, and names differ.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"v=DKIM1; p=abc", "a=1;;", "b = x ; bh=b=;", "=", ";"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := Parse(s)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, tag := range list {
			if strings.Trim(s[tag.From:tag.To], space) != tag.Value || seen[tag.Name] || s[tag.From-1] != '=' {
				t.Errorf("%q: %+v", s, tag)
			}
			seen[tag.Name] = true
		}
	})
}
