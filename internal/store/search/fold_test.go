package search

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	for _, tt := range [][2]string{
		{"Hello, World", "hello, world"},
		{"STRASSE", "straße"},
		{"Café", "CAFE\u0301"},
		{"ﬁne", "fine"},
		{"ＡＢＣ", "abc"},
		{"Ω", "\u2126"},
		{"Σίσυφος", "ΣΊΣΥΦΟΣ"},
	} {
		if a, b := string(Fold(tt[0])), string(Fold(tt[1])); a != b {
			t.Errorf("%q and %q become %q and %q", tt[0], tt[1], a, b)
		}
	}
}

// FuzzFold: where a text is cut changes nothing, and what is folded stays as it is.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"plain", "a\u0301b", "e\u0301\u0301\u0301", "\u1100\u1161\u11a8", strings.Repeat("x", 40) + "ü" + strings.Repeat("y", 40), "\xff\xfe", "ß\u0345"} {
		f.Add(s, uint(3))
	}
	f.Fuzz(func(t *testing.T, s string, cut uint) {
		if !utf8.ValidString(s) {
			return // texts are decoded before
		}
		whole := Fold(s)
		n := int(cut % uint(len(s)+1))
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n++
		}
		var p folder
		out := p.append(nil, []byte(s[:n]), false)
		out = p.append(out, []byte(s[n:]), true)
		if !bytes.Equal(out, whole) {
			t.Fatalf("%q cut at %d: %q, want %q", s, n, out, whole)
		}
	})
}
