package mime

import "strings"

// readHeader takes what is of interest from the header block of a part. Of a field
// that comes twice the first counts.
func (p *Parser) readHeader(part *Part, top bool) {
	seen := make(seenFields, 0, 24)
	for f := range Fields(p.header) {
		switch name := f.Name; {
		case len(name) > 8 && equalFold(name[:8], "content-"):
			p.readContentField(part, &f, &seen)
		case part.Envelope != nil && name != nil:
			p.readEnvelopeField(part.Envelope, &f, top, &seen)
		}
	}
	if top {
		m := p.msg
		m.BaseSubject, m.IsReply = BaseSubject(part.Envelope.Subject)
	}
}

// seenFields tells which fields have had a value.
type seenFields []string

func (s *seenFields) first(name string) bool {
	for _, n := range *s {
		if n == name {
			return false
		}
	}
	*s = append(*s, name)
	return true
}

func (p *Parser) readContentField(part *Part, f *Field, seen *seenFields) {
	set := func(name string, to *string) {
		if f.Is(name) && seen.first(name) {
			*to = f.Text()
		}
	}
	limited := false
	switch len(f.Name) {
	case len("Content-Type"):
		if f.Is("Content-Type") && seen.first("Content-Type") {
			var typ, sub string
			typ, sub, part.Params, limited = parseType(f.Text(), p.lim.Params)
			if typ != "" {
				part.Type, part.Subtype = typ, sub
			}
		}
	case len("Content-Transfer-Encoding"):
		if f.Is("Content-Transfer-Encoding") && seen.first("Content-Transfer-Encoding") {
			part.Encoding = encodingToken(f.Text())
		}
	case len("Content-Disposition"):
		if f.Is("Content-Disposition") && seen.first("Content-Disposition") {
			part.Disposition, part.DispParams, limited = parseDisposition(f.Text(), p.lim.Params)
		}
		set("Content-Description", &part.Description)
	case len("Content-ID"):
		set("Content-ID", &part.ID)
	case len("Content-MD5"):
		set("Content-MD5", &part.MD5)
	case len("Content-Location"):
		set("Content-Location", &part.Location)
		if f.Is("Content-Language") && seen.first("Content-Language") {
			part.Language = languages(f.Text(), p.lim.Params)
		}
	}
	if limited {
		p.msg.Notes |= ParamsLimited
	}
}

// encodingToken reads a Content-Transfer-Encoding value (RFC 2045 6.1), which
// should be a token.
func encodingToken(value string) string {
	l := lexer{s: value}
	l.skipCFWS()
	if l.peek() == '"' {
		return lowerToken(l.quoted())
	}
	return lowerToken(l.until("; \t("))
}

// languages reads a Content-Language value (RFC 3282 2), at most max tags of it.
func languages(value string, max int) []string {
	var tags []string
	l := lexer{s: value}
	for len(tags) < max {
		l.skipCFWS()
		for l.take(',') {
			l.skipCFWS()
		}
		if l.done() {
			break
		}
		if tag := strings.TrimSpace(l.until(",(")); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// readEnvelopeField takes a field of a message; those of the top message go to the
// Message too.
func (p *Parser) readEnvelopeField(e *Envelope, f *Field, top bool, seen *seenFields) {
	text := func(name string, to *string) bool {
		if !f.Is(name) || !seen.first(name) {
			return false
		}
		*to = f.Text()
		return true
	}
	m := p.msg
	switch len(f.Name) {
	case 2:
		p.addresses(f, "To", &e.To)
		p.addresses(f, "Cc", &e.Cc)
	case 3:
		p.addresses(f, "Bcc", &e.Bcc)
	case 4:
		p.addresses(f, "From", &e.From)
		text("Date", &e.Date)
	case 6:
		p.addresses(f, "Sender", &e.Sender)
	case 7:
		text("Subject", &e.Subject)
	case 8:
		p.addresses(f, "Reply-To", &e.ReplyTo)
	case 10:
		if text("Message-ID", &e.MessageID) && top {
			if ids := MessageIDs(e.MessageID, 1); len(ids) > 0 {
				m.MessageID = ids[0]
			}
		}
		if top && f.Is("References") && seen.first("References") {
			m.References = MessageIDs(f.Text(), keptIDs)
		}
	case 11:
		if text("In-Reply-To", &e.InReplyTo) && top {
			m.InReplyTo = MessageIDs(e.InReplyTo, keptIDs)
		}
	}
}

// keptIDs is how many ids of References are kept.
const keptIDs = 100

// addresses reads an address field. Of one that comes twice all addresses count,
// as if they stood in one list: what a check saw in the first and what a reader
// shows of the second must not differ.
func (p *Parser) addresses(f *Field, name string, to *[]Address) {
	if !f.Is(name) {
		return
	}
	list, more := ParseAddresses(f.Text(), p.addrs)
	p.addrs -= len(list)
	if more {
		p.msg.Notes |= AddressesLimited
	}
	if *to == nil {
		*to = list
		return
	}
	*to = append(*to, list...)
}

// hasAttachment reports whether a reader would offer a part for download, as
// RFC 8621 4.1.4 suggests: anything that is neither text to read nor an image
// shown inside it. parent is the subtype of the multipart around the part.
func hasAttachment(part *Part, parent string) bool {
	if part.IsMultipart() {
		for i := range part.Parts {
			if hasAttachment(&part.Parts[i], part.Subtype) {
				return true
			}
		}
		return false
	}
	switch {
	case part.Disposition == "attachment":
		return true
	case part.Type == "multipart" || part.Disposition == "inline":
		return false
	case part.Type == "text":
		return part.Disposition != "" || paramValue(part.Params, "name") != "" && part.Subtype != "html"
	case parent == "related" && part.ID != "":
		return false
	case part.Type == "application" && strings.HasSuffix(part.Subtype, "-signature"):
		return false // of multipart/signed (RFC 1847 2.1)
	case parent == "encrypted", parent == "report":
		return false
	}
	return true
}
