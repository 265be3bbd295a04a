package smtpwire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var noLimit = Limits{Drain: 1 << 30}

// readData reads a message and says what is left in the stream. A fault is
// drained.
func readData(r io.Reader, buf int, lim Limits) (text, rest string, fault, broken error) {
	br := bufio.NewReaderSize(r, buf)
	d := NewDataReader(br, lim)
	var out bytes.Buffer
	_, fault = d.WriteTo(&out)
	broken = d.Drain()
	if broken == nil {
		b, _ := io.ReadAll(br)
		rest = string(b)
	}
	return out.String(), rest, fault, broken
}

func TestData(t *testing.T) {
	const body = "Subject: x\r\n\r\n"
	for _, tc := range []struct {
		name, in, text, rest string
		fault                error
	}{
		{"empty", ".\r\n", "", "", nil},
		{"empty line", "\r\n.\r\n", "\r\n", "", nil},
		{"two empty lines", "\r\n\r\n.\r\nQUIT\r\n", "\r\n\r\n", "QUIT\r\n", nil},
		{"pipelined", body + "hi\r\n.\r\nMAIL FROM:<>\r\n", body + "hi\r\n", "MAIL FROM:<>\r\n", nil},
		{"stuffed", body + "..dot\r\n...\r\n..\r\n.\r\n", body + ".dot\r\n..\r\n.\r\n", "", nil},
		{"first line stuffed", "..\r\n.\r\n", ".\r\n", "", nil},
		{"a dot that was not doubled", ".dot\r\n.\r\n", "dot\r\n", "", nil},
		{"dots inside a line", "a.b\r\na.\r\n.\r\n", "a.b\r\na.\r\n", "", nil},
		{"8-bit", "\xff\xfe\x80\r\n.\r\n", "\xff\xfe\x80\r\n", "", nil},

		// The smuggling variants: none may end the message, all are refused, and the
		// stream goes on behind the true end.
		{"LF.LF", body + "a\n.\nMAIL\r\n.\r\nX", "", "X", ErrBareLF},
		{"LF.CRLF", body + "a\n.\r\nMAIL\r\n.\r\nX", "", "X", ErrBareLF},
		{"LF.CR", body + "a\n.\rMAIL\r\n.\r\nX", "", "X", ErrBareLF},
		{"CR.CR", body + "a\r.\rMAIL\r\n.\r\nX", "", "X", ErrBareCR},
		{"CR.LF", body + "a\r.\nMAIL\r\n.\r\nX", "", "X", ErrBareCR},
		{"CR.CRLF", body + "a\r.\r\nMAIL\r\n.\r\nX", "", "X", ErrBareCR},
		{"CRLF.LF", body + "a\r\n.\nMAIL\r\n.\r\nX", "", "X", ErrBareLF},
		{"CRLF.CR", body + "a\r\n.\rMAIL\r\n.\r\nX", "", "X", ErrBareCR},
		{"CRLF.CRCRLF", body + "a\r\n.\r\r\nMAIL\r\n.\r\nX", "", "X", ErrBareCR},
		{"CRLF.NUL CRLF", body + "a\r\n.\x00\r\nMAIL\r\n.\r\nX", "", "X", ErrNUL},
		{"CRLF NUL.CRLF", body + "a\r\n\x00.\r\nMAIL\r\n.\r\nX", "", "X", ErrNUL},
		{"CRCRLF.CRLF", body + "a\r\r\n.\r\nX", "", "X", ErrBareCR},
		{"LFLF.CRLF", body + "a\n\n.\r\nX\r\n.\r\nY", "", "Y", ErrBareLF},
		{"CRLFLF.CRLF", body + "a\r\n\n.\r\nX\r\n.\r\nY", "", "Y", ErrBareLF},
		{"LF first", "\n.\r\nX\r\n.\r\nY", "", "Y", ErrBareLF},
		{".LF first", ".\nX\r\n.\r\nY", "", "Y", ErrBareLF},
		{".CR first", ".\rX\r\n.\r\nY", "", "Y", ErrBareCR},
		{"NUL in a line", body + "a\x00b\r\n.\r\nY", "", "Y", ErrNUL},
		{"bare LF before the end", "a\n\r\n.\r\nY", "", "Y", ErrBareLF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, buf := range []int{16, 17, 18, 31, 4096} {
				for name, r := range map[string]io.Reader{
					"whole":          strings.NewReader(tc.in),
					"octet by octet": iotest.OneByteReader(strings.NewReader(tc.in)),
				} {
					text, rest, fault, broken := readData(r, buf, noLimit)
					if !errors.Is(fault, tc.fault) || broken != nil || rest != tc.rest {
						t.Errorf("%s, buffer %d: fault %v broken %v rest %q; want %v, rest %q",
							name, buf, fault, broken, rest, tc.fault, tc.rest)
					}
					if tc.fault == nil && text != tc.text {
						t.Errorf("%s, buffer %d: %q, want %q", name, buf, text, tc.text)
					}
				}
			}
		})
	}
}

