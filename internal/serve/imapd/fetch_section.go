package imapd

import (
	"context"
	"io"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
	"restante/internal/store"
)

// section finds what BODY[section] is (RFC 9051 6.4.5.1). A part that there is not is NIL; one that is empty is "".
func (f *fetcher) section(ctx context.Context, m *store.Message, sec *imapwire.Section, fields *mime.FieldSet) (value, error) {
	if len(sec.Part) > 0 {
		return f.partSection(ctx, m, sec, fields)
	}
	if sec.Text == imapwire.SectionAll {
		return value{n: m.Size()}, nil
	}
	header, err := m.Header(ctx)
	if err != nil {
		return value{}, err
	}
	switch sec.Text {
	case imapwire.SectionHeader:
		return value{text: nonNil(header)}, nil
	case imapwire.SectionBodyText:
		n := int64(len(header))
		return value{off: n, n: m.Size() - n}, nil
	}
	return f.choose(header, sec, fields), nil
}

// partSection is section for a part.
func (f *fetcher) partSection(ctx context.Context, m *store.Message, sec *imapwire.Section, fields *mime.FieldSet) (value, error) {
	part, err := findPart(ctx, m, sec.Part)
	if err != nil {
		return value{}, err
	}
	if part == nil {
		return value{null: true}, nil
	}
	switch sec.Text {
	case imapwire.SectionAll:
		return value{off: part.BodyStart, n: part.Size()}, nil
	case imapwire.SectionMIME:
		return value{off: part.HeaderStart, n: part.BodyStart - part.HeaderStart}, nil
	}
	// RFC 9051 6.4.5.1: the others are for parts that are messages.
	if !part.IsMessage() {
		return value{null: true}, nil
	}
	inner := &part.Parts[0]
	switch sec.Text {
	case imapwire.SectionHeader:
		return value{off: inner.HeaderStart, n: inner.BodyStart - inner.HeaderStart}, nil
	case imapwire.SectionBodyText:
		return value{off: inner.BodyStart, n: inner.Size()}, nil
	}
	header := make([]byte, inner.BodyStart-inner.HeaderStart)
	if _, err := m.ReadAt(header, inner.HeaderStart); err != nil && err != io.EOF {
		return value{}, err
	}
	return f.choose(header, sec, fields), nil
}

// choose is the fields of a header block that are asked for, and the blank line.
func (f *fetcher) choose(header []byte, sec *imapwire.Section, fields *mime.FieldSet) value {
	start := len(f.scratch)
	if sec.Text == imapwire.SectionHeaderFields {
		f.scratch = fields.Select(f.scratch, header)
	} else {
		f.scratch = fields.Exclude(f.scratch, header)
	}
	// What was chosen before stays where it was, should this have moved the buffer.
	return value{text: nonNil(f.scratch[start:len(f.scratch):len(f.scratch)])}
}

// nonNil is b, for a value: a nil text would mean that there is none.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// findPart finds a part by its number, nil when there is none.
func findPart(ctx context.Context, m *store.Message, path []int) (*mime.Part, error) {
	root, err := m.Structure(ctx)
	if err != nil {
		return nil, err
	}
	if root.Envelope == nil {
		// The record keeps the envelope elsewhere; to Sub it says that this is a message.
		whole := *root
		whole.Envelope = new(mime.Envelope)
		root = &whole
	}
	return root.Sub(path...), nil
}
