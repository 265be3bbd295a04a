package mime

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestDepth(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"d%d.\"\r\n\r\n--d%d.\r\n", i, i)
	}
	b.WriteString("\r\nBottom\r\n")
	for i := range 200 {
		fmt.Fprintf(&b, "--d%d.--\r\n", 199-i)
	}
	checkMessage(t, []byte(b.String()))
	m := Parse([]byte(b.String()))
	depth := 1
	for p := &m.Root; len(p.Parts) > 0; p = &p.Parts[0] {
		depth++
	}
	if depth != 100 || m.Notes != DepthLimited {
		t.Errorf("depth %d, notes %b", depth, m.Notes)
	}
}

func TestDepthOfMessages(t *testing.T) {
	b := []byte(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 1000) + "Subject: x\r\n\r\nBottom")
	checkMessage(t, b)
	if m := Parse(b); m.Notes != DepthLimited {
		t.Errorf("notes %b", m.Notes)
	}
}

func TestParts(t *testing.T) {
	b := []byte("Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\ny\r\n", 3000) + "--x--\r\n")
	checkMessage(t, b)
	m := Parse(b)
	if len(m.Root.Parts) != 1999 || m.Notes != PartsLimited {
		t.Errorf("%d parts, notes %b", len(m.Root.Parts), m.Notes)
	}
	if last := m.Root.Parts[1998]; last.End != m.Size {
		t.Errorf("the last part ends at %d of %d", last.End, m.Size)
	}
}

func TestHeaderBytes(t *testing.T) {
	for name, header := range map[string]string{
		"one line":    "Subject: " + strings.Repeat("x", 3<<20) + "\r\n",
		"many fields": strings.Repeat("X-Field: x\r\n", 300_000),
		"folded":      "Subject: x" + strings.Repeat("\r\n y", 1<<20) + "\r\n",
		"no colon":    strings.Repeat("x\r\n", 1<<20),
	} {
		b := []byte(header + "To: late@example.org\r\n\r\nBody\r\n")
		p := NewParser(Limits{})
		p.Write(b)
		m := p.Finish()
		if m.Notes != HeadersLimited || m.Root.BodyStart != int64(len(b)-6) || m.Preview != "Body" {
			t.Errorf("%s: notes %b, body at %d of %d, preview %q", name, m.Notes, m.Root.BodyStart, len(b), m.Preview)
		}
		if len(m.Header) != 16<<10 || !m.HeaderTruncated || cap(p.header) > 2<<20 {
			t.Errorf("%s: kept %d, buffer %d", name, len(m.Header), cap(p.header))
		}
	}
}

func TestSmallLimits(t *testing.T) {
	b := []byte("To: a@x, b@x, c@x\r\nContent-Type: text/plain; a=1; b=2; c=3\r\nX: " + strings.Repeat("x", 100) + "\r\n\r\n")
	p := NewParser(Limits{Addresses: 2, Params: 2, HeaderBytes: 100, KeepHeader: 10})
	p.Write(b)
	m := p.Finish()
	if m.Notes != AddressesLimited|ParamsLimited|HeadersLimited || len(m.Envelope().To) != 2 || len(m.Root.Params) != 2 || string(m.Header) != "To: a@x, b" {
		t.Errorf("%+v", m)
	}
}

// TestAmplification: what is small on the wire must not be large in memory.
func TestAmplification(t *testing.T) {
	for name, msg := range map[string]string{
		"commas":     "To: " + strings.Repeat("a,", 1<<19) + "\r\n\r\n",
		"groups":     "To: " + strings.Repeat("a:;", 1<<18) + "\r\n\r\n",
		"params":     "Content-Type: a/b" + strings.Repeat(";a=b", 1<<18) + "\r\n\r\n",
		"pieces":     "Content-Type: a/b" + strings.Repeat(";a*1=b", 1<<17) + "\r\n\r\n",
		"references": "References: " + strings.Repeat("<a>", 1<<18) + "\r\n\r\n",
		"languages":  "Content-Language: " + strings.Repeat("a,", 1<<19) + "\r\n\r\n",
		"words":      "Subject: " + strings.Repeat("=?a?q?b?= ", 1<<16) + "\r\n\r\n",
		"parts":      "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\n", 1<<18),
		"html":       "Content-Type: text/html\r\n\r\n" + strings.Repeat("&#x10FFFF;", 1<<16),
		"scripts":    strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 1<<15),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Parse([]byte(msg))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 24<<20 {
			t.Errorf("%s: %d octets allocate %d", name, len(msg), got)
		}
	}
}

