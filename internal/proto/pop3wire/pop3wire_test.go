package pop3wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/proto/pop3wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestParse runs testdata/commands.txt: a quoted line, and below it what comes
// of it.
func TestParse(t *testing.T) {
	const name = "testdata/commands.txt"
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(string(golden)), "\n\n") {
		in, _, _ := strings.Cut(block, "\n")
		var line string
		if _, err := fmt.Sscanf(in, "%q", &line); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		c, err := pop3wire.ReadCommand(bufio.NewReaderSize(strings.NewReader(line+"\r\n"), pop3wire.MaxAuthLine))
		fmt.Fprintf(&out, "%q\n  %s", line, c.Verb)
		if c.Arg != "" {
			fmt.Fprintf(&out, " arg=%q", c.Arg)
		}
		if c.Msg != 0 || c.Lines != 0 {
			fmt.Fprintf(&out, " msg=%d lines=%d", c.Msg, c.Lines)
		}
		if c.Initial != nil {
			fmt.Fprintf(&out, " initial=%q", c.Initial)
		}
		if err != nil {
			fmt.Fprintf(&out, " error: %v", err)
		}
		out.WriteString("\n\n")
	}
	if *update {
		if err := os.WriteFile(name, []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.TrimSpace(string(golden)), strings.TrimSpace(out.String())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLineLimits(t *testing.T) {
	long := func(n int) string { return "USER " + strings.Repeat("x", n-len("USER \r\n")) + "\r\n" }
	auth := func(n int) string { return "AUTH PLAIN " + strings.Repeat("AAAA", n/4) + "\r\n" }
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"255 octets", long(255), nil},
		{"256 octets", long(256), pop3wire.ErrTooLong},
		{"12 KB", long(12 << 10), pop3wire.ErrTooLong},
		{"40 KB", long(40 << 10), pop3wire.ErrTooLong},
		{"an initial response of 8 KB", auth(8 << 10), nil},
		{"an initial response of 13 KB", auth(13 << 10), pop3wire.ErrTooLong},
		{"no end", strings.Repeat("x", 1<<20), pop3wire.ErrEndless},
		{"cut off", "QUI", io.EOF},
		{"LF alone", "USER x\n", nil},
		{"a bare CR", "USER x\ry\r\n", pop3wire.ErrSyntax},
		{"a NUL", "USER x\x00y\r\n", pop3wire.ErrSyntax},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReaderSize(strings.NewReader(tt.in+"NOOP\r\n"), 16<<10)
			_, err := pop3wire.ReadCommand(r)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				if tt.want == io.EOF && errors.Is(err, pop3wire.ErrSyntax) {
					return // "QUINOOP"
				}
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err != nil && !errors.Is(err, pop3wire.ErrSyntax) {
				return
			}
			if c, err := pop3wire.ReadCommand(r); err != nil || c.Verb != pop3wire.Noop {
				t.Errorf("the next command is %v, %v", c.Verb, err)
			}
		})
	}
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		got  []byte
		want string
	}{
		{pop3wire.AppendOK(nil, ""), "+OK\r\n"},
		{pop3wire.AppendOK(nil, "ready"), "+OK ready\r\n"},
		{pop3wire.AppendErr(nil, "", "no\r\n+OK yes"), "-ERR no+OK yes\r\n"},
		{pop3wire.AppendErr(nil, pop3wire.InUse, "busy"), "-ERR [IN-USE] busy\r\n"},
		{pop3wire.AppendErr(nil, pop3wire.SysTemp, ""), "-ERR [SYS/TEMP]\r\n"},
		{pop3wire.AppendListing(nil, 3, 1<<40), "3 1099511627776\r\n"},
		{pop3wire.AppendUnique(nil, 7, []byte("abc")), "7 abc\r\n"},
		{pop3wire.AppendCapability(nil, "SASL", "PLAIN", "LOGIN"), "SASL PLAIN LOGIN\r\n"},
		{pop3wire.AppendChallenge(nil, nil), "+ \r\n"},
		{pop3wire.AppendChallenge(nil, []byte("abc")), "+ YWJj\r\n"},
		{pop3wire.AppendEnd(nil), ".\r\n"},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if n := len(pop3wire.AppendOK(nil, strings.Repeat("x", 1000))); n != pop3wire.MaxReply {
		t.Errorf("a long reply has %d octets", n)
	}
}

