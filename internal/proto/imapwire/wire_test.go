package imapwire

import (
	"strings"
	"testing"
)

// TestPlain holds the quick look at eight octets against the definition, at every place.
func TestPlain(t *testing.T) {
	for n := range 20 {
		for at := range max(n, 1) {
			for c := range 256 {
				b := []byte(strings.Repeat("x", n))
				if n > 0 {
					b[at] = byte(c)
				}
				want := n == 0 || c >= ' ' && c < 0x80 && c != '"' && c != '\\'
				if got := plain(string(b)); got != want {
					t.Fatalf("%q: %v", b, got)
				}
			}
		}
	}
}