func TestDataLimits(t *testing.T) {
	msg := strings.Repeat("0123456789abcdef\r\n", 100)
	in := msg + ".\r\nNEXT"
	if _, rest, fault, broken := readData(strings.NewReader(in), 64, Limits{Size: int64(len(msg))}); fault != nil || broken != nil || rest != "NEXT" {
		t.Errorf("exactly the limit: %v, %v, rest %q", fault, broken, rest)
	}
	// Dots that stuffing put there do not count (RFC 1870 5).
	if _, _, fault, _ := readData(strings.NewReader("..\r\n..\r\n.\r\n"), 64, Limits{Size: 6}); fault != nil {
		t.Errorf("stuffing counted: %v", fault)
	}
	text, rest, fault, broken := readData(strings.NewReader(in), 64, Limits{Size: int64(len(msg)) - 1, Drain: 4096})
	if fault != ErrTooBig || broken != nil || rest != "NEXT" || len(text) >= len(msg) {
		t.Errorf("one octet over: %v, %v, rest %q, %d octets came out", fault, broken, rest, len(text))
	}
	if _, _, fault, broken := readData(strings.NewReader(in), 64, Limits{Size: 10, Drain: 500}); fault != ErrTooBig || broken != ErrEndless {
		t.Errorf("far over: %v, %v", fault, broken)
	}
	if _, _, fault, broken := readData(strings.NewReader("a\nb"), 64, noLimit); fault != ErrBareLF || broken != io.ErrUnexpectedEOF {
		t.Errorf("cut off after a fault: %v, %v", fault, broken)
	}
	for cut := range len("a\r\n.\r") {
		if _, _, fault, broken := readData(strings.NewReader("a\r\n.\r"[:cut]), 64, noLimit); fault != io.ErrUnexpectedEOF || broken != io.ErrUnexpectedEOF {
			t.Errorf("cut off after %d octets: %v, %v", cut, fault, broken)
		}
	}
}

