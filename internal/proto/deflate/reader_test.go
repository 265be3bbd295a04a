package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"restante/internal/proto/deflate"
)

// compress is text in one stream, flushed after each piece, without an end.
func compress(t testing.TB, level int, pieces ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range pieces {
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestReader(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	texts := map[string]string{
		"short":    "a1 NOOP\r\n",
		"repeated": strings.Repeat("a1 UID FETCH 1:* (FLAGS)\r\n", 5000),
		"zeros":    strings.Repeat("\x00", 300_000),
		"noise":    string(noise),
		"far":      string(noise[:40_000]) + string(noise[8_000:40_000]),
	}
	for name, text := range texts {
		for level := range 10 {
			data := compress(t, level, text[:len(text)/3], text[len(text)/3:])
			for how, src := range map[string]io.Reader{
				"whole": bytes.NewReader(data), "octets": iotest.OneByteReader(bytes.NewReader(data)), "halves": iotest.HalfReader(bytes.NewReader(data)),
			} {
				var got bytes.Buffer
				_, err := io.Copy(&got, deflate.NewReader(src))
				if got.String() != text || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s, level %d, %s: %d octets of %d, %v", name, level, how, got.Len(), len(text), err)
				}
			}
		}
	}
}

// bitWriter writes a block by hand.
type bitWriter struct {
	out  []byte
	free int
}

func (w *bitWriter) bit(v int) {
	if w.free == 0 {
		w.out, w.free = append(w.out, 0), 8
	}
	w.out[len(w.out)-1] |= byte(v << (8 - w.free))
	w.free--
}

// code writes n bits, the highest first.
func (w *bitWriter) code(v, n int) {
	for n--; n >= 0; n-- {
		w.bit(v >> n & 1)
	}
}

// literals writes a block with fixed codes that is not ended.
func (w *bitWriter) literals(s string) {
	w.code(0b010, 3)
	for _, c := range []byte(s) {
		w.code(0x30+int(c), 8)
	}
}

// TestUnflushed: what is complete is given out, wherever in a block the client stops, and a deadline changes nothing.
func TestUnflushed(t *testing.T) {
	for _, end := range []int{0, 7, 17} { // bits: none; the end of the block; that and an empty block, Z_PARTIAL_FLUSH
		var w bitWriter
		w.literals("a1 NOOP\r\n")
		if w.code(0, min(end, 7)); end > 7 {
			w.code(0b010, 3)
			w.code(0, 7)
		}
		w.code(0, w.free) // zlib keeps them to itself; here they make an octet full
		src := &script{data: [][]byte{w.out}}
		r := deflate.NewReader(src)
		got, err := read(r, 9)
		if got != "a1 NOOP\r\n" || err != nil {
			t.Errorf("end %d: %q, %v", end, got, err)
		}
		for range 3 {
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != errDeadline {
				t.Errorf("end %d: %d, %v", end, n, err)
			}
			r.Release()
		}
	}
}

func read(r io.Reader, n int) (string, error) {
	b := make([]byte, n)
	n, err := io.ReadFull(r, b)
	return string(b[:n]), err
}

var errDeadline = errors.New("deadline")

// script is a source with deadlines between its pieces.
type script struct {
	data [][]byte
	rest []byte
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if len(s.data) == 0 {
			return 0, errDeadline
		}
		s.rest, s.data = s.data[0], s.data[1:]
		if len(s.rest) == 0 {
			return 0, errDeadline
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// TestDeadlines: a stream that is cut anywhere by deadlines reads the same.
func TestDeadlines(t *testing.T) {
	text := strings.Repeat("a1 UID FETCH 1:* (FLAGS)\r\na2 STATUS INBOX (MESSAGES)\r\n", 40)
	for level := range 10 {
		data := compress(t, level, text[:100], text[100:])
		src := new(script)
		for i := range data {
			src.data = append(src.data, data[i:i+1], nil)
		}
		r := deflate.NewReader(src)
		var got []byte
		for buf := make([]byte, 7); len(src.data) > 0 || len(src.rest) > 0; {
			n, err := r.Read(buf)
			if got = append(got, buf[:n]...); err != nil && err != errDeadline {
				t.Fatalf("level %d: %v", level, err)
			}
			r.Release()
		}
		if string(got) != text {
			t.Errorf("level %d: %q", level, got)
		}
	}
}

// TestRest: what follows a flush is left alone.
func TestRest(t *testing.T) {
	data := append(compress(t, 6, "a1 UNAUTHENTICATE\r\n"), "a2 NOOP\r\n"...)
	r := deflate.NewReader(bytes.NewReader(data))
	buf := make([]byte, 1000)
	n, err := r.Read(buf)
	if string(buf[:n]) != "a1 UNAUTHENTICATE\r\n" || err != nil {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if rest := bytes.TrimLeft(r.Rest(), "\x00\xff"); string(rest) != "a2 NOOP\r\n" {
		t.Errorf("%q", rest)
	}
}

// FuzzReader: what is read is what compress/flate reads, whole and in pieces, and what that refuses is refused.
func FuzzReader(f *testing.F) {
	for level := range 10 {
		f.Add(compress(f, level, "hello hello hello", "a1 NOOP\r\n"), uint8(3))
	}
	f.Add([]byte{0x03, 0x00}, uint8(1))
	f.Add([]byte{0x01, 0x01, 0x00, 0xfe, 0xff, 'x'}, uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		const limit = 1 << 17
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), limit))
		src := io.Reader(bytes.NewReader(data))
		if piece%2 == 0 {
			src = iotest.OneByteReader(src)
		}
		r := deflate.NewReader(src)
		var got []byte
		var err error
		for buf := make([]byte, int(piece)+1); err == nil && len(got) < limit; {
			var n int
			n, err = r.Read(buf[:min(len(buf), limit-len(got))])
			got = append(got, buf[:n]...)
		}
		if err == io.EOF {
			err = nil
		}
		// compress/flate keeps back what comes before an error.
		if (err == nil) != (wantErr == nil) || !bytes.HasPrefix(got, want) || err == nil && len(got) != len(want) {
			t.Fatalf("%d octets, %v, want %d, %v", len(got), err, len(want), wantErr)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	text := strings.Repeat("a1 UID FETCH 1:* (FLAGS)\r\na2 STATUS INBOX (MESSAGES)\r\nSubject: hello\r\n", 10_000)
	data := compress(b, 6, text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, _ = io.Copy(io.Discard, deflate.NewReader(bytes.NewReader(data)))
	}
}
