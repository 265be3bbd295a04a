package imapd

import (
	"bytes"
	"context"
	"errors"
	"io"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
)

// urlFetch answers for one URL of URLFETCH. As with FETCH, whatever can fail is done before anything is written.
func (s *session) urlFetch(ctx context.Context, it *imapwire.URLFetchItem) error {
	t, err := s.authorizedURL(ctx, it.URL)
	if errors.Is(err, errBadURL) {
		w := s.out().URLFetch(it.URL)
		w.Null()
		w.End()
		return nil
	}
	if err != nil {
		return err
	}
	var part *mime.Part
	if it.Structure {
		if part, err = t.part(ctx); err != nil {
			return err
		}
	}
	var bin *content
	if it.Binary {
		if bin, err = t.decoded(ctx); err != nil {
			return err
		}
		if part != nil && bin != nil {
			part = bin.describe(part)
		}
	}
	w := s.out().URLFetch(it.URL)
	if it.Structure {
		w.Structure(part)
	}
	raw := func(to io.Writer) error { return t.copyTo(ctx, to) }
	switch {
	case it.Body:
		w.Body(t.size(), raw)
	case bin != nil:
		w.Binary(bin.span.n, bin.nul, func(to io.Writer) error { return t.copyDecoded(bin, to) })
	case it.Binary:
		w.NullBinary() // RFC 5524 3.2
	case !it.Structure:
		w.Text(t.size(), raw)
	}
	w.End()
	return nil
}

// part is the part that the URL is about; of a header or a text, the part that has it.
func (t *target) part(ctx context.Context) (*mime.Part, error) {
	if len(t.section.Part) == 0 {
		return t.message.Structure(ctx)
	}
	return findPart(ctx, t.message, t.section.Part)
}

// content is what a URL is about with its transfer encoding undone, looked through once.
type content struct {
	leaf  *mime.Part // whose encoding is undone; nil when there is none to undo
	span  value      // octets from off, n of them
	size  int64
	lines int64
	nul   bool
	high  bool // there are octets over 127
}

// decoded looks through the content with its transfer encoding undone. It is nil when the encoding is not known.
func (t *target) decoded(ctx context.Context) (*content, error) {
	c := new(content)
	if t.section.Text == imapwire.SectionAll && len(t.section.Part) > 0 {
		part, err := leaf(ctx, t.message, t.section.Part)
		var e *imapwire.Error
		if errors.As(err, &e) && e.Code == imapwire.CodeUnknownCTE {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		c.leaf = part
	}
	if _, err := io.Copy(c, t.open(c)); err != nil {
		return nil, err
	}
	c.span.n = c.size
	if c.leaf != nil { // the rest has been cut already
		c.span.cut(t.partial)
	}
	return c, nil
}

// open reads the content.
func (t *target) open(c *content) io.Reader {
	switch {
	case c.leaf != nil:
		return decoded(t.message, c.leaf)
	case t.value.text != nil:
		return bytes.NewReader(t.value.text)
	}
	return t.message.Reader(t.value.off, t.value.n)
}

// copyDecoded writes the part of the content that is asked for.
func (t *target) copyDecoded(c *content, w io.Writer) error {
	r := t.open(c)
	if _, err := io.CopyN(io.Discard, r, c.span.off); err != nil {
		return err
	}
	_, err := io.CopyN(w, r, c.span.n)
	return err
}

// Write looks at octets.
func (c *content) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	for _, b := range p {
		switch {
		case b == '\n':
			c.lines++
		case b == 0:
			c.nul = true
		case b >= 0x80:
			c.high = true
		}
	}
	return len(p), nil
}

// describe is a part as it is when its encoding has been undone (RFC 5524 3.2).
func (c *content) describe(p *mime.Part) *mime.Part {
	if c.leaf == nil || p.IsMultipart() || p.IsMessage() {
		return p
	}
	plain := *p
	plain.Encoding = "7bit"
	if c.high {
		plain.Encoding = "8bit"
	}
	if c.nul {
		plain.Encoding = "binary"
	}
	plain.BodyStart, plain.End, plain.Lines = 0, c.size, c.lines
	return &plain
}