// TestReset: a parser that is used again gives what a new one gives, and does not
// touch the message that it gave before.
func TestReset(t *testing.T) {
	one, two := benchBase64(10_000), benchText("quoted-printable", 10_000)
	p := NewParser(Limits{})
	p.Write(one)
	first := p.Finish()
	before := dump(first)
	p.Reset(Limits{})
	p.Write(two)
	second := p.Finish()
	if dump(first) != before {
		t.Error("the first message changed")
	}
	if dump(second) != dump(Parse(two)) {
		t.Error("the second message differs")
	}
}

func TestSub(t *testing.T) {
	const inner = "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nA\r\n--in\r\n\r\nB\r\n--in--\r\n"
	msg := "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n1\r\n" +
		"--x\r\nContent-Type: message/rfc822\r\n\r\n" + inner +
		"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: plain\r\n\r\nC\r\n--x--\r\n"
	body := func(msg string, path ...int) string {
		m := Parse([]byte(msg))
		p := m.Root.Sub(path...)
		if p == nil {
			return "none"
		}
		return msg[p.BodyStart:p.End]
	}
	for _, c := range []struct {
		path []int
		want string
	}{
		{[]int{1}, "1"}, {[]int{2, 1}, "A"}, {[]int{2, 2}, "B"}, {[]int{3, 1}, "C"}, {[]int{3}, "Subject: plain\r\n\r\nC"},
		{[]int{0}, "none"}, {[]int{4}, "none"}, {[]int{1, 1}, "none"}, {[]int{2, 3}, "none"}, {[]int{3, 2}, "none"}, {[]int{3, 1, 1}, "none"},
	} {
		if got := body(msg, c.path...); got != c.want {
			t.Errorf("%v: %q, want %q", c.path, got, c.want)
		}
	}
	// A message whose only part is a message (RFC 9051 6.4.5.1: it is part 1).
	whole := "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nText"
	for _, c := range []struct {
		path []int
		want string
	}{{[]int{1}, "Subject: in\r\n\r\nText"}, {[]int{1, 1}, "Text"}, {[]int{1, 1, 1}, "none"}, {[]int{2}, "none"}} {
		if got := body(whole, c.path...); got != c.want {
			t.Errorf("%v: %q, want %q", c.path, got, c.want)
		}
	}
}

// TestLinear: a quarter megabyte of the worst takes no longer than it takes to read it; if
// anything were quadratic, each of these would take minutes.
func TestLinear(t *testing.T) {
	rep := func(unit string) string { return strings.Repeat(unit, (1<<18)/len(unit)) }
	for _, unit := range []string{
		"(", ")", "\"", "\\", "<", ">", "@", ":", ";", ",", ".", "a@", "a.(c)", "<@a", "a b ", "=?", "=?a?q?", "=?a?q? ", "=?a?q?b?= ",
		"?=", "[", "]", "[]", "[a]re:", "[fwd:", "(fwd)", "re:", "a=b;", "a*1=b;", "a=\"", "a=\"\"", "=", "\r\n ", "\r\n --x", "<a>", "<a ", "%20",
	} {
		start := time.Now()
		text := rep(unit)
		for _, field := range []string{"To", "Subject", "Content-Type", "Content-Disposition", "References", "Message-ID", "Date", "Content-Language", "Content-Transfer-Encoding"} {
			m := Parse([]byte(field + ": " + text + "\r\n\r\n"))
			DecodeHeader(m.Envelope().Subject)
			m.Root.Filename()
			ParseDate(m.Envelope().Date)
		}
		Parse([]byte("Content-Type: text/html\r\n\r\n" + text))
		Parse([]byte("Content-Transfer-Encoding: quoted-printable\r\n\r\n" + text))
		Parse([]byte("Content-Type: multipart/mixed; boundary=x\r\n" + rep("--y"+unit+"\r\n")))
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q takes %v", unit, d)
		}
	}
}
