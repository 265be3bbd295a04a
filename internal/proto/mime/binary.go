package mime

import (
	"bytes"
	"encoding/base64"
)

// base64Line is how many octets make a line of base64: 76 characters (RFC 2045 6.8).
const base64Line = 57

// WithoutNUL returns a message in which the parts that have NUL in their bodies are base64: what can be sent by protocols that know no binary
// content (RFC 3516 4.3 asks for such an encoding where a whole message or body is fetched). The label of such a part says so afterwards. A message without
// NUL comes back as it is, and so does one whose NULs are not in the body of a leaf.
func WithoutNUL(message []byte) []byte {
	if bytes.IndexByte(message, 0) < 0 {
		return message
	}
	a := armour{from: message}
	a.part(&Parse(message).Root)
	return append(a.out, message[a.done:]...)
}

// armour rewrites a message from its beginning to its end.
type armour struct {
	from, out []byte
	done      int64 // octets of from that are in out
}

func (a *armour) part(p *Part) {
	for i := range p.Parts {
		a.part(&p.Parts[i])
	}
	if len(p.Parts) > 0 || bytes.IndexByte(a.from[p.BodyStart:p.End], 0) < 0 {
		return
	}
	switch p.Encoding {
	case "", "7bit", "8bit", "binary": // its body is what it stands for
	default:
		return
	}
	a.copyTo(p.HeaderStart)
	a.label(a.from[p.HeaderStart:p.BodyStart])
	a.done = p.BodyStart
	for body := a.from[p.BodyStart:p.End]; len(body) > 0; {
		n := min(base64Line, len(body))
		a.out = append(base64.StdEncoding.AppendEncode(a.out, body[:n]), "\r\n"...)
		body = body[n:]
	}
	a.done = p.End
}

func (a *armour) copyTo(to int64) {
	a.out = append(a.out, a.from[a.done:to]...)
	a.done = to
}

// label copies a header with another Content-Transfer-Encoding.
func (a *armour) label(header []byte) {
	const field = "Content-Transfer-Encoding: base64\r\n"
	copied, labelled, end := 0, false, 0
	for f := range Fields(header) {
		end = f.End
		if !f.Is("Content-Transfer-Encoding") {
			continue
		}
		a.out = append(a.out, header[copied:f.Start]...)
		if !labelled {
			a.out = append(a.out, field...)
		}
		copied, labelled = f.End, true
	}
	if !labelled {
		a.out = append(append(a.out, header[copied:end]...), field...)
		copied = end
	}
	if rest := header[copied:]; len(rest) > 0 {
		a.out = append(a.out, rest...)
	} else {
		a.out = append(a.out, "\r\n"...) // there was no header, nor a blank line
	}
}
