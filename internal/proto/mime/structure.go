package mime

import (
	"bytes"
	"strings"
)

// A fieldID is a field that a Message or Part is made from.
type fieldID uint8

const (
	fieldOther fieldID = iota
	fieldContentType
	fieldContentEncoding
	fieldContentDisposition
	fieldContentDescription
	fieldContentID
	fieldContentMD5
	fieldContentLocation
	fieldContentLanguage
	fieldFrom
	fieldSender
	fieldReplyTo
	fieldTo
	fieldCc
	fieldBcc
	fieldDate
	fieldSubject
	fieldMessageID
	fieldInReplyTo
	fieldReferences
)

// idOf looks a field name up. Most fields of a message are others, so it must be
// quick to say no: the length leaves one or two names to compare.
func idOf(name []byte) fieldID {
	is := func(s string, id fieldID) fieldID {
		if equalFold(name, s) {
			return id
		}
		return fieldOther
	}
	switch len(name) {
	case len("To"):
		return is("To", fieldTo) | is("Cc", fieldCc)
	case len("Bcc"):
		return is("Bcc", fieldBcc)
	case len("From"):
		return is("From", fieldFrom) | is("Date", fieldDate)
	case len("Sender"):
		return is("Sender", fieldSender)
	case len("Subject"):
		return is("Subject", fieldSubject)
	case len("Reply-To"):
		return is("Reply-To", fieldReplyTo)
	case len("Message-ID"):
		return is("Message-ID", fieldMessageID) | is("References", fieldReferences) | is("Content-ID", fieldContentID)
	case len("In-Reply-To"):
		return is("In-Reply-To", fieldInReplyTo) | is("Content-MD5", fieldContentMD5)
	case len("Content-Type"):
		return is("Content-Type", fieldContentType)
	case len("Content-Location"):
		return is("Content-Location", fieldContentLocation) | is("Content-Language", fieldContentLanguage)
	case len("Content-Disposition"):
		return is("Content-Disposition", fieldContentDisposition) | is("Content-Description", fieldContentDescription)
	case len("Content-Transfer-Encoding"):
		return is("Content-Transfer-Encoding", fieldContentEncoding)
	}
	return fieldOther
}

// readHeader takes what is of interest from the header block of a part. Of a field
// that comes twice the first counts, but see readAddresses.
func (p *Parser) readHeader(part *Part, top bool) {
	seen := uint32(0) // fields by their id
	for pos := 0; pos < len(p.header); {
		f, ok := nextField(p.header, pos)
		if !ok {
			break
		}
		pos = f.End
		id := idOf(f.Name)
		if id == fieldOther || id >= fieldFrom && part.Envelope == nil {
			continue
		}
		first := seen&(1<<id) == 0
		seen |= 1 << id
		switch {
		case id < fieldFrom && first:
			p.readContentField(part, id, &f)
		case id >= fieldDate && first:
			p.readTextField(part.Envelope, id, f.Text(), top)
		case fieldFrom <= id && id < fieldDate:
			p.readAddresses(part.Envelope, id, &f)
		}
	}
	if top {
		p.msg.BaseSubject, p.msg.IsReply = BaseSubject(part.Envelope.Subject)
	}
}

func (p *Parser) readContentField(part *Part, id fieldID, f *Field) {
	limited := false
	switch id {
	case fieldContentType:
		var typ, sub string
		typ, sub, part.Params, limited = parseType(f.Text(), p.lim.Params)
		if typ != "" {
			part.Type, part.Subtype = typ, sub
		}
	case fieldContentEncoding:
		part.Encoding = encodingToken(f.Value)
	case fieldContentDisposition:
		part.Disposition, part.DispParams, limited = parseDisposition(f.Text(), p.lim.Params)
	case fieldContentDescription:
		part.Description = f.Text()
	case fieldContentID:
		part.ID = f.Text()
	case fieldContentMD5:
		part.MD5 = f.Text()
	case fieldContentLocation:
		part.Location = f.Text()
	case fieldContentLanguage:
		part.Language = languages(f.Text(), p.lim.Params)
	}
	if limited {
		p.msg.Notes |= ParamsLimited
	}
}

// encodingToken reads a Content-Transfer-Encoding value (RFC 2045 6.1), which
// should be a token. Misspelt names of encodings that are understood are mended,
// so that clients understand them too.
func encodingToken(value []byte) string {
	for _, known := range [...]string{"7bit", "quoted-printable", "base64", "8bit", "binary"} {
		if equalFold(bytes.TrimSpace(value), known) {
			return known
		}
	}
	l := lexer{s: Unfold(value)}
	l.skipCFWS()
	name := lowerToken(l.until(";("))
	word, _, _ := strings.Cut(strings.Trim(name, `"`), " ")
	for _, s := range [...]string{name, word} {
		switch codecOf(s) {
		case codecBase64:
			return "base64"
		case codecQP:
			return "quoted-printable"
		case codecUU:
			return "x-uuencode"
		}
	}
	return word
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

// readTextField takes a field of a message that is kept as it is; those that
// threads are made of go to the Message too, if they are of the top message.
func (p *Parser) readTextField(e *Envelope, id fieldID, value string, top bool) {
	var blank EnvelopeFields
	switch id {
	case fieldDate:
		e.Date, blank = value, EnvelopeDate
	case fieldSubject:
		e.Subject, blank = value, EnvelopeSubject
	case fieldMessageID:
		e.MessageID, blank = value, EnvelopeMessageID
	case fieldInReplyTo:
		e.InReplyTo, blank = value, EnvelopeInReplyTo
	}
	if value == "" {
		e.Blank |= blank
	}
	if !top {
		return
	}
	switch id {
	case fieldMessageID:
		if ids := MessageIDs(value, 1); len(ids) > 0 {
			p.msg.MessageID = ids[0]
		}
	case fieldInReplyTo:
		p.msg.InReplyTo = MessageIDs(value, keptIDs)
	case fieldReferences:
		p.msg.References = MessageIDs(value, keptIDs)
	}
}

// keptIDs is how many ids of References are kept.
const keptIDs = 100

// readAddresses reads an address field. Of one that comes twice all addresses
// count, as if they stood in one list: what a check saw in the first and what a
// reader shows of the second must not differ.
func (p *Parser) readAddresses(e *Envelope, id fieldID, f *Field) {
	list, more := ParseAddresses(f.Text(), p.addrs)
	p.addrs -= len(list)
	if more {
		p.msg.Notes |= AddressesLimited
	}
	to := [...]*[]Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc}[id-fieldFrom]
	if *to == nil {
		*to = list
	} else {
		*to = append(*to, list...)
	}
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