func TestParseReply(t *testing.T) {
	for in, want := range map[string]pop3wire.Reply{
		"+OK":                       {OK: true},
		"+OK 2 320":                 {OK: true, Text: "2 320"},
		"-ERR [in-use] try [later]": {Code: "IN-USE", Text: "try [later]"},
		"-ERR [SYS/TEMP]":           {Code: "SYS/TEMP"},
		"-ERR x [AUTH] y":           {Text: "x [AUTH] y"},
		"-ERR [AUTH":                {Text: "[AUTH"},
	} {
		got, err := pop3wire.ParseReply([]byte(in))
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "+ YWJj", "+ok", "OK", "-ERRx"} {
		if _, err := pop3wire.ParseReply([]byte(in)); !errors.Is(err, pop3wire.ErrSyntax) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// stuff is what a DotWriter makes of text that comes in pieces.
func stuff(text string, piece int) string {
	var b bytes.Buffer
	w := bufio.NewWriterSize(&b, 16)
	d := pop3wire.DotWriter{W: w}
	for len(text) > 0 {
		n := min(piece, len(text))
		d.Write([]byte(text[:n]))
		text = text[n:]
	}
	d.Close()
	w.Flush()
	return b.String()
}

func TestDotStuffing(t *testing.T) {
	for in, want := range map[string]string{
		"":                       ".\r\n",
		"a\r\n":                  "a\r\n.\r\n",
		"a":                      "a\r\n.\r\n",
		".\r\n":                  "..\r\n.\r\n",
		"..\r\n.a\r\n.":          "...\r\n..a\r\n..\r\n.\r\n",
		"a\r\n.\r\nQUIT\r\n":     "a\r\n..\r\nQUIT\r\n.\r\n",
		"a.b\r\n":                "a.b\r\n.\r\n",
		"\r\n\r\n.\r\n.\r\n\r\n": "\r\n\r\n..\r\n..\r\n\r\n.\r\n",
	} {
		for piece := 1; piece <= len(in)+1; piece++ {
			if got := stuff(in, piece); got != want {
				t.Errorf("%q in pieces of %d: %q, want %q", in, piece, got, want)
			}
		}
	}
}

// cut is what a TopCutter leaves of text that comes in pieces.
func cut(text string, lines, piece int) string {
	var b strings.Builder
	c := pop3wire.NewTopCutter(lines)
	for len(text) > 0 {
		n := min(piece, len(text))
		keep, done := c.Cut([]byte(text[:n]))
		b.Write(keep)
		if done {
			break
		}
		text = text[n:]
	}
	return b.String()
}

func TestTop(t *testing.T) {
	const header = "A: 1\r\nB: 2\r\n\tmore\r\n"
	const body = "one\r\n\r\n\r\nfour\r\nfive"
	for _, tt := range []struct {
		message string
		lines   int
		want    string
	}{
		{header + "\r\n" + body, 0, header + "\r\n"},
		{header + "\r\n" + body, 1, header + "\r\none\r\n"},
		{header + "\r\n" + body, 2, header + "\r\none\r\n\r\n"},
		{header + "\r\n" + body, 4, header + "\r\none\r\n\r\n\r\nfour\r\n"},
		{header + "\r\n" + body, 5, header + "\r\n" + body},
		{header + "\r\n" + body, 999, header + "\r\n" + body},
		{header + "\r\n", 0, header + "\r\n"},
		{header + "\r\n", 9, header + "\r\n"},
		{header, 0, header}, // a message without a body has no blank line
		{"\r\n" + body, 0, "\r\n"},
		{"\r\n" + body, 1, "\r\none\r\n"},
		{"", 1, ""},
		{"A: \r\r\n\r\nx\r\n", 0, "A: \r\r\n\r\n"},
	} {
		for piece := 1; piece <= len(tt.message)+1; piece++ {
			if got := cut(tt.message, tt.lines, piece); got != tt.want {
				t.Errorf("TOP %d of %q in pieces of %d: %q, want %q", tt.lines, tt.message, piece, got, tt.want)
			}
		}
	}
}

func TestDotReaderEnds(t *testing.T) {
	r := bufio.NewReaderSize(strings.NewReader("..a\r\n"+strings.Repeat("x", 100)+".\r\n.\r\n+OK\r\n"), 16)
	got, err := io.ReadAll(&pop3wire.DotReader{R: r})
	if want := ".a\r\n" + strings.Repeat("x", 100) + ".\r\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "+OK\r\n" {
		t.Errorf("after the end: %q", rest)
	}
	if _, err := io.ReadAll(&pop3wire.DotReader{R: bufio.NewReader(strings.NewReader("a\r\n"))}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reply without an end: %v", err)
	}
}

func TestIsUniqueID(t *testing.T) {
	for s, want := range map[string]bool{
		"": false, "a": true, "a b": false, strings.Repeat("~", 70): true, strings.Repeat("a", 71): false, "é": false,
	} {
		if pop3wire.IsUniqueID(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func BenchmarkDotWriter(b *testing.B) {
	text := bytes.Repeat([]byte("A line of a message, as long as most of them are, more or less.\r\n"), 1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	w := bufio.NewWriterSize(io.Discard, 16<<10)
	for b.Loop() {
		d := pop3wire.DotWriter{W: w}
		d.Write(text)
		d.Close()
	}
}

func BenchmarkListing(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = buf[:0]
		for i := range 1000 {
			buf = pop3wire.AppendListing(buf, int64(i), 123456)
		}
	}
}
