package pop3wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"restante/internal/proto/pop3wire"
)

// FuzzReadCommand holds that every stream of octets is a finite number of
// commands and errors, and that what was parsed is what was sent.
func FuzzReadCommand(f *testing.F) {
	for _, s := range []string{
		"USER tim\r\nPASS a b \r\n", "TOP 1 0\r\nRETR 2\nDELE x\r\n", "APOP mr ose c4c9334bac560ecc979e58001b3e22fb\r\nAUTH PLAIN =\r\nAUTH\r\nAUTH X YQ==\r\n",
		"LANG *\r\nLANG de-AT\r\nUIDL\r\nLIST 3\r\n", "\r\n\r\n\x00\r", strings.Repeat("x", 300) + "\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(in), pop3wire.MaxAuthLine)
		for range len(in) + 2 {
			c, err := pop3wire.ReadCommand(r)
			switch {
			case errors.Is(err, pop3wire.ErrSyntax):
			case errors.Is(err, io.EOF) || errors.Is(err, pop3wire.ErrEndless):
				return
			case err != nil:
				t.Fatal(err)
			case c.Verb == pop3wire.Unknown || c.Msg < 0 || c.Lines < 0:
				t.Fatalf("%+v", c)
			case c.Arg != "" && !strings.Contains(strings.ToUpper(string(in)), strings.ToUpper(c.Arg)):
				t.Fatalf("%+v is not in the input", c)
			}
		}
		t.Fatal("more commands than octets")
	})
}

// FuzzDots holds that what is stuffed comes back, however it is cut, and that
// nothing follows.
func FuzzDots(f *testing.F) {
	f.Add(".\r\n..\r\n.a", 1)
	f.Add("a\r\n.\r\nDELE 1\r\n", 3)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		if piece < 1 {
			return
		}
		r := bufio.NewReaderSize(strings.NewReader(stuff(text, piece)), 16)
		got, err := io.ReadAll(&pop3wire.DotReader{R: r})
		want := text
		if want != "" && !strings.HasSuffix(want, "\r\n") {
			want += "\r\n"
		}
		if err != nil || string(got) != want {
			t.Fatalf("%q became %q, %v", want, got, err)
		}
		if n, _ := io.Copy(io.Discard, r); n != 0 {
			t.Fatalf("%d octets after the end", n)
		}
	})
}

// FuzzTop holds that TOP's cut does not depend on how the message comes, is a
// beginning of it, and ends where its lines say.
func FuzzTop(f *testing.F) {
	f.Add("A: 1\r\n\r\none\r\ntwo\r\n", 1, 2)
	f.Add("\r\n\r\n\r\n", 0, 1)
	f.Fuzz(func(t *testing.T, message string, lines, piece int) {
		if piece < 1 || lines < 0 {
			return
		}
		whole := cut(message, lines, len(message)+1)
		if got := cut(message, lines, piece); got != whole {
			t.Fatalf("in pieces of %d: %q, whole: %q", piece, got, whole)
		}
		if !strings.HasPrefix(message, whole) {
			t.Fatalf("%q does not begin with %q", message, whole)
		}
		if len(whole) < len(message) && !strings.HasSuffix(whole, "\n") {
			t.Fatalf("%q ends within a line", whole)
		}
	})
}
