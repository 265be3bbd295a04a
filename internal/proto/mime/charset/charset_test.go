package charset

import (
	"testing"
	"unicode/utf8"
)

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
