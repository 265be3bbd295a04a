package smtpwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"restante/internal/proto/addr"
)

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", 40)
	for _, tc := range []struct {
		in, line, rest string
		err            error
	}{
		{"NOOP\r\nQUIT\r\n", "NOOP", "QUIT\r\n", nil},
		{"\r\nx", "", "x", nil},
		{"NOOP\nQUIT\r\n", "", "QUIT\r\n", ErrBareLF},
		{"\nx", "", "x", ErrBareLF},
		{"NO\rOP\r\nx", "", "x", ErrBareCR},
		{"NOOP\r\r\nx", "", "x", ErrBareCR},
		{"NO\rOP\nx", "", "x", ErrBareCR},
		{long[:30] + "\r\nx", long[:30], "x", nil},
		{long[:31] + "\r\nx", "", "x", ErrLineTooLong},
		{long + "\r\nx", "", "x", ErrLineTooLong},
		{strings.Repeat(long, 100) + "\r\nx", "", "x", ErrLineTooLong},
		{strings.Repeat(long, 2000) + "\r\nx", "", "", ErrEndless},
		{"", "", "", io.EOF},
		{"NOOP", "", "", io.ErrUnexpectedEOF},
		{long, "", "", io.ErrUnexpectedEOF},
	} {
		for _, size := range []int{16, 33, 4096} {
			br := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(tc.in)), size)
			line, err := ReadLine(br, 32)
			if string(line) != tc.line || err != tc.err {
				t.Errorf("%.50q, buffer %d: %q, %v; want %q, %v", tc.in, size, line, err, tc.line, tc.err)
			}
			if err == ErrEndless {
				continue
			}
			if rest, _ := io.ReadAll(br); string(rest) != tc.rest {
				t.Errorf("%.50q, buffer %d: rest %q, want %q", tc.in, size, rest, tc.rest)
			}
		}
	}
}

// readChunks reads a message in chunks cut as sizes say.
func readChunks(r io.Reader, buf int, binary bool, lim Limits, sizes ...int) (text, rest string, fault, broken error) {
	br := bufio.NewReaderSize(r, buf)
	c := NewChunkReader(binary, lim)
	var out bytes.Buffer
	for i, n := range sizes {
		c.Next(br, int64(n), i == len(sizes)-1)
		_, fault = c.WriteTo(&out)
		if broken = c.Drain(); broken != nil {
			return out.String(), "", fault, broken
		}
	}
	b, _ := io.ReadAll(br)
	return out.String(), string(b), fault, nil
}

func TestChunks(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		sizes    []int
		text     string // when binary too, unless a fault
		fault    error  // in text
	}{
		{"one", "Hey <3\r\n", []int{8}, "Hey <3\r\n", nil},
		{"two", "Hey <3\r\nHey :3\r\n", []int{8, 8}, "Hey <3\r\nHey :3\r\n", nil},
		{"empty last", "a\r\n", []int{3, 0}, "a\r\n", nil},
		{"nothing", "", []int{0}, "", nil},
		{"dots are not stuffed", ".\r\n..\r\n", []int{7}, ".\r\n..\r\n", nil},
		{"a line end in two chunks", "a\r\nb\r\n", []int{2, 4}, "a\r\nb\r\n", nil},
		{"a line end over an empty chunk", "a\r\nb\r\n", []int{2, 0, 4}, "a\r\nb\r\n", nil},
		{"no line end at the end", "a\r\nb", []int{4}, "a\r\nb", nil},
		{"bare LF", "a\nb\r\n", []int{5}, "a\nb\r\n", ErrBareLF},
		{"bare LF first in a chunk", "ab\nc\r\n", []int{2, 4}, "ab\nc\r\n", ErrBareLF},
		{"bare CR", "a\rb\r\n", []int{5}, "a\rb\r\n", ErrBareCR},
		{"bare CR over chunks", "a\rb\r\n", []int{2, 3}, "a\rb\r\n", ErrBareCR},
		{"bare CR last", "ab\r", []int{3}, "ab\r", ErrBareCR},
		{"bare CR last, then an empty chunk", "ab\r", []int{3, 0}, "ab\r", ErrBareCR},
		{"NUL", "a\x00\r\n", []int{4}, "a\x00\r\n", ErrNUL},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, buf := range []int{16, 4096} {
				in := tc.in + "NEXT"
				text, rest, fault, broken := readChunks(iotest.OneByteReader(strings.NewReader(in)), buf, false, noLimit, tc.sizes...)
				if fault != tc.fault || broken != nil || rest != "NEXT" || fault == nil && text != tc.text {
					t.Errorf("text: %q, rest %q, %v, %v", text, rest, fault, broken)
				}
				text, rest, fault, broken = readChunks(strings.NewReader(in), buf, true, noLimit, tc.sizes...)
				if fault != nil || broken != nil || rest != "NEXT" || text != tc.text {
					t.Errorf("binary: %q, rest %q, %v, %v", text, rest, fault, broken)
				}
			}
		})
	}
}

