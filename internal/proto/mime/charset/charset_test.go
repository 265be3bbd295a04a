package charset

import (
	"testing"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"utf-7", "H+AOkAKw-llo +Jjo +ZeVnLIqe +2DTdHg a-b", "Hé+llo ☺ 日本語 𝄞 a-b"},
		{"utf-16le", "H\x00\xe9\x00\xe5e4\xd8\x1e\xdd", "Hé日𝄞"},
		{"utf-16be", "\x00H\x00\xe9e\xe5\xd84\xdd\x1e", "Hé日𝄞"},
		{"utf-16", "\xff\xfeH\x00\xe9\x00\xe5e4\xd8\x1e\xdd", "Hé日𝄞"},
		{"utf-32", "\xff\xfe\x00\x00H\x00\x00\x00\xe9\x00\x00\x00\x1e\xd1\x01\x00", "Hé𝄞"},
		{"utf-32le", "\xe9\x00\x00\x00\x1e\xd1\x01\x00", "é𝄞"},
		{"iso-2022-kr", "\x1b$)C\x0e>H3g\x0f hello \x0e<<0h\x0f\x0a\x0e4Y@=\x0f", "안녕 hello 세계\n다음"},
		{"iso-2022-cn", "\x1b$)A\x0eDc:C\x0f hello \x0eJ@=g\x0f\x0a\x1b$)A\x0eOBPP\x0f", "你好 hello 世界\n下行"},
		{"iso-2022-jp", "\x1b$B$3$s$K$A$O\x1b(B hello \x1b$B@$3&\x1b(B", "こんにちは hello 世界"},
		{"cp932", "\x87@\x87\x8a\xfb\xfc\x83\x5c", "①㈱髙ソ"},
		{"euc-jp", "\xa4\xb3\xa4\xf3\xa4\xcb\xa4\xc1\xa4\xcf", "こんにちは"},
		{"cp949", "\xbe\xc8\xb3\xe7 \x8cc\xb9\xe6 \x94\xee", "안녕 똠방 뷁"},
		{"gb2312", "\xc4\xe3\xba\xc3", "你好"},
		{"gb18030", "\xc4\xe3\xba\xc3\x949\xfc6", "你好😀"},
		{"big5", "\xb3\x5c\xa5\x5c\xbb\x5c", "許功蓋"},
		{"johab", "\xb4e\x91w \xa6\xca", "안녕 뷁"},
		{"koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"},
		{"koi8-u", "\xf0\xd2\xc9\xd7\xa6\xd4", "Привіт"},
		{"viscii", "Ti\xaang Vi\xaet", "Tiếng Việt"},
		{"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"iso-8859-8", "\xf9\xec\xe5\xed", "שלום"},
		{"iso-8859-15", "10 \xa4", "10 €"},
		{"macintosh", "\x8e\xb6\xc4", "é∂ƒ"},
		{"cp-850", "\x82\xab", "é½"},
		{"cp437", "\x82\xab", "é½"},
		{"cp737", "\x80\xa2\xad\x98", "Αλφα"},
		{"armscii-8", "\xd0\xb3\xdb", "Հայ"},
		{"windows-874", "\xca\xc7\xd1\xca\xb4\xd5", "สวัสดี"},
		{"hz-gb-2312", "~{Dc:C~} abc", "你好 abc"},
		// Broken and unusual input.
		{"utf-8", "\xef\xbb\xbfa\xff\xc3\xa9\xe2\x82", "a\ufffdé\ufffd\ufffd"},
		{"us-ascii", "caf\xe9 caf\xc3\xa9 \x93q\x94", "café café “q”"},
		{"iso-8859-1", "\x93q\x94 \x80", "“q” €"},
		{"utf-7", "+ a +- +AGE b+AOk-c +2AA-d \x80", "+ a + a béc \ufffdd \ufffd"},
		{"utf-16", "\xff\xfea\x00", "a"},
		{"utf-16", "a\x00b\x00", "ab"},
		{"utf-16", "\x00a\x00b", "ab"},
		{"utf-16le", "\x00\xd8a\x00b", "\ufffda\ufffd"},
		{"utf-32le", "\x00\x00\x11\x00", "\ufffd"},
		{"iso-2022-kr", "\x0e>H3g\x0f no header", "안녕 no header"},
		{"iso-2022-cn", "\x1b$*H\x1bN!!x \x1b$)G\x0eab\x0f.", "\ufffdx \ufffd."},
		{"johab", "\x90\x10a\xff", "\ufffd\x10a\ufffd"},
		{"x-unknown", "caf\xe9", "café"},
		{"", "Gr\xc3\xbc\xc3\x9fe", "Grüße"},
	} {
		if got := Decode(c.name, []byte(c.in)); got != c.want {
			t.Errorf("%q in %s: %q, want %q", c.in, c.name, got, c.want)
		}
	}
}

// TestNames: names as mail spells them.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"UTF-8", "utf8", "Utf_8", "UNICODE-1-1-UTF-7", "ISO-8859-1", "ISO_8859-1:1987", "iso8859-1", "8859-1", "latin1", "ISO-8859-8-I",
		"cp1252", "CP-850", "windows-1252", "x-cp1251", "ANSI_X3.4-1968", "US-ASCII", "us-ascii*en", "ks_c_5601-1987", "KSC5601",
		"cp949", "uhc", "EUC-KR", "gb2312", "x-gbk", "GB18030", "big5-hkscs", "shift_jis", "x-sjis", "cp932", "windows-31j", "ISO-2022-JP-MS",
		"cp50220", "iso-2022-kr", "iso-2022-cn-ext", "x-mac-roman", "tis-620", "koi8-ru", "x-mac-ce", "cp1125", "utf-16", "ucs-2", "utf-32be", "johab",
	} {
		if !Known(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", "x-unknown", "unknown-8bit", "default", "foobar"} {
		if Known(name) {
			t.Errorf("%s is known", name)
		}
	}
	for name, want := range map[string]bool{"ISO-2022-JP": true, "utf-7": true, "csISO2022KR": true, "HZ-GB-2312": true, "utf-8": false, "big5": false} {
		if Stateful(name) != want {
			t.Errorf("Stateful(%s) is %v", name, !want)
		}
	}
}

// FuzzCharset: the output is UTF-8, and how the input is cut does not matter.
func FuzzCharset(f *testing.F) {
	for _, name := range []string{"utf-8", "us-ascii", "utf-7", "utf-16", "utf-32le", "iso-2022-kr", "iso-2022-cn", "iso-2022-jp", "gb18030", "big5", "euc-kr", "cp737", "hz-gb-2312", "x"} {
		f.Add(name, []byte("a+AOk-\x1b$)C\x0e0!\x0f\n\xe9\xa4\xff\xfe\x00\x1b$B$^"))
	}
	f.Add("utf-8", []byte("\xef\xbb\xbf\xc3\xa9\xe2\x82"))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		whole := Decode(name, b)
		if !utf8.ValidString(whole) {
			t.Fatalf("%q in %s gives %q", b, name, whole)
		}
		for _, size := range []int{1, 2, 3} {
			d, _ := NewDecoder(name)
			var out []byte
			for at := 0; at < len(b); at += size {
				out = d.Append(out, b[at:min(at+size, len(b))], false)
			}
			if out = d.Append(out, nil, true); string(out) != whole {
				t.Fatalf("%q in %s: whole %q, in slices of %d %q", b, name, whole, size, out)
			}
		}
	})
}
