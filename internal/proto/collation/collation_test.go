package collation

import (
	"bytes"
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		by   Collation
		text string
		want string
	}{
		{UnicodeCasemap, "", ""},
		{UnicodeCasemap, "Hello, World [42]", "HELLO, WORLD [42]"},
		{UnicodeCasemap, "Grüße", "GRU\u0308ßE"},
		{UnicodeCasemap, "e\u0301", "E\u0301"},
		{UnicodeCasemap, "é", "E\u0301"},
		{UnicodeCasemap, "ﬁn", "FIN"},
		{UnicodeCasemap, "ǆ", "DZ\u030c"},
		{UnicodeCasemap, "ОТПУСК отпуск", "ОТПУСК ОТПУСК"},
		{UnicodeCasemap, "ｆｕｌｌ", "FULL"},
		{UnicodeCasemap, "日本語 한국어", "日本語 한국어"},
		{UnicodeCasemap, "ΐ", "Ι\u0308\u0301"},
		{UnicodeCasemap, "a\xffb", "A\xffB"},
		{UnicodeCasemap, "が", "か\u3099"},
		{ASCIICasemap, "Grüße", "GRüßE"},
		{Octet, "Grüße", "Grüße"},
	} {
		if got := c.by.Key(c.text); got != c.want {
			t.Errorf("%v of %q is %q, want %q", c.by, c.text, got, c.want)
		}
	}
}

// TestRFC5255 is the example of RFC 5255 4.6, the two strings that can be converted.
func TestRFC5255(t *testing.T) {
	four, two := "\u0410\u043b\u0435\u043a\u0441\u0435\u0439", "\u0441\u0415\u0420\u0413\u0415\u0419"
	if UnicodeCasemap.Compare(four, two) != -1 || UnicodeCasemap.Compare(two, four) != 1 || UnicodeCasemap.Compare(two, two) != 0 {
		t.Error("the order is wrong")
	}
}

func TestMatch(t *testing.T) {
	all := []Collation{UnicodeCasemap, ASCIICasemap, Octet}
	for _, c := range []struct {
		pattern string
		want    []Collation
	}{
		{"i;octet", all[2:]},
		{"default", all[:1]},
		{"i;basic", nil},
		{"*", all},
		{"i;*", all},
		{"*casemap", all[:2]},
		{"i;*case*", all[:2]},
		{"i;*c*t*", []Collation{Octet}},
		{"cz;*", nil},
		{"", nil},
		{"i;octet*", all[2:]},
		{"*i;octet", all[2:]},
		{"i;octet*i;octet", nil},
	} {
		if got := Match(c.pattern); !slices.Equal(got, c.want) {
			t.Errorf("%q matches %v, want %v", c.pattern, got, c.want)
		}
	}
}

// FuzzKey: a key is its own key, cutting a text changes nothing, and what is equal in ASCII or by octets is equal in Unicode.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "abc", "Grüße aus Köln", "e\u0301\u0327", "ﬁ ǆ ㎒ ½", "\xff\xfe", "İıſK", "가각\u1100\u1161", "\ufb03\u0345ᾳ"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, cut uint8) {
		for c := range Collation(Count) {
			key := c.Key(s)
			if again := c.Key(key); again != key {
				t.Fatalf("%v: %q is %q, which is %q", c, s, key, again)
			}
			at := min(int(cut), len(s))
			for at < len(s) && !utf8.RuneStart(s[at]) {
				at++
			}
			if utf8.ValidString(s) && c.Key(s[:at])+c.Key(s[at:]) != key {
				t.Fatalf("%v: %q cut at %d differs", c, s, at)
			}
			if UnicodeCasemap.Key(key) != UnicodeCasemap.Key(s) {
				t.Fatalf("%v: the key of %q is another text for i;unicode-casemap", c, s)
			}
			if utf8.ValidString(s) && c == UnicodeCasemap && !utf8.ValidString(key) {
				t.Fatalf("%q: key %q", s, key)
			}
		}
		// What Unicode holds for the same text, but for the order of marks and Hangul, has the same key.
		if valid := utf8.ValidString(s); valid && norm.NFD.IsNormalString(s) {
			if nfc := norm.NFC.String(s); !hasHangul(nfc) && UnicodeCasemap.Key(nfc) != UnicodeCasemap.Key(s) && marks(s) < 2 {
				t.Fatalf("%q and %q differ: %q %q", s, nfc, UnicodeCasemap.Key(s), UnicodeCasemap.Key(nfc))
			}
		}
	})
}

func hasHangul(s string) bool {
	return slices.ContainsFunc([]rune(s), func(r rune) bool { return r >= 0xAC00 && r < 0xD7A4 })
}

func marks(s string) (n int) {
	for i := range s {
		if norm.NFD.PropertiesString(s[i:]).CCC() != 0 {
			n++
		}
	}
	return n
}

func BenchmarkKey(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"ascii", "The quick brown fox jumps over the lazy dog"},
		{"cyrillic", "Съешь же ещё этих мягких французских булок"},
		{"cjk", "いろはにほへとちりぬるを色は匂へど散りぬるを"},
	} {
		b.Run(c.name, func(b *testing.B) {
			text, dst := bytes.Repeat([]byte(c.text), 10), []byte(nil)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				dst = UnicodeCasemap.AppendKey(dst[:0], text)
			}
		})
	}
}
