package imapd

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"unicode/utf8"

	"restante/internal/proto/mime"
	"restante/internal/store"
)

// searchText is what a BODY or TEXT key looks for.
type searchText struct {
	needle []byte // folded
	header bool   // also in the header of the message and those of its parts: TEXT
}

// scan looks for all texts of the program in one pass over a message.
func (p *program) scan(ctx context.Context, m *store.Message, header []byte) ([]bool, error) {
	sc := &p.scanner
	sc.texts, sc.found, sc.left, sc.m = p.texts, make([]bool, len(p.texts)), 0, m
	for i, t := range p.texts {
		sc.longest = max(sc.longest, len(t.needle))
		sc.left++
		if len(t.needle) == 0 {
			sc.hit(i)
		}
	}
	sc.fields(header, true)
	if sc.left == 0 {
		return sc.found, nil
	}
	root, err := m.Structure(ctx)
	if err != nil {
		return nil, err
	}
	err = sc.body(root)
	return sc.found, err
}

// scanner looks for texts in one message at a time.
type scanner struct {
	texts   []searchText
	found   []bool
	left    int // not found yet
	longest int
	m       *store.Message

	// Buffers, which serve one message after the other.
	folder folder
	raw    []byte // of a part
	out    []byte // decoded
	buf    []byte // folded
}

func (sc *scanner) hit(i int) {
	if !sc.found[i] {
		sc.found[i] = true
		sc.left--
	}
}

// fields looks into a header block, in what is shown of it: each field decoded, with its name. mine says that only keys look there that look
// into headers: it is the header of the message or of a part. The header of a message within belongs to the body.
func (sc *scanner) fields(header []byte, mine bool) {
	for f := range mime.Fields(header) {
		if !sc.wants(mine) {
			return
		}
		line := fold(string(f.Name) + ": " + mime.DecodeHeader(f.Text()))
		for i, t := range sc.texts {
			if (t.header || !mine) && bytes.Contains(line, t.needle) {
				sc.hit(i)
			}
		}
	}
}

// wants says whether a text that has not been found would count in such a header.
func (sc *scanner) wants(mine bool) bool {
	for i, t := range sc.texts {
		if !sc.found[i] && (t.header || !mine) {
			return true
		}
	}
	return false
}

// body looks into the body of a part and what is in it: text and messages (RFC 9051 6.4.4 lets other media types be left out).
func (sc *scanner) body(part *mime.Part) error {
	switch {
	case sc.left == 0:
		return nil
	case part.IsMultipart():
		for i := range part.Parts {
			if err := sc.part(&part.Parts[i], true); err != nil {
				return err
			}
		}
		return nil
	case part.IsMessage():
		return sc.part(&part.Parts[0], false)
	case part.Type != "text" && part.Type != "message" && part.Type != "multipart":
		return nil
	}
	return sc.text(part)
}

// part looks into a part and its header.
func (sc *scanner) part(part *mime.Part, mine bool) error {
	if !sc.wants(mine) {
		return sc.body(part)
	}
	header := make([]byte, part.BodyStart-part.HeaderStart)
	if _, err := sc.m.ReadAt(header, part.HeaderStart); err != nil && err != io.EOF {
		return err
	}
	sc.fields(header, mine)
	return sc.body(part)
}

// scanBuffer is how much text is looked at in one go; a part up to wholePart is read in one go.
const (
	scanBuffer = 32 << 10
	wholePart  = 256 << 10
)

// text looks into the text of a leaf.
func (sc *scanner) text(part *mime.Part) error {
	sc.buf, sc.folder = sc.buf[:0], folder{tmp: sc.folder.tmp}
	var r io.Reader
	if part.Size() > wholePart {
		r = bufio.NewReaderSize(sc.m.Reader(part.BodyStart, part.Size()), wholePart)
	} else {
		sc.raw = slices.Grow(sc.raw[:0], int(part.Size()))[:part.Size()]
		if _, err := sc.m.ReadAt(sc.raw, part.BodyStart); err != nil && err != io.EOF {
			return err
		}
		if isPlain(part, sc.raw) {
			sc.take(sc.raw, true)
			return nil
		}
		r = bytes.NewReader(sc.raw)
	}
	r = mime.TextReader(part, r)
	if isHTML(part) {
		r = mime.HTMLText(r)
	}
	if sc.out == nil {
		sc.out = make([]byte, scanBuffer)
	}
	for {
		n, err := r.Read(sc.out)
		if err != nil && err != io.EOF {
			return err
		}
		sc.take(sc.out[:n], err == io.EOF)
		if err == io.EOF || sc.left == 0 {
			return nil
		}
	}
}

func isHTML(part *mime.Part) bool { return part.Type == "text" && part.Subtype == "html" }

// isPlain says that the body of a part is its text: there is nothing to decode.
func isPlain(part *mime.Part, body []byte) bool {
	switch part.Encoding {
	case "", "7bit", "8bit", "binary":
	default:
		return false
	}
	switch part.Charset() {
	case "", "us-ascii", "utf-8":
		return !isHTML(part) && utf8.Valid(body)
	}
	return false
}

// take looks into the next piece of a text.
func (sc *scanner) take(text []byte, end bool) {
	seen := len(sc.buf)
	sc.buf = sc.folder.append(sc.buf, text, end)
	for i, t := range sc.texts {
		if sc.found[i] {
			continue
		}
		from := max(seen-len(t.needle)+1, 0)
		if bytes.Contains(sc.buf[from:], t.needle) {
			sc.hit(i)
		}
	}
	// A text may begin in what is kept.
	if keep := max(sc.longest-1, 0); len(sc.buf) > keep {
		sc.buf = append(sc.buf[:0], sc.buf[len(sc.buf)-keep:]...)
	}
}