func TestChunkLimits(t *testing.T) {
	in := strings.Repeat("x", 100) + "NEXT"
	if _, rest, fault, broken := readChunks(strings.NewReader(in), 16, false, Limits{Size: 100}, 40, 60); fault != nil || broken != nil || rest != "NEXT" {
		t.Errorf("exactly the limit: %v, %v, rest %q", fault, broken, rest)
	}
	text, rest, fault, broken := readChunks(strings.NewReader(in), 16, false, Limits{Size: 99, Drain: 100}, 40, 60)
	if fault != ErrTooBig || broken != nil || rest != "NEXT" || len(text) != 40 {
		t.Errorf("one octet over: %v, %v, rest %q, %d octets came out", fault, broken, rest, len(text))
	}
	if _, rest, fault, broken := readChunks(strings.NewReader(in), 16, false, Limits{Size: 10, Drain: 100}, 40, 5, 55); fault != ErrTooBig || broken != nil || rest != "NEXT" {
		t.Errorf("later chunks: %v, %v, rest %q", fault, broken, rest)
	}
	if _, _, fault, broken := readChunks(strings.NewReader(in), 16, false, Limits{Size: 99, Drain: 100}, 1<<60); fault != ErrTooBig || broken != ErrEndless {
		t.Errorf("far over: %v, %v", fault, broken)
	}
	if _, _, fault, broken := readChunks(strings.NewReader("abc"), 16, false, noLimit, 4); fault != io.ErrUnexpectedEOF || broken != io.ErrUnexpectedEOF {
		t.Errorf("cut off: %v, %v", fault, broken)
	}
	full := errors.New("disk full")
	br := bufio.NewReaderSize(strings.NewReader(in), 16)
	c := NewChunkReader(true, noLimit)
	c.Next(br, 100, true)
	if _, err := c.WriteTo(writerFunc(func([]byte) (int, error) { return 0, full })); err != full {
		t.Errorf("sink: %v", err)
	}
	if err := c.Drain(); err != nil {
		t.Error(err)
	}
	if rest, _ := io.ReadAll(br); string(rest) != "NEXT" {
		t.Errorf("rest %q", rest)
	}
}

