package imapwire

import (
	"strings"

	"restante/internal/proto/mime"
)

// Body writes BODY, the structure of the message without extension data.
func (f FetchWriter) Body(root *mime.Part) {
	f.e.buf = f.e.wire.message(f.item("BODY "), root, false)
}

// BodyStructure writes BODYSTRUCTURE.
func (f FetchWriter) BodyStructure(root *mime.Part) {
	f.e.buf = f.e.wire.message(f.item("BODYSTRUCTURE "), root, true)
}

// message appends the structure of a message: its root part, or that of one within.
//
// There has to be a part within a multipart (1*body). A multipart that has none, because it is broken, gets a text, which is part 1 of the
// message and all of its body ([mime.Part.Sub]); deeper down no part has that number, and the text is empty.
func (w wire) message(b []byte, p *mime.Part, extended bool) []byte {
	if p.Type == "multipart" && len(p.Parts) == 0 {
		whole := *p
		whole.Parts = []mime.Part{{Type: "text", Subtype: "plain", BodyStart: p.BodyStart, End: p.End, Lines: p.Lines, Encoding: p.Encoding}}
		p = &whole
	}
	return w.bodyStructure(b, p, extended)
}

// bodyStructure appends the structure of a part and those within (RFC 9051 7.5.2): extended for BODYSTRUCTURE, not for BODY.
//
//	body = "(" (body-type-1part / body-type-mpart) ")"
func (w wire) bodyStructure(b []byte, p *mime.Part, extended bool) []byte {
	b = append(b, '(')
	if p.Type == "multipart" {
		b = w.multipart(b, p, extended)
	} else {
		b = w.singlePart(b, p, extended)
	}
	return append(b, ')')
}

// multipart appends body-type-mpart.
//
//	body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
//	body-ext-mpart  = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
func (w wire) multipart(b []byte, p *mime.Part, extended bool) []byte {
	for i := range p.Parts {
		b = w.bodyStructure(b, &p.Parts[i], extended)
	}
	if len(p.Parts) == 0 {
		b = w.bodyStructure(b, &mime.Part{Type: "text", Subtype: "plain"}, extended)
	}
	b = w.upper(append(b, ' '), p.Subtype)
	if extended {
		b = w.params(append(b, ' '), p.Params)
		b = w.extension(append(b, ' '), p)
	}
	return b
}

// singlePart appends body-type-1part.
//
//	body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
//	body-type-basic = media-basic SP body-fields
//	body-type-msg   = media-message SP body-fields SP envelope SP body SP body-fld-lines
//	body-type-text  = media-text SP body-fields SP body-fld-lines
//	body-fields     = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
//	body-ext-1part  = body-fld-md5 [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
func (w wire) singlePart(b []byte, p *mime.Part, extended bool) []byte {
	b = w.upper(b, p.Type)
	b = w.upper(append(b, ' '), p.Subtype)
	b = w.params(append(b, ' '), p.Params)
	b = w.filled(append(b, ' '), p.ID)
	b = w.filled(append(b, ' '), p.Description)
	b = append(b, ' ')
	if p.Encoding == "" {
		b = append(b, `"7BIT"`...) // RFC 2045 6.1
	} else {
		b = w.upper(b, p.Encoding)
	}
	b = appendUint(append(b, ' '), uint64(max(p.Size(), 0)))
	switch {
	case p.Type == "text":
		b = appendUint(append(b, ' '), uint64(p.Lines))
	case p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global"):
		b = w.embedded(append(b, ' '), p, extended)
		b = appendUint(append(b, ' '), uint64(p.Lines))
	}
	if extended {
		b = w.filled(append(b, ' '), p.MD5)
		b = w.extension(append(b, ' '), p)
	}
	return b
}

// embedded appends envelope SP body of a message within. The grammar has no MESSAGE/RFC822 without, so one that could not be looked
// into, because it was encoded, has an empty envelope and an empty text.
func (w wire) embedded(b []byte, p *mime.Part, extended bool) []byte {
	inner := &mime.Part{Type: "text", Subtype: "plain"}
	if len(p.Parts) > 0 {
		inner = &p.Parts[0]
	}
	b = w.envelope(b, inner.Envelope)
	return w.message(append(b, ' '), inner, extended)
}

// extension appends body-fld-dsp SP body-fld-lang SP body-fld-loc.
//
//	body-fld-dsp  = "(" string SP body-fld-param ")" / nil
//	body-fld-lang = nstring / "(" string *(SP string) ")"
func (w wire) extension(b []byte, p *mime.Part) []byte {
	if p.Disposition == "" {
		b = append(b, "NIL"...)
	} else {
		b = w.upper(append(b, '('), p.Disposition)
		b = append(w.params(append(b, ' '), p.DispParams), ')')
	}
	b = append(b, ' ')
	if len(p.Language) == 0 {
		b = append(b, "NIL"...)
	} else {
		for i, lang := range p.Language {
			b = w.string(listSep(b, i), lang)
		}
		b = append(b, ')')
	}
	return w.filled(append(b, ' '), p.Location)
}

// params appends body-fld-param. The names may end in "*" (RFC 2231 6).
//
//	body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
func (w wire) params(b []byte, params []mime.Param) []byte {
	if len(params) == 0 {
		return append(b, "NIL"...)
	}
	for i, p := range params {
		b = w.upper(listSep(b, i), p.Name)
		b = w.string(append(b, ' '), p.Value)
	}
	return append(b, ')')
}

// upper appends a string in capitals, as RFC 9051 writes types, encodings and parameters in all its examples.
func (w wire) upper(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c < ' ' || c == '"' || c == '\\' || len(s) > maxQuoted {
			return w.string(b, strings.ToUpper(s))
		}
	}
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 0x20
		}
		b = append(b, c)
	}
	return append(b, '"')
}
