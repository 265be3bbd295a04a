package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/taglist"
)

// Signing takes the octets of one message, with CRLF line ends.
type Signing interface {
	io.Writer
	// Finish returns the header fields to put before the message.
	Finish() ([]byte, error)
}

// body is a message in the form that a host takes.
type body struct {
	io.Reader
	size int64
	kind smtpwire.Body
}

// conversion is a message in another form; it is made once for an attempt.
type conversion struct {
	before  []byte // signatures
	rewrite *mime.Rewrite
	size    int64
	err     error
}

// body finds the form of the message for a host. An error that is a *queue.PermanentError says that it has none; any other may pass.
//
// A host without 8BITMIME must get US-ASCII (RFC 6152 3), one without BINARYMIME lines (RFC 3030 3). Converting is what Postfix does, too; giving the message back would
// cost its sender the delivery for the sake of a host that is forty years old. It breaks what signatures say of the body: ours (DKIM) are made anew, by the keys that the
// domain has now; those that others have made are lost, which means the same as none (RFC 6376 6.1), and that their domains' SPF decides. Where the signature is the message
// itself (multipart/signed), and where the header is not ASCII without being declared so, nothing is changed and the message comes back.
func (d *delivery) body(ctx context.Context, s *session) (*body, error) {
	m, have := &d.a.Message.Mail, s.c.Capabilities().Extensions
	form, kind := mime.EightBit, smtpwire.Body8BitMIME
	binary := m.Body == smtpwire.BodyBinaryMIME && !have.Has(smtpwire.BinaryMIME|smtpwire.Chunking)
	switch {
	case m.SMTPUTF8 && utf8Header(d.a.Text): // a host that has SMTPUTF8 takes 8 bits (RFC 6531 3.1), and any other does not get it at all
		binary = binary && have.Has(smtpwire.SMTPUTF8)
	case !have.Has(smtpwire.EightBitMIME):
		eight, err := d.eightBit(ctx)
		if err != nil {
			return nil, err
		}
		form, kind = mime.SevenBit, smtpwire.Body7Bit
		binary = binary || eight
	}
	if !binary {
		t := newText(ctx, d.a.Text)
		return &body{t, t.Size(), m.Body}, nil
	}
	if d.converted[form] == nil {
		d.converted[form] = d.convert(ctx, form)
	}
	c := d.converted[form]
	if errors.Is(c.err, mime.ErrRewrite) {
		// RFC 3463 3.7: "conversion required but not supported".
		return nil, permanent(6, 3, "%s takes no message of this kind (8BITMIME, BINARYMIME), and it cannot be converted", s.host)
	}
	return &body{c, c.size, kind}, c.err
}

// eightBit says whether the message has octets outside US-ASCII.
func (d *delivery) eightBit(ctx context.Context) (bool, error) {
	if d.scanned {
		return d.eight, nil
	}
	err := d.a.Text.CopyRange(ctx, eightBitFinder{&d.eight}, 0, d.a.Text.Size())
	if errors.Is(err, errFound) {
		err = nil
	}
	d.scanned = err == nil
	return d.eight, err
}

var errFound = errors.New("found")

// eightBitFinder looks for octets outside US-ASCII.
type eightBitFinder struct{ found *bool }

func (f eightBitFinder) Write(b []byte) (int, error) {
	if slices.ContainsFunc(b, func(o byte) bool { return o >= 0x80 }) {
		*f.found = true
		return 0, errFound
	}
	return len(b), nil
}

// convert reads the message three times: for its structure, for what has to be encoded, and for the size and the signatures of what comes out.
func (d *delivery) convert(ctx context.Context, form mime.Form) *conversion {
	ctx = context.WithoutCancel(ctx)
	t, c := d.a.Text, new(conversion)
	fail := func(err error) *conversion { c.err = fmt.Errorf("converting the message: %w", err); return c }
	p := mime.NewParser(mime.Limits{})
	if err := t.CopyRange(ctx, p, 0, t.Size()); err != nil {
		return fail(err)
	}
	var err error
	domain, drop := d.signed()
	if c.rewrite, err = mime.NewRewrite(t, p.Finish(), form, drop); err != nil {
		return fail(err)
	}
	out := io.Discard
	var sign Signing
	if domain != "" && d.r.opts.Sign != nil {
		if sign, err = d.r.opts.Sign(ctx, domain); err != nil {
			return fail(err)
		}
	}
	if sign != nil {
		out = sign
	}
	if c.size, err = c.rewrite.WriteTo(out); err != nil {
		return fail(err)
	}
	if sign != nil {
		if c.before, err = sign.Finish(); err != nil {
			return fail(err)
		}
	}
	c.size += int64(len(c.before))
	return c
}

// signed is the domain that this server has signed the message for, and which fields are these signatures: they stand before what its sender has written.
func (d *delivery) signed() (domain addr.Domain, drop func(*mime.Field) bool) {
	m := d.a.Message
	if m.Kind != store.QueueSubmitted {
		return "", nil
	}
	for f := range mime.Fields(m.Prepend) {
		if tags, err := taglist.Parse(f.Text()); f.Is("DKIM-Signature") && err == nil {
			domain = addr.Domain(tags.Value("d"))
		}
	}
	if domain == "" {
		return "", nil
	}
	return domain, func(f *mime.Field) bool { return f.Is("DKIM-Signature") && f.Start < len(m.Prepend) }
}

// WriteTo implements io.WriterTo.
func (c *conversion) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.before)
	if err != nil {
		return int64(n), err
	}
	k, err := c.rewrite.WriteTo(w)
	return int64(n) + k, err
}

// Read implements io.Reader for those who know no better; io.Copy does.
func (c *conversion) Read([]byte) (int, error) {
	return 0, errors.New("relay: a conversion is written, not read")
}
