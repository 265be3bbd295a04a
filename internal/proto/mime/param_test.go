package mime

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseType(t *testing.T) {
	for _, c := range []struct {
		in, typ, sub string
		params       []Param
	}{
		{"text/plain", "text", "plain", nil},
		{"Text / HTML ; Charset=UTF-8", "text", "html", []Param{{"charset", "UTF-8"}}},
		{`multipart/mixed; boundary="a b;c\"d"`, "multipart", "mixed", []Param{{"boundary", `a b;c"d`}}},
		{"text/plain (c); (d) charset (e) = (f) us-ascii (g)", "text", "plain", []Param{{"charset", "us-ascii"}}},
		{"text/plain;;charset=a;;name=b;", "text", "plain", []Param{{"charset", "a"}, {"name", "b"}}},
		{"text/plain charset=a; name=b", "text", "plain", []Param{{"name", "b"}}},
		{`image/png; name=a file (1).png; x="y" z=w`, "image", "png", []Param{{"name", "a file"}, {"x", "y"}, {"z", "w"}}},
		{`text/plain; name="open`, "text", "plain", []Param{{"name", "open"}}},
		{"text/plain; novalue; a=b", "text", "plain", []Param{{"a", "b"}}},
		{"text", "text", "plain", nil},
		{"multipart; boundary=x", "multipart", "mixed", []Param{{"boundary", "x"}}},
		{"foo", "", "", nil},
		{"", "", "", nil},
		{"; charset=x", "", "", []Param{{"charset", "x"}}},
		// RFC 2231 3 and 4.1.
		{`a/b; url*0="ftp://"; url*1="example.org/x"`, "a", "b", []Param{{"url", "ftp://example.org/x"}}},
		{`a/b; t*1*=%2a%2a; t*0*=us-ascii'en'is%20; t*2="it's 100%"`, "a", "b", []Param{{"t*", "us-ascii'en'is%20%2a%2ait's 100%25"}}},
		{"a/b; t*0=a; t*2=c", "a", "b", []Param{{"t", "a"}}},
		{"a/b; t*1=a; t*2=b", "a", "b", []Param{{"t", "ab"}}},
		{"a/b; t*x=a; t*=''b", "a", "b", []Param{{"t*x", "a"}, {"t*", "''b"}}},
		{"a/b; t*0=50%; t*1*=%20x", "a", "b", []Param{{"t*", "''50%25%20x"}}},
	} {
		typ, sub, params, _ := parseType(c.in, 100)
		if typ != c.typ || sub != c.sub {
			t.Errorf("%q: %s/%s", c.in, typ, sub)
		}
		if d := cmp.Diff(c.params, params); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
	}
	if _, _, params, limited := parseType("a/b; a=1; b=2; c=3", 2); len(params) != 2 || !limited {
		t.Errorf("%v %v", params, limited)
	}
}

func TestFilename(t *testing.T) {
	for _, c := range []struct{ typ, disp, want string }{
		{"a/b; name=x", "attachment; filename=y", "y"},
		{"a/b; name=x", "attachment", "x"},
		{"a/b", "attachment; filename*=utf-8''na%C3%AFve%20.txt; filename=naive.txt", "naïve .txt"},
		{"a/b", "attachment; filename*0*=iso-8859-1''caf%E9; filename*1=.txt", "café.txt"},
		{"a/b", `attachment; filename="=?utf-8?Q?caf=C3=A9.txt?="`, "café.txt"},
		{"a/b", "attachment; filename=\"caf\xc3\xa9\"", "café"},
		{"a/b", "attachment; filename*=na%C3%AFve", "naïve"},
		{"a/b", "filename=y.txt", "y.txt"},
		{"a/b", `"attachment"; filename=y`, "y"},
		{"a/b", "attachment; filename*=utf-8''a%0Ab%00%zz", "a b %zz"},
	} {
		var p Part
		_, _, p.Params, _ = parseType(c.typ, 100)
		p.Disposition, p.DispParams, _ = parseDisposition(c.disp, 100)
		if got := p.Filename(); got != c.want || p.Disposition != "attachment" {
			t.Errorf("%q, %q: %q in %q, want %q", c.typ, c.disp, got, p.Disposition, c.want)
		}
	}
}
