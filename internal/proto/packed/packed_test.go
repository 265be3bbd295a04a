package packed

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"
)

func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpen(t *testing.T) {
	bomb := Gzip(bytes.Repeat([]byte{0}, 10<<20))
	for _, c := range []struct {
		name string
		data []byte
		want string
		err  error
	}{
		{"plain", []byte("<feedback/>"), "<feedback/>", nil},
		{"gzip", Gzip([]byte("<feedback/>")), "<feedback/>", nil},
		{"zip", zipped(t, "a.xml", "<feedback/>"), "<feedback/>", nil},
		{"zip with a note before it", zipped(t, "__MACOSX/a.xml", "x", "read.me", "no", "A.XML", "<feedback/>"), "<feedback/>", nil},
		{"zip with another name", zipped(t, "dir/", "", "report", "<feedback/>"), "<feedback/>", nil},
		{"zip with nothing", zipped(t, "dir/", ""), "", ErrArchive},
		{"empty zip", zipped(t), "PK\x05\x06", nil}, // no file begins in it: it is taken as it is, and is no report
		{"plain and large", bytes.Repeat([]byte{'x'}, 2000), "", ErrTooBig},
		{"gzip bomb", bomb, "", ErrTooBig},
		{"zip bomb", zipped(t, "a.xml", strings.Repeat("x", 1<<20)), "", ErrTooBig},
		{"gzip cut short", bomb[:100], "", ErrTooBig}, // 100 octets are 1000 at least already
		{"gzip cut shorter", Gzip([]byte("<feedback/>"))[:15], "", ErrArchive},
		{"gzip damaged", append(Gzip([]byte("abc"))[:18], "xxxxxxxx"...), "", ErrArchive},
		{"zip cut short", zipped(t, "a.xml", "<feedback/>")[:40], "", ErrArchive},
	} {
		got, err := Open(c.data, 1000)
		if !errors.Is(err, c.err) || c.err == nil && !strings.HasPrefix(string(got), c.want) {
			t.Errorf("%s: %.20q, %v; want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// FuzzOpen: no more comes out than the limit.
func FuzzOpen(f *testing.F) {
	f.Add(Gzip([]byte("<feedback/>")))
	f.Add(zipped(f, "a.xml", "<feedback/>"))
	f.Add([]byte("<feedback/>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := Open(data, 1000)
		if len(out) > 1000 || err != nil && !errors.Is(err, ErrTooBig) && !errors.Is(err, ErrArchive) {
			t.Error(len(out), err)
		}
	})
}
