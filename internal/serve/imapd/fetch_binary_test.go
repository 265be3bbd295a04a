package imapd

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func TestCRLF(t *testing.T) {
	for _, tt := range [][2]string{
		{"", ""}, {"a", "a"}, {"a\nb", "a\r\nb"}, {"a\r\nb", "a\r\nb"}, {"\n\n", "\r\n\r\n"}, {"a\r", "a\r"}, {"\r\r\n\n", "\r\r\n\r\n"},
	} {
		for size := range 4 {
			r := &crlfReader{r: bufio.NewReader(strings.NewReader(tt[0]))}
			var out []byte
			buf := make([]byte, size+1)
			for {
				n, err := r.Read(buf)
				out = append(out, buf[:n]...)
				if err == io.EOF {
					break
				}
			}
			if string(out) != tt[1] {
				t.Errorf("%q, %d octets at a time: %q", tt[0], size+1, out)
			}
		}
	}
}
