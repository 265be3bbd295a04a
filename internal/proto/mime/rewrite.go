package mime

import (
	"errors"
	"fmt"
	"io"
)

// Form is what a message must be like for those whom it goes to.
type Form uint8

// The forms. In both there are no NULs, and no CR or LF but as line ends.
const (
	SevenBit Form = iota // US-ASCII alone (RFC 2045 2.7)
	EightBit             // lines of at most 998 octets (RFC 2045 2.8)
)

// ErrRewrite means that a message cannot have the form: something outside its parts' bodies is against it, or what must not be changed, such as a
// part of multipart/signed (RFC 1847 2.1).
var ErrRewrite = errors.New("mime: the message cannot be converted")

// maxLineOctets is the longest line that may be sent, without its end (RFC 5321 4.5.3.1.6).
const maxLineOctets = 998

// Rewrite is a message in another form, without loss: bodies that do not fit are encoded (RFC 2045 6), and everything else stays, octet for octet. It holds no text in
// memory, and reads the message whenever it is written.
type Rewrite struct {
	src   io.ReaderAt
	form  Form
	parts []stretch
}

// stretch is a piece of the message that goes out in one way.
type stretch struct {
	text     string // to be written; else it is from the source:
	from, to int64
	encode   codec // identity, codecQP or codecBase64
	final    bool  // nothing comes behind it: the last line needs its end
}

// NewRewrite plans a message, which is what a Parser has told of src. Fields of its header that drop chooses are left out; nil chooses none. The error is ErrRewrite or src's.
func NewRewrite(src io.ReaderAt, m *Message, form Form, drop func(*Field) bool) (*Rewrite, error) {
	p := &rewriting{src: src, size: m.Size, form: form, drop: drop}
	if err := p.part(&m.Root, true); err != nil {
		return nil, err
	}
	p.upTo(m.Size)
	return &Rewrite{src, form, p.out}, nil
}

// rewriting is a Rewrite in the making.
type rewriting struct {
	src  io.ReaderAt
	size int64
	form Form
	drop func(*Field) bool
	out  []stretch
	at   int64 // what is before it is planned
}

func (p *rewriting) upTo(off int64) {
	if off > p.at {
		p.out = append(p.out, stretch{from: p.at, to: off})
		p.at = off
	}
}

func (p *rewriting) insert(text string) { p.out = append(p.out, stretch{text: text}) }

// part plans a part, from its header on.
func (p *rewriting) part(part *Part, root bool) error {
	switch {
	case part.Type == "multipart" && part.Subtype == "signed":
		return p.header(part, "", root)
	case part.IsMultipart(), part.IsMessage(): // which are never encoded themselves (RFC 2045 6.4)
		if err := p.header(part, p.label(part.Encoding), root); err != nil {
			return err
		}
		for i := range part.Parts {
			if err := p.part(&part.Parts[i], false); err != nil {
				return err
			}
		}
		return nil
	}
	return p.leaf(part, root)
}

// label is the encoding that a part is to say that it has, "" for what it says already.
func (p *rewriting) label(encoding string) string {
	switch encodingToken([]byte(encoding)) {
	case "binary":
	case "8bit", "8-bit", "8bits":
		if p.form == EightBit {
			return ""
		}
	default:
		return ""
	}
	if p.form == EightBit {
		return "8bit"
	}
	return "7bit"
}

