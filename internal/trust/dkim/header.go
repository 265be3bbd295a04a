package dkim

import (
	"bytes"
	"errors"
	"strings"

	"restante/internal/proto/mime"
)

// MaxHeader bounds the header of a message, which is held until the end.
const MaxHeader = 512 << 10

var errHeader = errors.New("dkim: the header is too long")

// header holds the header of a message that goes by.
type header struct {
	raw    []byte // with the blank line
	whole  bool
	broken bool // too long
}

// write takes octets and returns those of them that are of the body. The header becomes whole when its blank line has come.
func (h *header) write(p []byte) (body []byte) {
	switch {
	case h.broken:
		return nil
	case h.whole:
		return p
	}
	before := len(h.raw)
	took := min(len(p), MaxHeader-before)
	h.raw = append(h.raw, p[:took]...)
	end := -1
	if bytes.HasPrefix(h.raw, []byte("\r\n")) {
		end = 2
	} else if i := bytes.Index(h.raw[max(before-3, 0):], []byte("\r\n\r\n")); i >= 0 { // it may have been cut in two
		end = max(before-3, 0) + i + 4
	}
	if end < 0 {
		h.broken = took < len(p)
		return nil
	}
	h.raw, h.whole = h.raw[:end:end], true
	return p[end-before:]
}

// fields are those of a header that have names, as they stand there, and where to find them.
type fields struct {
	raw  []byte
	all  []mime.Field
	name map[string][]int // lower case -> in all, from the top
}

func readFields(raw []byte) *fields {
	f := &fields{raw: raw, name: make(map[string][]int)}
	for field := range mime.Fields(raw) {
		if field.Name == nil {
			continue
		}
		key := strings.ToLower(string(field.Name))
		f.name[key] = append(f.name[key], len(f.all))
		f.all = append(f.all, field)
	}
	return f
}

// text is a whole field with its line end, which the last one of a message without a body may lack.
func (f *fields) text(i int) []byte {
	b := f.raw[f.all[i].Start:f.all[i].End]
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		b = append(bytes.TrimRight(bytes.Clone(b), "\r\n"), "\r\n"...)
	}
	return b
}

// picker takes instances of fields from the bottom up (RFC 6376 5.4.2).
type picker struct {
	*fields
	taken map[string]int
	but   int // an index in all that is not taken: the signature itself (RFC 6376 3.5, "h=")
}

// pick returns the next field of a name, nil where there is none left.
func (p *picker) pick(name string) []byte {
	list := p.name[name]
	for {
		n := p.taken[name]
		if n >= len(list) {
			return nil
		}
		p.taken[name]++
		if i := list[len(list)-1-n]; i != p.but {
			return p.text(i)
		}
	}
}
