package imapwire

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// Response is a response as a client reads it (RFC 9051 7). Status responses and continuation requests have Code and Text, all others
// have Values.
type Response struct {
	Tag    string // "*", "+", or the tag of the command that ends
	Num    uint32 // before the name: 3 of "* 3 EXISTS"
	HasNum bool
	Name   string // in capitals; empty for "+"
	Code   string // what stands in brackets
	Text   string
	Values []Value
	Raw    string // all of it with its literals, without the CRLF at its end
}

// Value is a piece of data in a response: an atom, a string or a list.
type Value struct {
	Kind ValueKind
	Text string  // of an atom or a string
	List []Value // of a list
}

// ValueKind says what a Value is.
type ValueKind uint8

// Kinds of values.
const (
	AtomValue    ValueKind = iota // also NIL, numbers and sets
	QuotedValue                   //
	LiteralValue                  // also literal8
	ListValue                     //
)

// IsNil reports whether v is NIL.
func (v Value) IsNil() bool { return v.Kind == AtomValue && strings.EqualFold(v.Text, "NIL") }

// Item is the value that follows the atom of that name in a list of pairs, such as that of a FETCH response.
func (v Value) Item(name string) (Value, bool) {
	for i := 0; i+1 < len(v.List); i += 2 {
		if strings.EqualFold(v.List[i].Text, name) {
			return v.List[i+1], true
		}
	}
	return Value{}, false
}

// ErrResponse says that a server sent what is no response, or too much.
var ErrResponse = errors.New("imapwire: malformed response")

// maxValueDepth bounds the nesting of lists in a response.
const maxValueDepth = 250

// ReadResponse reads one response with its literals, all of it in memory, of at most limit octets. The error is ErrResponse, or one of the reader;
// io.EOF between responses.
func ReadResponse(r *bufio.Reader, limit int) (*Response, error) {
	raw, err := readRawLine(r, nil, limit)
	if err != nil {
		return nil, err
	}
	p := responseParser{s: string(raw)}
	res := p.head()
	if res.Text = ""; res.status() || res.Tag == "+" {
		p.text(res)
		return res, p.err()
	}
	for {
		t := literalTail(raw[p.from:])
		if !t.given {
			break
		}
		if t.left > int64(limit-len(raw)) {
			return nil, ErrResponse
		}
		raw = append(raw, "\r\n"...)
		start := len(raw)
		raw = append(raw, make([]byte, t.left)...)
		if _, err := io.ReadFull(r, raw[start:]); err != nil {
			return nil, unexpected(err)
		}
		p.from = len(raw)
		if raw, err = readRawLine(r, raw, limit); err != nil {
			return nil, unexpected(err)
		}
	}
	p.s = string(raw)
	res.Raw = p.s
	for p.err() == nil && p.pos < len(p.s) {
		// The lists of THREAD stand without a space between them (RFC 5256 5).
		if !p.take(' ') && (res.Name != "THREAD" || p.s[p.pos] != '(') {
			p.bad = true
			break
		}
		res.Values = append(res.Values, p.value(0))
	}
	return res, p.err()
}