func (p *rewriting) leaf(part *Part, root bool) error {
	if codecOf(part.Encoding) != identity || !KnownEncoding(part.Encoding) || part.Type == "multipart" ||
		part.Type == "message" && (part.Subtype == "rfc822" || part.Subtype == "partial" || part.Subtype == "external-body") { // RFC 2046 5.2
		return p.header(part, "", root)
	}
	var c census
	if _, err := io.Copy(&c, io.NewSectionReader(p.src, part.BodyStart, part.Size())); err != nil {
		return err
	}
	if c.fits(p.form) {
		return p.header(part, p.label(part.Encoding), root)
	}
	how, name := codecQP, "quoted-printable"
	if part.Type != "text" && part.Type != "message" || c.escapes*2 > c.octets/3 { // shorter, and nobody can read the other
		how, name = codecBase64, "base64"
	}
	if root {
		name += p.asMIME(part, &c)
	}
	if err := p.header(part, name, root); err != nil {
		return err
	}
	p.upTo(part.BodyStart)
	p.out = append(p.out, stretch{from: part.BodyStart, to: part.End, encode: how, final: part.End == p.size})
	p.at = part.End
	return nil
}

// asMIME is what the header of a message lacks that is not MIME, and is to be: behind the name of an encoding.
func (p *rewriting) asMIME(part *Part, c *census) (fields string) {
	head, err := p.head(part)
	if err != nil {
		return ""
	}
	if _, ok := Get(head, "MIME-Version"); !ok { // RFC 2045 4
		fields += "\r\nMIME-Version: 1.0"
	}
	if _, ok := Get(head, "Content-Type"); !ok {
		charset := "utf-8"
		if !c.utf8() {
			charset = "unknown-8bit" // RFC 1428 3
		}
		fields += "\r\nContent-Type: text/plain; charset=" + charset
	}
	return fields
}

// maxRewrittenHeader bounds the headers that are changed.
const maxRewrittenHeader = 1 << 20

func (p *rewriting) head(part *Part) ([]byte, error) {
	n := part.BodyStart - part.HeaderStart
	if n > maxRewrittenHeader {
		return nil, fmt.Errorf("%w: a header is too long", ErrRewrite)
	}
	head := make([]byte, n)
	if _, err := p.src.ReadAt(head, part.HeaderStart); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head, nil
}

// header plans a header that is to say an encoding; "" leaves it what it says.
func (p *rewriting) header(part *Part, encoding string, root bool) error {
	if encoding == "" && (!root || p.drop == nil) {
		return nil
	}
	head, err := p.head(part)
	if err != nil {
		return err
	}
	if encoding != "" && len(head) == 0 {
		return fmt.Errorf("%w: a part has no header", ErrRewrite)
	}
	end, said := 0, encoding == ""
	for f := range Fields(head) {
		end = f.End
		switch {
		case encoding != "" && f.Is("Content-Transfer-Encoding"):
			p.upTo(part.HeaderStart + int64(f.Start))
			if !said {
				p.insert("Content-Transfer-Encoding: " + encoding + "\r\n")
				said = true
			}
		case root && p.drop != nil && p.drop(&f):
			p.upTo(part.HeaderStart + int64(f.Start))
		default:
			continue
		}
		p.at = part.HeaderStart + int64(f.End)
	}
	if !said {
		p.upTo(part.HeaderStart + int64(end))
		p.insert("Content-Transfer-Encoding: " + encoding + "\r\n")
	}
	return nil
}

// WriteTo implements io.WriterTo. ErrRewrite where what comes out has not the form.
func (r *Rewrite) WriteTo(w io.Writer) (int64, error) {
	c := &checked{w: w, form: r.form}
	for i := range r.parts {
		s := &r.parts[i]
		if s.text != "" {
			if _, err := io.WriteString(c, s.text); err != nil {
				return c.n, err
			}
			continue
		}
		in := io.NewSectionReader(r.src, s.from, s.to-s.from)
		var out io.WriteCloser
		switch s.encode {
		case codecQP:
			out = &qpWriter{w: c, final: s.final}
		case codecBase64:
			out = newBase64Writer(c, s.final)
		default:
			if _, err := io.Copy(c, in); err != nil {
				return c.n, err
			}
			continue
		}
		if _, err := io.Copy(out, in); err != nil {
			return c.n, err
		}
		if err := out.Close(); err != nil {
			return c.n, err
		}
	}
	return c.n, c.end()
}
