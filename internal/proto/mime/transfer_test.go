package mime

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
)

func TestNewDecoder(t *testing.T) {
	for _, c := range []struct{ encoding, in, want string }{
		{"", "a=3D", "a=3D"},
		{"8bit", "\xff", "\xff"},
		{"x-unheard-of", "abc", "abc"},
		{"base64", "aGVsbG8=", "hello"},
		{" BASE64 ", "aGVs\r\nbG8=\r\n", "hello"},
		{"base64", "aGVsbG8", "hello"},                       // no padding
		{"base64", "a*GV-s_\xffbG8=", "hello"},               // junk; "-" and "_" are of another alphabet
		{"base64", "aGVs!b G\x008=", "hello"},                // junk
		{"base64", "aGVsbG8=d29ybGQ=", "helloworld"},         // two texts in one
		{"base64", "aGVsbG8==d29ybGQ", "helloworld"},         //
		{"base64", "a", ""},                                  // no octet in it
		{"base64", "====", ""},                               //
		{"quoted-printable", "a=3Db=c3=A9", "a=b\xc3\xa9"},   //
		{"quoted-printable", "a=\r\nb=\nc", "abc"},           // soft line breaks
		{"quoted-printable", "a= \t\r\nb", "ab"},             // padded ones
		{"quoted-printable", "a \t\r\nb \nc  ", "a\r\nb\nc"}, // RFC 2045 6.7 rule 3
		{"quoted-printable", "a=20\r\n", "a \r\n"},           //
		{"quoted-printable", "a=zb=4", "a=zb=4"},             // broken escapes
		{"quoted-printable", "=3=3D = x", "=3= = x"},         //
		{"quoted-printable", "a=", "a"},                      // a line end was cut off
		{"quoted-printable", "a\rb \rc", "a\rb \rc"},         // bare CRs
		{"quoted-printable", "=\r=\r\n=0D=0A", "=\r\r\n"},    //
		{"quoted-printable", "é", "é"},                       // 8-bit
		{"x-uuencode", "hi\r\nbegin 644 x\r\n%:&5L;&\\\r\n`\r\nend\r\n%:&5L;&\\\r\n", "hello"},
		{"uuencode", "begin 644 x\n%:&5\n", "he@\x00\x00"}, // a short line
		{"x-uue", "no beginning\n%:&5L;&\\\n", ""},         //
	} {
		got, err := io.ReadAll(NewDecoder(strings.NewReader(c.in), c.encoding))
		if err != nil || string(got) != c.want {
			t.Errorf("%q in %s: %q %v, want %q", c.in, c.encoding, got, err, c.want)
		}
	}
}

// TestDecodeRandom: what the standard library encodes comes back.
func TestDecodeRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		raw := make([]byte, rng.IntN(30_000))
		for i := range raw {
			raw[i] = byte(rng.Uint32() >> (rng.IntN(2) * 3))
		}
		b64 := base64.StdEncoding.EncodeToString(raw)
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		w.Write(raw)
		w.Close()
		for encoding, text := range map[string]string{"base64": b64, "quoted-printable": qp.String()} {
			got, _ := io.ReadAll(NewDecoder(strings.NewReader(text), encoding))
			if !bytes.Equal(got, raw) {
				t.Fatalf("%s of %d octets: %d octets came back", encoding, len(raw), len(got))
			}
		}
	}
}

func TestTextReader(t *testing.T) {
	part := &Part{Type: "text", Params: []Param{{"charset", "ISO-8859-15"}}, Encoding: "quoted-printable"}
	got, err := io.ReadAll(TextReader(part, strings.NewReader("10 =A4 caf=\r\n\xe9")))
	if err != nil || string(got) != "10 € café" {
		t.Errorf("%q %v", got, err)
	}
}

func TestTextReaderMeta(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<meta http-equiv=Content-Type content='text/html; Charset=KOI8-R'>\xf0", "П"},
		{"<META name=x><meta CHARSET = \"gb2312\">\xc4\xe3", "你"},
		{"<meta charset=utf-16>\xc3\xa9", "é"},
		{"<meta charset>\xe9", "é"},
		{"\xe9" + strings.Repeat(" ", 2000) + "<meta charset=koi8-r>\xf0", "ð"},
	} {
		part := &Part{Type: "text", Subtype: "html"}
		got, err := io.ReadAll(TextReader(part, iotest.OneByteReader(strings.NewReader(c.in))))
		if err != nil || !strings.HasSuffix(string(got), ">"+c.want) {
			t.Errorf("%q: %q %v", c.in, got, err)
		}
	}
}

func TestKnownEncoding(t *testing.T) {
	for name, want := range map[string]bool{"": true, "7bit": true, "Base64": true, "quoted-printable; x": true, "x-uuencode": true, "x-rot13": false} {
		if KnownEncoding(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestHTMLText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<p>One <b>bold</b> word.</p><p>Two</p>", "One bold word.\nTwo"},
		{"a<br>b<BR/>c", "a\nb\nc"},
		{"a &amp; b&nbsp;c &#233; &eacute &lt;x&gt; &bogus; &", "a & b\u00a0c é é <x> &bogus; &"},
		{"x<style>p > a { }</style>y<script>if (a < b) '</p>'</script >z", "xyz"},
		{"<title>no</title>yes<!-- no -- > no -->!<!-->?<!--->.", "yes!?."},
		{"<!DOCTYPE html><?xml x?><![if !mso]>a<![endif]>b", "ab"},
		{`<a href="x>y" title='<p>'>link</a>`, "link"},
		{`<a title=a"b>link</a>`, "link"},
		{"1 < 2 <3 > 0 </ p>x</p", "1 < 2 <3 > 0 x"},
		{"<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc"},
		{"  a \n\t b  ", "a b"},
		{"&#0;&#xD800;&#x110000;", "\uFFFD\uFFFD\uFFFD"},
		{"<img src=\"data:" + strings.Repeat("A", 100_000) + "\">x", "x"},
		{"<svg/>a<script/>b", "ab"},
		{"<style>never closed", ""},
	} {
		got, err := io.ReadAll(HTMLText(strings.NewReader(c.in)))
		if err != nil || string(got) != c.want {
			t.Errorf("%.60q: %q %v, want %q", c.in, got, err, c.want)
		}
	}
}
