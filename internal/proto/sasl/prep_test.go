package sasl_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"unicode/utf8"

	"restante/internal/proto/sasl"
)

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPrep(t *testing.T) {
	for _, tt := range []struct{ in, want string }{ // "" means an error
		{"I\u00adX", "IX"}, // RFC 4013 3, 1 to 7
		{"user", "user"},
		{"USER", "USER"},
		{"\u00aa", "a"},
		{"\u2168", "IX"},
		{"\u0007", ""},
		{"\u06271", ""},
		{"", ""},
		{"\u00ad", ""}, // nothing is left
		{"a b", "a b"},
		{"a\u00a0b\u3000c", "a b c"},
		{"a\u200bb", "ab"},
		{"\xff", ""},
		{"\u0627\u0628", "\u0627\u0628"},
		{"\u06271\u0628", "\u06271\u0628"},
		{"\u0627a\u0628", ""},
		{"½ é", "1\u20442 é"},
		{"\ue000", ""},
		{"\ufffe", ""},
		{"\U0001fffe", ""},
		{"\ufffd", ""},
		{"\U000e0041", ""},
		{"\u202e", ""},
		{"\u007f", ""},
		{"\u0085", ""},
		{"пароль🔑", "пароль🔑"},
	} {
		got, err := sasl.Prep(tt.in)
		if got != tt.want || (err != nil) != (tt.want == "") || err != nil && !errors.Is(err, sasl.ErrPrep) {
			t.Errorf("Prep(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func FuzzPrep(f *testing.F) {
	for _, s := range []string{"user", "I\u00adX", "\u0627a", "\xff", "ﷺ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := sasl.Prep(s)
		if err != nil {
			return
		}
		if p == "" || !utf8.ValidString(p) {
			t.Fatalf("Prep(%q) = %q", s, p)
		}
		again, err := sasl.Prep(p)
		if err == nil && again != p {
			t.Fatalf("Prep is not idempotent: %q, %q, %q", s, p, again)
		}
	})
}