// TestDataSink has a sink that fails: the rest must be drained all the same.
func TestDataSink(t *testing.T) {
	full := errors.New("disk full")
	for after := range 8 {
		br := bufio.NewReaderSize(strings.NewReader("a\r\n..b\r\n..c\r\nlonger than the buffer is\r\n.\r\nNEXT"), 16)
		d := NewDataReader(br, noLimit)
		n := 0
		_, err := d.WriteTo(writerFunc(func(p []byte) (int, error) {
			if n++; n > after {
				return 0, full
			}
			return len(p), nil
		}))
		if err != nil && err != full {
			t.Fatal(err)
		}
		if err := d.Drain(); err != nil {
			t.Fatal(err)
		}
		if rest, _ := io.ReadAll(br); string(rest) != "NEXT" {
			t.Fatalf("after %d writes: rest %q", after, rest)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestDataRead(t *testing.T) {
	br := bufio.NewReaderSize(strings.NewReader("ab\r\n..c\r\n.\r\nX"), 16)
	d := NewDataReader(br, noLimit)
	if err := iotest.TestReader(d, []byte("ab\r\n.c\r\n")); err != nil {
		t.Error(err)
	}
	if d.Size() != 8 {
		t.Errorf("Size() = %d", d.Size())
	}
	if rest, _ := io.ReadAll(br); string(rest) != "X" {
		t.Errorf("rest %q", rest)
	}
}

// modelData is the DATA reader written down as the state machine that it is, an
// octet at a time.
func modelData(in string) (text, rest string, fault error, ended bool) {
	var out []byte
	bol, line := true, 0 // line: octets of this line so far, the dot removed
	for i := 0; i < len(in); i++ {
		if bol && strings.HasPrefix(in[i:], ".\r\n") {
			return string(out), in[i+3:], fault, true
		}
		if bol && in[i] == '.' {
			if fault == nil && i+1 < len(in) && in[i+1] == '\n' {
				fault = ErrBareLF
			}
			bol = false
			continue
		}
		bol = false
		line++
		switch c := in[i]; {
		case c == '\r' && i+1 == len(in):
			return string(out), "", fault, false
		case c == '\r' && in[i+1] == '\n':
			out = append(out, '\r', '\n')
			i++
			bol = true
			continue
		case fault != nil:
		case c == '\r':
			fault = ErrBareCR
		case c == '\n':
			fault = ErrBareLF
		case c == 0:
			fault = ErrNUL
		}
		out = append(out, in[i])
	}
	return string(out), "", fault, false
}

func FuzzData(f *testing.F) {
	for _, s := range []string{
		".\r\n", "a\r\n.\r\nrest", "..\r\n.\r\n", "a\n.\n\r\n.\r\n", "a\r.\r\n\r\n.\r\nQUIT", "\r\n\r\n\r\r\n.\r\n", "x\x00\r\n.\r\n", ".\r.\r\n\r\n.\r\n",
	} {
		f.Add(s, uint8(0))
	}
	f.Fuzz(func(t *testing.T, in string, buf uint8) {
		text, rest, fault, broken := readData(iotest.HalfReader(strings.NewReader(in)), 16+int(buf), noLimit)
		wantText, wantRest, wantFault, ended := modelData(in)
		if (broken == nil) != ended || rest != wantRest {
			t.Fatalf("%q: broken %v rest %q; the model has end %v, rest %q", in, broken, rest, ended, wantRest)
		}
		if !ended {
			return
		}
		// Several faults in one buffer may be met in another order.
		if (fault == nil) != (wantFault == nil) {
			t.Fatalf("%q: fault %v; the model has %v", in, fault, wantFault)
		}
		if fault != nil {
			return
		}
		if text != wantText {
			t.Fatalf("%q: %q; the model has %q", in, text, wantText)
		}
		// Stuffed again it is what came in, but for dots that were not doubled.
		again := stuff(t, text)
		undoubled := strings.Contains("\r\n"+in[:len(in)-len(rest)-len(".\r\n")], "\r\n.")
		if !undoubled && again+rest != in {
			t.Fatalf("%q: stuffed again %q", in, again)
		}
		if text2, rest2, fault, broken := readData(strings.NewReader(again+"rest"), 64, noLimit); text2 != text || rest2 != "rest" || fault != nil || broken != nil {
			t.Fatalf("%q: sent again as %q, read as %q rest %q, %v, %v", text, again, text2, rest2, fault, broken)
		}
	})
}

func stuff(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	bw := bufio.NewWriterSize(&b, 16)
	w := NewDataWriter(bw)
	for len(text) > 0 { // in pieces: state must span writes
		n := min(len(text), 7)
		if _, err := io.WriteString(w, text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := errors.Join(w.Close(), bw.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDataWriter(t *testing.T) {
	for _, tc := range [][2]string{
		{"", ".\r\n"},
		{"a\r\n", "a\r\n.\r\n"},
		{"a", "a\r\n.\r\n"},
		{".", "..\r\n.\r\n"},
		{".\r\n.\r\n..", "..\r\n..\r\n...\r\n.\r\n"},
		{"a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"},
		{"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"},
		{"a\r\r\n", "a\r\n\r\n.\r\n"},
		{"a\n\n", "a\r\n\r\n.\r\n"},
		{"a\r", "a\r\n.\r\n"},
		{"\r\n", "\r\n.\r\n"},
	} {
		if got := stuff(t, tc[0]); got != tc[1] {
			t.Errorf("%q sent as %q, want %q", tc[0], got, tc[1])
		}
	}
}

func FuzzDataWriter(f *testing.F) {
	f.Add("a\r\n.\r\nb\n.\n\r.\r")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\x00", "")
		out := stuff(t, text)
		back, rest, fault, broken := readData(strings.NewReader(out+"rest"), 16, noLimit)
		if fault != nil || broken != nil || rest != "rest" {
			t.Fatalf("%q sent as %q: %v, %v, rest %q", text, out, fault, broken, rest)
		}
		want := strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n").Replace(text)
		if want != "" && !strings.HasSuffix(want, "\r\n") {
			want += "\r\n"
		}
		if back != want {
			t.Fatalf("%q arrives as %q, want %q", text, back, want)
		}
	})
}

func BenchmarkDataReader(b *testing.B) {
	const size = 1 << 20
	for _, line := range []int{20, 76, 998, 64 << 10} {
		text := strings.Repeat(strings.Repeat("x", line)+"\r\n", size/(line+2))
		b.Run(fmt.Sprintf("line=%d", line), func(b *testing.B) {
			in := []byte(text + ".\r\n")
			br := bufio.NewReaderSize(nil, 64<<10)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				br.Reset(bytes.NewReader(in))
				if _, err := NewDataReader(br, noLimit).WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDataWriter(b *testing.B) {
	text := []byte(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 1<<20/78))
	bw := bufio.NewWriterSize(io.Discard, 64<<10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w := NewDataWriter(bw)
		w.Write(text)
		w.Close()
	}
}
