package mime

import (
	"bytes"

	"restante/internal/proto/mime/charset"
)

// textStage returns a decoder for the charset of a part. HTML that the part names
// no charset for may name one itself.
func textStage(part *Part) stage {
	name := part.Charset()
	if name == "" && part.Type == "text" && part.Subtype == "html" {
		return new(metaStage)
	}
	d, _ := charset.NewDecoder(name)
	return d
}

// metaStage decodes HTML in the charset that a meta element at its beginning
// names.
type metaStage struct {
	head   []byte
	decode charset.Decoder // nil until head is full
}

// metaPrefix is how far browsers look (WHATWG HTML 13.2.3.2).
const metaPrefix = 1024

func (s *metaStage) Append(dst, src []byte, end bool) []byte {
	if s.decode == nil {
		n := min(len(src), metaPrefix-len(s.head))
		s.head, src = append(s.head, src[:n]...), src[n:]
		if len(s.head) < metaPrefix && !end {
			return dst
		}
		s.decode, _ = charset.NewDecoder(metaCharset(s.head))
		dst = s.decode.Append(dst, s.head, false)
		s.head = nil
	}
	return s.decode.Append(dst, src, end)
}

// metaCharset finds charset=NAME in a meta element, "" if there is none. A name
// that cannot be true, since the element could be read, is none.
func metaCharset(head []byte) string {
	head = bytes.ToLower(head)
	for {
		_, rest, ok := bytes.Cut(head, []byte("<meta"))
		if !ok {
			return ""
		}
		head = rest
		element, _, _ := bytes.Cut(rest, []byte(">"))
		_, value, ok := bytes.Cut(element, []byte("charset"))
		if !ok {
			continue
		}
		value = bytes.TrimLeft(value, " \t\r\n")
		if len(value) == 0 || value[0] != '=' {
			continue
		}
		value = bytes.TrimLeft(value[1:], " \t\r\n\"'")
		if i := bytes.IndexAny(value, " \t\r\n\"';/"); i >= 0 {
			value = value[:i]
		}
		if bytes.HasPrefix(value, []byte("utf-16")) || bytes.HasPrefix(value, []byte("utf-32")) {
			return "utf-8"
		}
		return string(value)
	}
}
