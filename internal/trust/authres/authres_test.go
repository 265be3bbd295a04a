package authres

import (
	"bytes"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	got := string(Append(nil, "mx.example.org", []Result{
		{Method: "spf", Value: "pass", Props: []Prop{{"smtp.mailfrom", "me@example.com"}}},
		{Method: "dkim", Value: "fail", Reason: `a "word"`, Comment: "a (b)", Props: []Prop{{"header.d", "example.com"}, {"header.s", ""}, {"header.b", "a/b="}}},
		{Method: "spf", Value: "none", Props: []Prop{{"smtp.helo", "x\r\nEvil: y"}}},
	}))
	want := "Authentication-Results: mx.example.org;\r\n\tspf=pass\r\n\t smtp.mailfrom=me@example.com;\r\n" +
		"\tdkim=fail (a \\(b\\)) reason=\"a \\\"word\\\"\"\r\n\t header.d=example.com\r\n\t header.b=\"a/b=\";\r\n\tspf=none\r\n\t smtp.helo=\"x??Evil: y\"\r\n"
	if got != want {
		t.Errorf("%q", got)
	}
	if got := string(Append(nil, "mx", nil)); got != "Authentication-Results: mx; none\r\n" {
		t.Errorf("%q", got)
	}
}

const rest = "From: a\r\n\r\nAuthentication-Results: mx.example.org; x=pass\r\n"

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		field string
		gone  bool
	}{
		{"Authentication-Results: mx.example.org; spf=pass\r\n", true},
		{"authentication-results : MX.example.org 1; spf=pass\r\n", true},
		{"Authentication-Results:\r\n (a (nested\\) comment))\r\n\tmx.example.org\r\n ;spf=pass\r\n", true},
		{"Authentication-Results: \"mx.exa\\mple.org\"; spf=pass\r\n", true},
		{"Authentication-Results: mx.example.org.; spf=pass\r\n", true},
		{"Authentication-Results: mx.example.net; spf=pass\r\n mx.example.org\r\n", false},
		{"Authentication-Results: xmx.example.org; spf=pass\r\n", false},
		{"Authentication-Results: \r\n", false},
		{"Authentication-Result: mx.example.org; spf=pass\r\n", false},
		{"X: Authentication-Results: mx.example.org; spf=pass\r\n", false},
		{"Authentication-Results: mx.example.org;" + strings.Repeat("\r\n x=y", maxField) + "\r\n", true},
		{"Authentication-Results: mx.example.net;" + strings.Repeat("\r\n x=y", maxField) + "\r\n", false},
		{"Authentication-Results: (" + strings.Repeat("x", maxField) + ") mx.example.org;\r\n", true},
		{"Authentication-Results: mx.example.org; a\r\nAuthentication-Results: mx.example.org; b\r\n", true},
	} {
		want := "To: b\r\n" + c.field + rest
		if c.gone {
			want = "To: b\r\n" + rest
		}
		for _, step := range []int{1, 2, 13, 1 << 20} {
			var out bytes.Buffer
			f := NewFilter(&out, "mx.example.org")
			text := "To: b\r\n" + c.field + rest
			for i := 0; i < len(text); i += step {
				f.Write([]byte(text[i:min(i+step, len(text))]))
			}
			if err := f.Flush(); err != nil || out.String() != want {
				t.Errorf("%.80q in steps of %d: %.300q", c.field, step, out.String())
			}
			if (f.Removed() > 0) != c.gone {
				t.Errorf("%.80q: %d removed", c.field, f.Removed())
			}
		}
	}
}

// FuzzFilter: what passes does not depend on how it is cut; nothing of ours is in it; without such fields nothing is changed.
func FuzzFilter(f *testing.F) {
	f.Add("Authentication-Results: mx; a\r\nTo: b\r\n\r\nx", 3)
	f.Add("Authentication-Results\r\n : mx; a\r\n\r\n", 1)
	f.Fuzz(func(t *testing.T, text string, step int) {
		step = min(max(step, 1), len(text)+1)
		run := func(step int) (string, int) {
			var out bytes.Buffer
			f := NewFilter(&out, "mx")
			for i := 0; i < len(text); i += step {
				f.Write([]byte(text[i:min(i+step, len(text))]))
			}
			f.Flush()
			return out.String(), f.Removed()
		}
		a, n := run(step)
		b, _ := run(len(text) + 1)
		if a != b {
			t.Errorf("%q, %q", a, b)
		}
		if n == 0 && a != text {
			t.Errorf("%q became %q", text, a)
		}
	})
}
