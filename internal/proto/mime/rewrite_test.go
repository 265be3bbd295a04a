package mime

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"
)

func rewritten(t *testing.T, in []byte, form Form, drop func(*Field) bool) ([]byte, error) {
	t.Helper()
	r, err := NewRewrite(bytes.NewReader(in), Parse(in), form, drop)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	n, err := r.WriteTo(&b)
	if err == nil && n != int64(b.Len()) {
		t.Errorf("%d octets were written, and %d counted", b.Len(), n)
	}
	return b.Bytes(), err
}

// TestRewrite runs testdata/rewrite: "7bit" and "8bit" show a message in that form; "\xNN" in it is an octet, "<CR>" and "<LF>" are such alone.
func TestRewrite(t *testing.T) {
	datadriven.RunTest(t, "testdata/rewrite", func(t *testing.T, d *datadriven.TestData) string {
		form := SevenBit
		if d.Cmd == "8bit" {
			form = EightBit
		}
		var drop func(*Field) bool
		if d.HasArg("drop") {
			drop = func(f *Field) bool { return f.Is("DKIM-Signature") }
		}
		text := strings.NewReplacer(`\0`, "\x00", `\xE4`, "\xe4", "<CR>", "\r", "\n", "\r\n", "<LF>", "\n").Replace(d.Input + "\n")
		for _, arg := range d.CmdArgs {
			if arg.Key == "times" {
				head, body, _ := strings.Cut(text, "\r\n\r\n")
				n := 0
				arg.Scan(t, 0, &n)
				text = head + "\r\n\r\n" + strings.Repeat(strings.TrimSuffix(body, "\r\n"), n) + "\r\n"
			}
		}
		out, err := rewritten(t, []byte(text), form, drop)
		if err != nil {
			return err.Error() + "\n"
		}
		shown := strings.ReplaceAll(string(out), "\r\n", "\n")
		return strings.NewReplacer("\xe4", `\xE4`, "\r", "<CR>", "\n\n", "\n.\n").Replace(shown)
	})
}

// same holds what was in a message against what is.
func same(t *testing.T, was, is *Part, wasText, isText []byte) {
	t.Helper()
	if was.Type != is.Type || was.Subtype != is.Subtype || len(was.Parts) != len(is.Parts) {
		t.Fatalf("%s/%s with %d parts became %s/%s with %d", was.Type, was.Subtype, len(was.Parts), is.Type, is.Subtype, len(is.Parts))
	}
	for i := range was.Parts {
		same(t, &was.Parts[i], &is.Parts[i], wasText, isText)
	}
	if len(was.Parts) > 0 {
		return
	}
	decoded := func(p *Part, text []byte) []byte {
		b, err := io.ReadAll(NewDecoder(bytes.NewReader(text[p.BodyStart:p.End]), p.Encoding))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if a, b := decoded(was, wasText), decoded(is, isText); !bytes.Equal(a, b) {
		t.Fatalf("a body was %q, and became %q", a, b)
	}
}

// FuzzRewrite: what comes out has the form, and the same parts with the same content.
func FuzzRewrite(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.eml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 10_000 {
			f.Add(b, true)
			f.Add(b, false)
		}
	}
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nh\xc3\xa9 \r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\na\x00\r\n--b--\r\n"), true)
	f.Fuzz(func(t *testing.T, in []byte, seven bool) {
		if len(in) > 1<<16 {
			return
		}
		form := EightBit
		if seven {
			form = SevenBit
		}
		out, err := rewritten(t, in, form, nil)
		if errors.Is(err, ErrRewrite) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o == 0 || seven && o >= 0x80 || o == '\n' && (i == 0 || out[i-1] != '\r') {
				t.Fatalf("%q at %d of %q", o, i, out)
			}
		}
		was, is := Parse(in), Parse(out)
		if was.Notes != 0 || is.Notes != 0 {
			return
		}
		same(t, &was.Root, &is.Root, in, out)
		if len(out) > 4*len(in)+1000 {
			t.Fatalf("%d octets became %d", len(in), len(out))
		}
	})
}

// Letters that a slice cuts in two are letters.
func TestCensusLetters(t *testing.T) {
	for _, text := range []string{"", "plain", "Grüße", "привет, 世界 🌍", "Gr\xe4ser", "cut \xc3", "\x80", "🌍\xf0\x9f", "\xf0\x9f\x8c", strings.Repeat("é", 5)} {
		for size := 1; size < 6; size++ {
			var c census
			for b := []byte(text); len(b) > 0; {
				n := min(size, len(b))
				c.Write(b[:n])
				b = b[n:]
			}
			if got, want := c.utf8(), utf8.ValidString(text); got != want {
				t.Errorf("%q by %d: %v", text, size, got)
			}
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	in := []byte("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.Repeat("Grüße an alle, die das lesen, und an alle anderen, die es nicht lesen\r\n", 1000))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		r, err := NewRewrite(bytes.NewReader(in), Parse(in), SevenBit, nil)
		if err == nil {
			_, err = r.WriteTo(io.Discard)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