func FuzzChunks(f *testing.F) {
	f.Add("a\r\nb\r\n", uint8(2), uint8(3))
	f.Add("a\r\n\rb\n", uint8(3), uint8(1))
	f.Fuzz(func(t *testing.T, in string, a, b uint8) {
		x := min(int(a), len(in))
		y := min(int(b), len(in)-x)
		z := len(in) - x - y
		text, rest, fault, broken := readChunks(iotest.HalfReader(strings.NewReader(in+"NEXT")), 16, true, noLimit, x, y, z)
		if text != in || rest != "NEXT" || fault != nil || broken != nil {
			t.Fatalf("binary: %q, rest %q, %v, %v", text, rest, fault, broken)
		}
		clean := strings.ReplaceAll(in, "\r\n", "")
		bad := strings.ContainsAny(clean, "\r\n\x00")
		text, rest, fault, broken = readChunks(iotest.HalfReader(strings.NewReader(in+"NEXT")), 16, false, noLimit, x, y, z)
		if (fault != nil) != bad || rest != "NEXT" || broken != nil || !bad && text != in {
			t.Fatalf("%q in %d, %d, %d: %q, rest %q, %v, %v", in, x, y, z, text, rest, fault, broken)
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"EHLO mx.example.org\r\n", "MAIL FROM:<a@b.example> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x+2By AUTH=<>\r\n",
		"MAIL FROM:<> BY=-100;NT MT-PRIORITY=-9 HOLDUNTIL=2030-01-02T03:04:05Z REQUIRETLS\r\n",
		"RCPT TO:<\"a b\"@[IPv6:::1]> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;a\\x{3D}\r\n", "BDAT 12 LAST\r\n", "AUTH PLAIN =\r\n", "QUIT\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		line, err := ReadLine(bufio.NewReaderSize(strings.NewReader(in), 64), MaxCommandLine)
		if err != nil {
			return
		}
		if strings.ContainsAny(string(line), "\r\n") || !strings.HasPrefix(in, string(line)+"\r\n") {
			t.Fatalf("line %q of %q", line, in)
		}
		c, err := ParseCommand(line)
		if err != nil {
			return
		}
		switch c.Verb {
		case EHLO, HELO, LHLO:
			if name, err := ParseHello(c.Arg); err == nil && strings.ContainsAny(name, " \t") {
				t.Fatalf("name %q", name)
			}
		case BDAT:
			if n, _, err := ParseBdat(c.Arg); err == nil && n < 0 {
				t.Fatalf("size %d", n)
			}
		case AUTH:
			ParseAuth(c.Arg)
		case MAIL:
			if m, err := ParseMail(c.Arg, all); err == nil {
				sent := m.AppendTo(nil, all)
				m2, err := ParseMail(string(sent[len("MAIL "):len(sent)-2]), all)
				m.NonASCII, m2.NonASCII = false, false // may go away with a U-label
				if m.From.NeedsUTF8() {
					m.SMTPUTF8 = true
				}
				if err != nil || m != m2 {
					t.Fatalf("%q: %+v, sent as %q: %+v, %v", in, m, sent, m2, err)
				}
			}
		case RCPT:
			if r, err := ParseRcpt(c.Arg, all); err == nil {
				sent := r.AppendTo(nil, all)
				r2, err := ParseRcpt(string(sent[len("RCPT "):len(sent)-2]), all)
				r.NonASCII, r2.NonASCII = false, false
				if len(sent) > 480 {
					return // unitext may have grown beyond what ORCPT may have
				}
				if err != nil || r != r2 {
					t.Fatalf("%q: %+v, sent as %q: %+v, %v", in, r, sent, r2, err)
				}
			}
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"250 2.0.0 Ok\r\n", "250-mx\r\n250-SIZE 10\r\n250 LIMITS RCPTMAX=1\r\n", "550\r\n", "550-5.1.1 a\r\n550 5.1.1 b\r\n", "250-a\n250 b\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		br := bufio.NewReaderSize(strings.NewReader(in), 16)
		r, err := ReadReply(br)
		if err != nil {
			return
		}
		c := ParseCapabilities(r)
		if again := ParseCapabilities(Reply{Code: 250, Text: "mx\n" + strings.Join(c.Lines(), "\n")}); again.Extensions != c.Extensions {
			t.Fatalf("%q: %+v, again %+v", in, c, again)
		}
		sent := string(r.AppendTo(nil))
		for line := range strings.SplitAfterSeq(sent, "\r\n") {
			if len(line) > MaxReplyLine && r.Code != 334 || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") {
				t.Fatalf("%q sent with the line %q", in, line)
			}
		}
		r2, err := ReadReply(bufio.NewReader(strings.NewReader(sent)))
		if err != nil {
			if len(sent) > 100<<10 {
				return // escapes made more lines than a client reads
			}
			t.Fatalf("%q sent as %q: %v", in, sent, err)
		}
		if r2.Code != r.Code || r2.Enhanced != r.Enhanced {
			t.Fatalf("%q sent as %q, read as %v", in, sent, r2)
		}
		if string(r2.AppendTo(nil)) != sent {
			t.Fatalf("%q sent as %q, then as %q", in, sent, r2.AppendTo(nil))
		}
	})
}

func TestReplyLongLine(t *testing.T) {
	r := Reply{Code: 550, Enhanced: Enhanced{5, 7, 1}, Text: strings.Repeat("é", 300) + "\nlast"}
	lines := strings.SplitAfter(string(r.AppendTo(nil)), "\r\n")
	for i, line := range lines[:len(lines)-1] {
		want := "550-5.7.1 "
		if i == len(lines)-2 {
			want = "550 5.7.1 "
		}
		if len(line) > MaxReplyLine || !strings.HasPrefix(line, want) {
			t.Errorf("line %d: %q", i, line)
		}
	}
	challenge := Reply{Code: 334, Text: strings.Repeat("A", 4000)}
	if got := string(challenge.AppendTo(nil)); got != "334 "+challenge.Text+"\r\n" {
		t.Errorf("challenge in several lines: %q", got)
	}
}

func TestProtocol(t *testing.T) {
	for want, p := range map[string]Protocol{
		"SMTP":       {},
		"ESMTP":      {Extended: true},
		"ESMTPS":     {Extended: true, TLS: true},
		"ESMTPSA":    {Extended: true, TLS: true, Auth: true},
		"ESMTPA":     {Extended: true, Auth: true},
		"UTF8SMTP":   {Extended: true, UTF8: true},
		"UTF8SMTPSA": {Extended: true, UTF8: true, TLS: true, Auth: true},
		"LMTP":       {LMTP: true},
		"LMTPS":      {LMTP: true, Extended: true, TLS: true},
		"UTF8LMTP":   {LMTP: true, UTF8: true},
		"LMTPSA":     {LMTP: true, TLS: true, Auth: true},
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}

func TestReceived(t *testing.T) {
	at := time.Date(2026, 3, 5, 14, 7, 9, 0, time.FixedZone("", 3600))
	u1, _ := addr.Parse("u1@demo.test")
	for _, tc := range []struct {
		r    Received
		want string
	}{
		{
			Received{Hello: "mx.example.org", Peer: netip.MustParseAddr("192.0.2.7"), By: "demo.test",
				With: Protocol{Extended: true, TLS: true}, Cipher: "TLS_AES_128_GCM_SHA256", ID: "5xk2", For: u1, Time: at},
			"Received: from mx.example.org ([192.0.2.7])\r\n\tby demo.test with ESMTPS id 5xk2\r\n\tfor <u1@demo.test>\r\n" +
				"\ttls TLS_AES_128_GCM_SHA256;\r\n\tThu, 5 Mar 2026 14:07:09 +0100\r\n",
		},
		{
			Received{Hello: "[IPv6:2001:db8::1]", Name: "mx.example.org", Peer: netip.MustParseAddr("2001:db8::1"), By: "demo.test",
				With: Protocol{Extended: true}, ID: "x", Time: at},
			"Received: from [IPv6:2001:db8::1] (mx.example.org [IPv6:2001:db8::1])\r\n\tby demo.test with ESMTP id x;\r\n" +
				"\tThu, 5 Mar 2026 14:07:09 +0100\r\n",
		},
		{
			Received{Hello: "a(b)\\c/d;", Peer: netip.MustParseAddr("192.0.2.7"), By: "demo.test", Time: at},
			"Received: from unknown ([192.0.2.7]) (HELO a?b??c/d;)\r\n\tby demo.test with SMTP;\r\n\tThu, 5 Mar 2026 14:07:09 +0100\r\n",
		},
		{
			Received{Hello: "localhost", By: "demo.test", With: Protocol{LMTP: true}, ID: "x", Time: at},
			"Received: from localhost\r\n\tby demo.test with LMTP id x;\r\n\tThu, 5 Mar 2026 14:07:09 +0100\r\n",
		},
	} {
		if got := string(tc.r.AppendTo(nil)); got != tc.want {
			t.Errorf("%+v:\n%swant\n%s", tc.r, got, tc.want)
		}
	}
}
