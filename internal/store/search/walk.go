package search

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"restante/internal/proto/mime"
)

// Message is what a text is taken from: *store.Message.
type Message interface {
	io.ReaderAt
	Structure(ctx context.Context) (*mime.Part, error)
	Reader(off, n int64) io.Reader
}

// class says where in a message a text stands. Their numbers are on disk.
type class uint8

const (
	classBody       class = iota // BODY: texts, files' names, the headers of messages within
	classSubject                 // a field of the message's header, as all up to classField
	classFrom                    //
	classTo                      //
	classCc                      //
	classBcc                     //
	classField                   // the other fields
	classPartHeader              // a field of a part's header; TEXT alone looks there
	classes
)

// classOf is the class of a field of the message's header.
func classOf(name []byte) class {
	for _, f := range [...]struct {
		name string
		is   class
	}{{"subject", classSubject}, {"from", classFrom}, {"to", classTo}, {"cc", classCc}, {"bcc", classBcc}} {
		if len(name) == len(f.name) && bytes.EqualFold(name, []byte(f.name)) {
			return f.is
		}
	}
	return classField
}

// visitor is shown the texts of a message, folded.
type visitor interface {
	// wants says whether texts of the class are of interest; others need not be
	// read.
	wants(c class) bool
	// line is a header field, "name: value", or the name of a file, which has no
	// name of a field: name is the length of the first part, with its ": ".
	line(c class, text []byte, name int)
	// piece is the next piece of a text of classBody; first and last are its ends.
	piece(text []byte, first, last bool)
}

// walker goes through the texts of messages, one message after the other. It is
// the only place that says what is looked at, for the index and for scans alike.
type walker struct {
	m    Message
	v    visitor
	only []byte // of the message's fields, those of this name; nil: all

	// Buffers, which serve one message after the other.
	folder folder // also says by which comparator
	raw    []byte // of a part
	out    []byte // decoded
	buf    []byte // folded
}

// walk shows v all texts of a message whose header is given. It stops when v
// wants nothing more.
func (w *walker) walk(ctx context.Context, m Message, header []byte, v visitor) error {
	w.m, w.v = m, v
	w.header(header)
	if !w.wantsBody() {
		return nil
	}
	root, err := m.Structure(ctx)
	if err != nil {
		return err
	}
	w.fileName(root)
	return w.body(root)
}

func (w *walker) wantsBody() bool { return w.v.wants(classBody) || w.v.wants(classPartHeader) }

// header shows the fields of the message's header.
func (w *walker) header(header []byte) {
	for f := range mime.Fields(header) {
		if w.only != nil && !bytes.EqualFold(f.Name, w.only) {
			continue
		}
		if c := classOf(f.Name); w.v.wants(c) {
			w.field(c, &f)
		}
	}
}

// field shows a field as it is shown to people: decoded, with its name.
func (w *walker) field(c class, f *mime.Field) {
	w.buf = appendFold(w.buf[:0], string(f.Name)+": ")
	name := len(w.buf)
	text := f.Text()
	w.buf = appendKey(w.buf, []byte(mime.DecodeHeader(text)), w.folder.by)
	w.v.line(c, w.buf, name)
	if specs := addresses(c, text); specs != "" {
		w.buf = appendKey(w.buf[:name], []byte(specs), w.folder.by)
		w.v.line(c, w.buf, name)
	}
}

// addresses is the addresses of a field as an envelope has them, if they may be
// written in another way there: with comments, quotes, or spaces around the @. FROM and its like
// look into the envelope (RFC 9051 6.4.4).
func addresses(c class, text string) string {
	if c < classFrom || c > classBcc {
		return ""
	}
	if !strings.ContainsAny(text, `(\"`) && !strings.Contains(text, " @") && !strings.Contains(text, "@ ") {
		return ""
	}
	list, _ := mime.ParseAddresses(text, maxAddresses)
	var specs []string
	for _, a := range list {
		if spec := a.Spec(); spec != "" && !strings.Contains(text, spec) {
			specs = append(specs, spec)
		}
	}
	return strings.Join(specs, ", ")
}

// maxAddresses bounds how many of a field are looked at in that way.
const maxAddresses = 1000

// fields shows the header of a part, or of a message within.
func (w *walker) fields(header []byte, c class) {
	for f := range mime.Fields(header) {
		if !w.v.wants(c) {
			return
		}
		w.field(c, &f)
	}
}

// body goes through the body of a part and what is in it: text and messages
// (RFC 9051 6.4.4 lets other media types be left out).
func (w *walker) body(part *mime.Part) error {
	switch {
	case !w.wantsBody():
		return nil
	case part.IsMultipart():
		for i := range part.Parts {
			if err := w.part(&part.Parts[i], classPartHeader); err != nil {
				return err
			}
		}
		return nil
	case part.IsMessage(): // its header belongs to the body of the message around it
		return w.part(&part.Parts[0], classBody)
	case part.Type != "text" && part.Type != "message" && part.Type != "multipart":
		return nil
	}
	if !w.v.wants(classBody) {
		return nil
	}
	return w.text(part)
}

// part goes through a part and its header, which is of class c.
func (w *walker) part(part *mime.Part, c class) error {
	if w.v.wants(c) {
		header := make([]byte, part.BodyStart-part.HeaderStart)
		if _, err := w.m.ReadAt(header, part.HeaderStart); err != nil && err != io.EOF {
			return err
		}
		w.fields(header, c)
	}
	w.fileName(part)
	return w.body(part)
}

// fileName shows the name of an attachment, decoded (RFC 2231): people look for
// it in what they take for the message's text.
func (w *walker) fileName(part *mime.Part) {
	if name := part.Filename(); name != "" && w.v.wants(classBody) {
		w.buf = appendKey(w.buf[:0], []byte(name), w.folder.by)
		w.v.line(classBody, w.buf, 0)
	}
}

// pieceSize is how much text is shown in one go; a part up to wholePart is read
// in one go.
const (
	pieceSize = 32 << 10
	wholePart = 256 << 10
)

// text shows the text of a leaf.
func (w *walker) text(part *mime.Part) error {
	w.folder.held = nil
	var r io.Reader
	if part.Size() > wholePart {
		r = bufio.NewReaderSize(w.m.Reader(part.BodyStart, part.Size()), wholePart)
	} else {
		w.raw = slices.Grow(w.raw[:0], int(part.Size()))[:part.Size()]
		if _, err := w.m.ReadAt(w.raw, part.BodyStart); err != nil && err != io.EOF {
			return err
		}
		if isPlain(part, w.raw) {
			w.piece(w.raw, true, true)
			return nil
		}
		r = bytes.NewReader(w.raw)
	}
	r = mime.TextReader(part, r)
	if isHTML(part) {
		r = mime.HTMLText(r)
	}
	if w.out == nil {
		w.out = make([]byte, pieceSize)
	}
	for first := true; ; first = false {
		n, err := r.Read(w.out)
		if err != nil && err != io.EOF {
			return err
		}
		w.piece(w.out[:n], first, err == io.EOF)
		if err == io.EOF || !w.v.wants(classBody) {
			return nil
		}
	}
}

func (w *walker) piece(text []byte, first, last bool) {
	w.buf = w.folder.append(w.buf[:0], text, last)
	w.v.piece(w.buf, first, last)
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
