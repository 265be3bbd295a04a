package transfer

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLists: whatever a server's list says, reading it ends, and what comes out is bounded by what went in.
func FuzzLists(f *testing.F) {
	f.Add("3 V1588000000 N8 G01\n3 :a\n5 Pold O7 Gg :b:2,S\n", "%08Xu%08Xv")
	f.Add("1 1588000000 4\n1 a\n", "%f")
	f.Add("/2 4 1588000000\na 20 1:7\nb 20 0\n", "%g%%")
	f.Fuzz(func(t *testing.T, list, format string) {
		known, err := readUIDList(strings.NewReader(list), format)
		for base, k := range known {
			if k.uid == 0 || !strings.Contains(list, base) {
				t.Errorf("%q: %+v", base, k)
			}
		}
		if err == nil && len(known) > strings.Count(list, "\n") {
			t.Errorf("%d entries", len(known))
		}
		sizes, _ := readSizeList(strings.NewReader(list), "")
		for base := range sizes {
			if !strings.Contains(list, base) {
				t.Errorf("%q", base)
			}
		}
	})
}

// FuzzMbox: messages lie in the file, one after the other, and come out no longer than they went in.
func FuzzMbox(f *testing.F) {
	f.Add([]byte("From a Mon May  4 03:02:01 2020\nStatus: R\n\n>From x\n\nFrom b Mon May  4 03:02:01 2020\nContent-Length: 1\n\nz\n"))
	f.Add([]byte("\n\nFrom a\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "box")
		must(t, os.WriteFile(path, b, 0o600))
		m := &mbox{path: path}
		rest := len(b)
		for it, err := range m.items(t.Context()) {
			if err != nil {
				break
			}
			r, err := it.open()
			must(t, err)
			text, err := io.ReadAll(r)
			must(t, err)
			if rest -= len(text); rest < 0 || len(text) > int(it.weight) {
				t.Fatalf("%q from %d octets of %d", text, it.weight, len(b))
			}
		}
	})
}
