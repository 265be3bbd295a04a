package mime

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// FuzzParse: offsets lie inside and nest, sizes are those of the decoders, and
// how the input is cut does not matter (checkMessage).
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.eml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 10_000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		checkMessage(t, b)
	})
}

// FuzzDecodeHeader: the result is UTF-8 on one line.
func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{
		"=?utf-8?Q?caf=C3=A9?=", "=?utf-8?B?w6k?= =?utf-8?b?w6k=?=", "=?iso-2022-jp?B?GyRCJF4kXyRgGyhC?=",
		"a =?x?q?=?= b", "=?utf-7?Q?+AOk-?=", "=?utf-8*en?q?a?=", "\xff=?a", "=?=?=?",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := DecodeHeader(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("%q decodes to %q", s, got)
		}
		if base, _ := BaseSubject(s); len(base) > len(got) {
			t.Fatalf("base subject %q of %q", base, got)
		}
		if isASCII(s) && !strings.Contains(s, "=?") && !strings.ContainsAny(s, "\r\n\x00") && got != s {
			t.Fatalf("plain %q decodes to %q", s, got)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// FuzzAddress: groups are balanced, no address can be mistaken for the end of one,
// and a plain address that is written out again is read as the same.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"a@b", "A B <a@b>, c@d", "g: a@b, c@d;", `"x, y" <"q r"@[1.2.3.4]>`, "<@r1,@r2:a@b>", "a@b (c)", "(c) a . b @ c . d",
		"a@b <a@b>", "undisclosed-recipients:;", "a b c", "<>", ";;,,::", `"open <a@b>`, "=?utf-8?q?a,_b?= <a@b>", `""`, `"" <""@x>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = Unfold([]byte(s))
		list, more := ParseAddresses(s, 50)
		if len(list) > 50 || more && len(list) != 50 {
			t.Fatalf("%d addresses, more %v", len(list), more)
		}
		open := false
		for _, a := range list {
			switch {
			case a.IsGroupStart() && open, a.IsGroupEnd() && !open:
				t.Fatalf("unbalanced group in %+v", list)
			case a.IsGroupStart():
				open = true
			case a.IsGroupEnd():
				open = false
			case a.Mailbox == "" || a.Host == "":
				t.Fatalf("incomplete %+v", a)
			default:
				checkAddress(t, a)
			}
		}
		if open && !more {
			t.Fatalf("open group in %+v", list)
		}
	})
}

func checkAddress(t *testing.T, a Address) {
	spec := a.Spec()
	if a.Mailbox == MissingMailbox || a.Host == MissingHost || strings.HasPrefix(a.Host, "[") || strings.Contains(spec, "=?") {
		return
	}
	list, _ := ParseAddresses("<"+spec+">", 2)
	if len(list) != 1 || list[0].Mailbox != a.Mailbox || list[0].Host != a.Host {
		t.Fatalf("%+v is written %q and read %+v", a, spec, list)
	}
}

// FuzzDate: a date that is read can be written and read again.
func FuzzDate(f *testing.F) {
	for _, s := range []string{
		"Tue, 3 Mar 2026 09:14:20 +0100", "3 Mar 99 9:14 PST", "Mon Jan  2 15:04:05 2006", "2026-03-03T09:14:20Z",
		"Thu, 1 Jan 1970 00:00:00 GMT (x)", "31 Feb 2026", "1-Jan-2026 1:2:3 PM",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDate(s)
		if !ok {
			return
		}
		again, ok := ParseDate(got.Format(time.RFC1123Z))
		if !ok || !again.Equal(got) {
			t.Fatalf("%q is %v, written again %v %v", s, got, again, ok)
		}
	})
}

// FuzzTransfer: how the input is cut does not matter, nor does the encoding fail.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte("aGVsbG8=\r\nd29ybGQ"), "base64")
	f.Add([]byte("a=3D=\r\nb =  \r\n=C3=A9=zz="), "quoted-printable")
	f.Add([]byte("x\r\nbegin 644 a\r\n#86)C\r\n`\r\nend\r\n"), "x-uuencode")
	f.Fuzz(func(t *testing.T, b []byte, encoding string) {
		whole, err := io.ReadAll(NewDecoder(bytes.NewReader(b), encoding))
		if err != nil {
			t.Fatal(err)
		}
		sliced, _ := io.ReadAll(NewDecoder(iotest.OneByteReader(bytes.NewReader(b)), encoding))
		if !bytes.Equal(whole, sliced) {
			t.Fatalf("whole %q, byte by byte %q", whole, sliced)
		}
	})
}

// FuzzHTML: the text is UTF-8 if the HTML is, and does not depend on the slices.
func FuzzHTML(f *testing.F) {
	f.Add("<p>a&nbsp;b<br>c</p><script>x<y</script>d<!-- e -->f")
	f.Add("<a href='x>y'>z</a>&lt;&#0;&#x1F600;&bogus;&amp")
	f.Add("a<style>p{}</style >b</ x>c<>d<1>e")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		whole, _ := io.ReadAll(HTMLText(strings.NewReader(s)))
		sliced, _ := io.ReadAll(HTMLText(iotest.OneByteReader(strings.NewReader(s))))
		if !bytes.Equal(whole, sliced) || !utf8.Valid(whole) {
			t.Fatalf("whole %q, byte by byte %q", whole, sliced)
		}
	})
}

// FuzzFields: fields cover the block, and Select and Exclude divide it.
func FuzzFields(f *testing.F) {
	f.Add([]byte("From x\r\nA: b\r\n c\r\nB : d\r\nbogus\r\n\r\nbody"), "a")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		at := 0
		for f := range Fields(b) {
			if f.Start != at || f.End <= at || f.End > len(b) {
				t.Fatalf("field %d-%d behind %d", f.Start, f.End, at)
			}
			at = f.End
		}
		set := NewFieldSet(name)
		in, out := set.Select(nil, b), set.Exclude(nil, b)
		blank := len(set.Select(nil, b[at:]))
		if len(in)+len(out)-blank != at+blank {
			t.Fatalf("%d selected, %d excluded, %d blank of %d", len(in), len(out), blank, at)
		}
	})
}
