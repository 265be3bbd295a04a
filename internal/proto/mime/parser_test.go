package mime

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// checkMessage checks what holds for every input.
func checkMessage(t testing.TB, b []byte) {
	t.Helper()
	m := Parse(b)
	if m.Size != int64(len(b)) || m.Root.HeaderStart != 0 || m.Root.End != m.Size {
		t.Fatalf("size %d, root %d-%d of %d octets", m.Size, m.Root.HeaderStart, m.Root.End, len(b))
	}
	if !bytes.HasPrefix(b, m.Header) || m.HeaderTruncated != (int64(len(m.Header)) < m.Root.BodyStart) {
		t.Fatalf("header %d octets, truncated %v, body at %d", len(m.Header), m.HeaderTruncated, m.Root.BodyStart)
	}
	if !utf8.ValidString(m.Preview) || utf8.RuneCountInString(m.Preview) > previewRunes || !utf8.ValidString(m.BaseSubject) {
		t.Fatalf("preview %q, base subject %q", m.Preview, m.BaseSubject)
	}
	checkPart(t, b, &m.Root, m.Notes)

	// The same in slices of several sizes.
	for _, size := range []int{1, 2, 3, 7, 64, 1000} {
		if size < 7 && len(b) > 200_000 {
			continue
		}
		p := NewParser(Limits{})
		for at := 0; at < len(b); at += size {
			p.Write(b[at:min(at+size, len(b))])
		}
		if got := p.Finish(); !reflect.DeepEqual(m, got) {
			t.Fatalf("in slices of %d (-whole +sliced)\n%s", size, cmp.Diff(m, got))
		}
	}
}

func checkPart(t testing.TB, b []byte, p *Part, notes Notes) {
	t.Helper()
	if p.HeaderStart < 0 || p.HeaderStart > p.BodyStart || p.BodyStart > p.End || p.End > int64(len(b)) {
		t.Fatalf("part %d %d %d of %d octets", p.HeaderStart, p.BodyStart, p.End, len(b))
	}
	if n := int64(bytes.Count(b[p.HeaderStart:p.BodyStart], []byte{'\n'})); n != p.HeaderLines {
		t.Fatalf("part at %d: %d header lines, counted %d", p.HeaderStart, p.HeaderLines, n)
	}
	body := b[p.BodyStart:p.End]
	if n := int64(bytes.Count(body, []byte{'\n'})); n != p.Lines {
		t.Fatalf("part at %d: %d lines, counted %d", p.HeaderStart, p.Lines, n)
	}
	if p.Type == "" || p.Subtype == "" {
		t.Fatalf("part at %d: type %q/%q", p.HeaderStart, p.Type, p.Subtype)
	}
	for _, s := range append([]string{p.Type, p.Subtype, p.ID, p.Description, p.Encoding, p.MD5, p.Disposition, p.Location}, p.Language...) {
		if strings.ContainsAny(s, "\r\n\x00") {
			t.Fatalf("part at %d: unsafe %q", p.HeaderStart, s)
		}
	}
	if !utf8.ValidString(p.Filename()) {
		t.Fatalf("part at %d: file name %q", p.HeaderStart, p.Filename())
	}
	if len(p.Parts) == 0 && p.DecodedSize >= 0 {
		n, _ := io.Copy(io.Discard, NewDecoder(bytes.NewReader(body), p.Encoding))
		if p.Type != "multipart" && p.Type != "message" && n != p.DecodedSize {
			t.Fatalf("part at %d: decoded size %d, decoded to %d", p.HeaderStart, p.DecodedSize, n)
		}
	}
	at := p.BodyStart
	for i := range p.Parts {
		c := &p.Parts[i]
		if c.HeaderStart < at || c.End > p.End {
			t.Fatalf("child %d at %d-%d outside %d-%d", i, c.HeaderStart, c.End, at, p.End)
		}
		at = c.End
		checkPart(t, b, c, notes)
	}
}