// readRawLine appends a line, without its end.
func readRawLine(r *bufio.Reader, raw []byte, limit int) ([]byte, error) {
	start := len(raw)
	for {
		frag, err := r.ReadSlice('\n')
		if len(raw)+len(frag) > limit {
			return nil, ErrResponse
		}
		raw = append(raw, frag...)
		if err == nil {
			return raw[:start+len(trimEOL(raw[start:]))], nil
		}
		if err != bufio.ErrBufferFull {
			if err == io.EOF && len(raw) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// responseParser reads the values of a response that is in memory.
type responseParser struct {
	s    string
	pos  int
	from int // where the last line begins
	bad  bool
}

func (p *responseParser) err() error {
	if p.bad {
		return ErrResponse
	}
	return nil
}

func (p *responseParser) take(c byte) bool {
	if p.pos < len(p.s) && p.s[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// word takes what comes before the next space.
func (p *responseParser) word() string {
	rest := p.s[p.pos:]
	if i := strings.IndexByte(rest, ' '); i >= 0 {
		rest = rest[:i]
	}
	p.pos += len(rest)
	return rest
}

// head reads the tag, the number and the name.
func (p *responseParser) head() *Response {
	res := &Response{Raw: p.s, Tag: p.word()}
	if res.Tag == "+" {
		p.take(' ')
		return res
	}
	if res.Tag == "" || !p.take(' ') {
		p.bad = true
		return res
	}
	name := p.word()
	if name != "" && isDigit(name[0]) {
		n, ok := parseUint([]byte(strings.TrimFunc(name, func(r rune) bool { return r > 0x7f || !isDigit(byte(r)) })), 1<<32-1)
		p.bad = !ok || !p.take(' ')
		res.Num, res.HasNum = uint32(n), true
		name = p.word()
	}
	res.Name = strings.ToUpper(name)
	return res
}

// status reports whether the response is a status response.
func (r *Response) status() bool {
	switch Status(r.Name) {
	case OK, NO, BAD, BYE, PREAUTH:
		return !r.HasNum
	}
	return false
}

// text reads resp-text.
func (p *responseParser) text(res *Response) {
	if res.Tag != "+" {
		p.take(' ')
	}
	rest := p.s[p.pos:]
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		if code, text, ok := strings.Cut(inner, "]"); ok {
			res.Code, rest = code, strings.TrimPrefix(text, " ")
		}
	}
	res.Text = rest
}

// value reads an atom, a string or a list.
func (p *responseParser) value(depth int) Value {
	if depth > maxValueDepth || p.pos >= len(p.s) {
		p.bad = true
		return Value{}
	}
	switch p.s[p.pos] {
	case '(':
		return p.list(depth)
	case '"':
		return p.quoted()
	case '{', '~':
		if v, ok := p.literal(); ok {
			return v
		}
	}
	return p.atom()
}

// list reads a list. Its values may stand without a space between them, as the parts of a multipart do.
func (p *responseParser) list(depth int) Value {
	v := Value{Kind: ListValue}
	p.pos++
	for !p.take(')') {
		if p.bad || p.pos >= len(p.s) {
			p.bad = true
			return v
		}
		v.List = append(v.List, p.value(depth+1))
		p.take(' ')
	}
	return v
}

func (p *responseParser) quoted() Value {
	v := Value{Kind: QuotedValue}
	var b strings.Builder
	for p.pos++; p.pos < len(p.s); p.pos++ {
		switch c := p.s[p.pos]; c {
		case '"':
			p.pos++
			v.Text = b.String()
			return v
		case '\\':
			if p.pos++; p.pos < len(p.s) {
				b.WriteByte(p.s[p.pos])
			}
		case '\r', '\n':
			p.bad = true
			return v
		default:
			b.WriteByte(c)
		}
	}
	p.bad = true
	return v
}

// literal reads a literal or literal8.
func (p *responseParser) literal() (Value, bool) {
	rest := strings.TrimPrefix(p.s[p.pos:], "~")
	end := strings.IndexByte(rest[:min(len(rest), maxAnnounce)], '}') + 1
	t := literalTail([]byte(rest[:end]))
	if !t.given || t.at != 0 || !strings.HasPrefix(rest[end:], "\r\n") || t.left > int64(len(rest)-end-2) {
		return Value{}, false
	}
	content := rest[end+2:][:t.left]
	p.pos = len(p.s) - len(rest) + end + 2 + len(content)
	return Value{Kind: LiteralValue, Text: content}, true
}

// maxAnnounce is as long as "{n}" can be.
const maxAnnounce = 24

// atom reads to the next space or parenthesis. Within the brackets of BODY[HEADER.FIELDS (To)] these are part of it.
func (p *responseParser) atom() Value {
	start, brackets := p.pos, 0
	for ; p.pos < len(p.s); p.pos++ {
		switch c := p.s[p.pos]; {
		case c == '[' && isSectioned(p.s[start:p.pos]):
			brackets++
		case c == ']' && brackets > 0:
			brackets--
		case c == '\r', c == '\n', brackets == 0 && (c == ' ' || c == '(' || c == ')' || c == '"'):
			if p.pos == start {
				p.bad = true
			}
			return Value{Text: p.s[start:p.pos]}
		}
	}
	return Value{Text: p.s[start:]}
}

// isSectioned reports whether a section follows the name.
func isSectioned(name string) bool {
	return strings.EqualFold(name, "BODY") || strings.EqualFold(name, "BINARY") || strings.EqualFold(name, "BINARY.SIZE")
}
