package imapd

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
	"restante/internal/store"
)

// smallPart is how large a part may be, encoded, that is decoded into memory.
const smallPart = 128 << 10

// binary finds what BINARY[part] is (RFC 9051 6.4.5, RFC 3516 4.2): the part with its transfer encoding undone. Text has CRLF line
// ends whatever was encoded (RFC 9051 7.5.2).
func (f *fetcher) binary(ctx context.Context, m *store.Message, it *imapwire.FetchItem) (value, error) {
	part, err := leaf(ctx, m, it.Section.Part)
	if err != nil || part == nil {
		return value{null: part == nil}, err
	}
	if part.Size() <= smallPart {
		content, err := io.ReadAll(decoded(m, part))
		if err != nil {
			return value{}, err
		}
		v := value{text: content, binary: bytes.IndexByte(content, 0) >= 0}
		v.cut(it.Partial)
		return v, nil
	}
	v := value{n: part.DecodedSize, binary: true}
	if part.DecodedSize < 0 || isText(part) {
		// How long it is can only be told by decoding it twice.
		var c nulCounter
		if _, err := io.Copy(&c, decoded(m, part)); err != nil {
			return value{}, err
		}
		v.n, v.binary = c.n, c.nul
	}
	v.cut(it.Partial)
	r := decoded(m, part)
	if _, err := io.CopyN(io.Discard, r, v.off); err != nil && err != io.EOF {
		return value{}, err
	}
	v.from = r
	return v, nil
}

// binarySize finds what BINARY.SIZE[part] is.
func (f *fetcher) binarySize(ctx context.Context, m *store.Message, it *imapwire.FetchItem) (value, error) {
	part, err := leaf(ctx, m, it.Section.Part)
	if err != nil || part == nil {
		return value{null: part == nil}, err
	}
	if part.DecodedSize >= 0 && !isText(part) {
		return value{n: part.DecodedSize}, nil
	}
	n, err := io.Copy(io.Discard, decoded(m, part))
	return value{n: n}, err
}

// leaf finds a part that has an encoding to undo. The message as a whole, multiparts and messages have none: they are given as
// they are. It refuses encodings that nobody here knows.
func leaf(ctx context.Context, m *store.Message, path []int) (*mime.Part, error) {
	if len(path) == 0 {
		return &mime.Part{End: m.Size(), DecodedSize: m.Size()}, nil
	}
	part, err := findPart(ctx, m, path)
	if err != nil || part == nil {
		return nil, err
	}
	if part.IsMultipart() || part.IsMessage() {
		return &mime.Part{BodyStart: part.BodyStart, End: part.End, DecodedSize: part.Size()}, nil
	}
	if !knownEncoding(part.Encoding) {
		return nil, no(imapwire.CodeUnknownCTE, "the content transfer encoding of a part is not known")
	}
	return part, nil
}

// knownEncoding says whether an encoding can be undone: it is one of RFC 2045 6.1, or the decoder takes it for one.
func knownEncoding(name string) bool {
	name, _, _ = strings.Cut(name, ";")
	switch name = strings.Trim(name, " \t\"'"); name {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit":
		return true
	}
	var probe bytes.Reader
	return mime.NewDecoder(&probe, name) != io.Reader(&probe)
}

func isText(part *mime.Part) bool { return part.Type == "text" }

// decoded reads a part with its encoding undone.
func decoded(m *store.Message, part *mime.Part) io.Reader {
	// Bodies are kept in chunks; reading little by little would undo the compression of each many times.
	r := bufio.NewReaderSize(m.Reader(part.BodyStart, part.Size()), int(min(part.Size(), 256<<10)))
	d := mime.NewDecoder(r, part.Encoding)
	if isText(part) {
		return &crlfReader{r: bufio.NewReader(d)}
	}
	return d
}

// crlfReader puts CRLF for each LF that has no CR before it.
type crlfReader struct {
	r    *bufio.Reader
	last byte
	lf   bool // an LF is still to be given, its CR has been
}

func (c *crlfReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.lf {
			p[n], c.lf, c.last = '\n', false, '\n'
			n++
			continue
		}
		if n > 0 && c.r.Buffered() == 0 {
			break
		}
		b, err := c.r.ReadByte()
		if err != nil {
			return n, err
		}
		if b == '\n' && c.last != '\r' {
			b, c.lf = '\r', true
		}
		p[n], c.last = b, b
		n++
	}
	return n, nil
}

// nulCounter counts octets, and notes whether there is a NUL among them.
type nulCounter struct {
	n   int64
	nul bool
}

func (c *nulCounter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.nul = c.nul || bytes.IndexByte(p, 0) >= 0
	return len(p), nil
}
