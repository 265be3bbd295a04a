package mime

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

func benchBase64(size int) []byte {
	raw := make([]byte, size)
	for i := range raw {
		raw[i] = byte(i * 7919 >> 3)
	}
	text := base64.StdEncoding.EncodeToString(raw)
	var b bytes.Buffer
	b.WriteString("From: a@example.org\r\nSubject: big\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\r\nSee attachment\r\n--=_b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n")
	for len(text) > 0 {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	b.WriteString("--=_b--\r\n")
	return b.Bytes()
}

func benchText(encoding string, size int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: a@example.org\r\nSubject: text\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", encoding)
	for b.Len() < size {
		b.WriteString("The quick brown fox jumps over the lazy dog, caf=C3=A9 and all that=\r\nsort of thing.\r\n\r\n-- not a boundary\r\n")
	}
	b.WriteString("--=_b--\r\n")
	return b.Bytes()
}

// typicalMessage is what most mail looks like: a dozen trace and other fields, a
// text and its HTML twin.
func typicalMessage() []byte {
	b, err := os.ReadFile("testdata/typical.eml")
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		msg  []byte
	}{
		{"base64", benchBase64(4 << 20)},
		{"text7bit", benchText("7bit", 4<<20)},
		{"textQP", benchText("quoted-printable", 4<<20)},
		{"dashes", []byte("Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--\r\n", 1<<20))},
		{"typical", typicalMessage()},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.msg)))
			b.ReportAllocs()
			p := NewParser(Limits{})
			for b.Loop() {
				p.Reset(Limits{})
				for rest := c.msg; len(rest) > 0; {
					n := min(len(rest), 32<<10)
					p.Write(rest[:n])
					rest = rest[n:]
				}
				p.Finish()
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ name, encoding string }{{"base64", "base64"}, {"qp", "quoted-printable"}} {
		msg := benchText(c.encoding, 1<<20)
		if c.name == "base64" {
			msg = benchBase64(1 << 20)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				io.Copy(io.Discard, NewDecoder(bytes.NewReader(msg), c.encoding))
			}
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	m := Parse(typicalMessage())
	set := NewFieldSet("From", "To", "Cc", "Subject", "Date", "Message-ID", "Content-Type", "References")
	buf := make([]byte, 0, 8<<10)
	b.SetBytes(int64(len(m.Header)))
	b.ReportAllocs()
	for b.Loop() {
		buf = set.Select(buf[:0], m.Header)
	}
}

func BenchmarkHTML(b *testing.B) {
	page := []byte(strings.Repeat("<div class=\"a b\"><p style='x:y'>Some text with <b>bold</b> and an &eacute; in it.</p></div>\r\n", 1<<13))
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		io.Copy(io.Discard, HTMLText(bytes.NewReader(page)))
	}
}

func BenchmarkDecodeHeader(b *testing.B) {
	s := "=?UTF-8?Q?Caf=C3=A9_?= =?UTF-8?B?w6kgbGUgbW9uZGU=?= and =?iso-8859-1?q?more?="
	b.ReportAllocs()
	for b.Loop() {
		DecodeHeader(s)
	}
}
