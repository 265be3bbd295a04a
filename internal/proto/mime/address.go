package mime

import "strings"

// An Address is an element of an address list as IMAP structures it (RFC 9051
// 7.5.2). The name is raw: quotes and escapes are gone, encoded words are not
// decoded. A group is a start, with the group's name in Mailbox and an empty
// Host, its members, and an end, with both empty. An address that lacks a part
// has MissingMailbox or MissingHost in its place, so it is never taken for one
// of the two.
type Address struct {
	Name, Route, Mailbox, Host string
}

// What stands for the missing part of a broken address. Dovecot puts the same,
// so clients have seen it.
const (
	MissingMailbox = "MISSING_MAILBOX"
	MissingHost    = "MISSING_DOMAIN"
)

// IsGroupStart reports whether a begins a group named a.Mailbox.
func (a Address) IsGroupStart() bool { return a.Host == "" && a.Mailbox != "" }

// IsGroupEnd reports whether a ends a group.
func (a Address) IsGroupEnd() bool { return a.Host == "" && a.Mailbox == "" }

// Spec is the address as local-part@domain (RFC 5322 3.4.1), quoted where it has
// to be, as much of it as there was; "" for the ends of a group.
func (a Address) Spec() string {
	if a.Host == "" {
		return ""
	}
	local, host := a.Mailbox, a.Host
	switch {
	case local == MissingMailbox:
		local = ""
	case needsQuotes(local):
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	if host == MissingHost {
		return local
	}
	return local + "@" + host
}

// needsQuotes reports whether a local part is no dot-atom. Dots are let pass
// wherever they are: quoting them would make another address of a broken one.
func needsQuotes(local string) bool {
	for i := range len(local) {
		if c := local[i]; c <= ' ' || c == 0x7F || strings.IndexByte("()<>[]:;@\\,\"", c) >= 0 {
			return true
		}
	}
	return false
}

// ParseAddresses reads an unfolded address list (RFC 5322 3.4), at most max
// elements of it; more tells whether there were more. Broken addresses are read
// as far as they make sense, and never swallow the ones behind the next comma
// unless a quote or an angle bracket stays open.
func ParseAddresses(value string, max int) (list []Address, more bool) {
	p := addressParser{lexer: lexer{s: value}, max: max}
	p.out = make([]Address, 0, min(max, 1+strings.Count(value, ","), 64))
	p.list()
	if len(p.out) == 0 {
		p.out = nil
	}
	return p.out, p.more
}

type addressParser struct {
	lexer
	out   []Address
	max   int
	more  bool
	group bool // between a group's start and its end
}

func (p *addressParser) add(a Address) {
	if len(p.out) >= p.max {
		p.more = true
		return
	}
	p.out = append(p.out, a)
}

func (p *addressParser) list() {
	for !p.more {
		p.skipCFWS()
		if p.done() {
			break
		}
		switch {
		case p.take(','):
		case p.take(';'): // ends a group; outside one, some put it for a comma
			p.endGroup()
		default:
			p.element()
		}
	}
	p.endGroup()
}

func (p *addressParser) endGroup() {
	if p.group {
		p.group = false
		p.add(Address{})
	}
}

// element reads one mailbox or the start of a group. It makes progress always.
func (p *addressParser) element() {
	p.comment = ""
	start := p.pos
	words, n := p.phrase()
	switch c := p.peek(); {
	case c == ':' && !p.group && !p.done():
		p.pos++
		p.group = true
		if words == "" {
			words = `""` // a start without a name would be an end
		}
		p.add(Address{Mailbox: words})
	case c == '<':
		p.angle(words)
	case c == '@':
		p.spec(start, words, n)
	case n == 0:
		p.pos++ // an octet that has no place here
	case n == 1:
		p.add(fill(Address{Name: p.comment, Mailbox: words}))
	default:
		p.add(fill(Address{Name: words}))
	}
}

// phrase reads words up to an octet that is special in a list, and returns them
// joined by single spaces, with their number. Words that only dots join are one
// word, as in an obs-local-part (RFC 5322 4.4).
func (p *addressParser) phrase() (text string, n int) {
	var b phraseBuilder
	for {
		p.skipCFWS()
		switch c := p.peek(); {
		case p.done():
			return b.text()
		case c == '"':
			b.add(p.quoted())
		case strings.IndexByte("<>@,;:", c) >= 0:
			if c == ':' && p.group {
				p.pos++ // no group in a group: a stray colon
				continue
			}
			return b.text()
		default:
			b.add(p.atom())
		}
	}
}

// atom reads a run of octets that are neither special nor white space; an encoded
// word is one atom whatever is in it.
func (p *addressParser) atom() string {
	if strings.HasPrefix(p.s[p.pos:], "=?") {
		if _, n := cutWord(p.s[p.pos:]); n > 0 && strings.IndexByte(p.s[p.pos:p.pos+n], ' ') < 0 {
			p.pos += n
			return p.s[p.pos-n : p.pos]
		}
	}
	start := p.pos
	for p.pos++; !p.done(); p.pos++ {
		if strings.IndexByte(" \t\"(<>@,;:", p.s[p.pos]) >= 0 {
			break
		}
	}
	return p.s[start:p.pos]
}

// phraseBuilder joins words without copying while there is only one.
type phraseBuilder struct {
	first string
	rest  strings.Builder
	n     int  // words
	dot   bool // the last piece is a dot
}

func (b *phraseBuilder) add(w string) {
	if b.n == 0 {
		b.first = w
	} else {
		if b.rest.Len() == 0 {
			b.rest.WriteString(b.first)
		}
		if glued := b.dot || strings.HasPrefix(w, "."); !glued {
			b.rest.WriteByte(' ')
		} else {
			b.n--
		}
		b.rest.WriteString(w)
	}
	b.n++
	b.dot = w == "."
}

func (b *phraseBuilder) text() (string, int) {
	if b.rest.Len() > 0 {
		return b.rest.String(), b.n
	}
	return b.first, b.n
}

// angle reads "<" [route ":"] local-part "@" domain ">" (RFC 5322 3.4, 4.4).
func (p *addressParser) angle(name string) {
	p.pos++
	a := Address{Name: name}
	p.skipCFWS()
	if p.peek() == '@' {
		start := p.pos
		if route := p.until(":>"); p.take(':') {
			a.Route = strings.TrimSpace(route)
		} else {
			p.pos = start
		}
	}
	a.Mailbox, a.Host = p.localAndDomain()
	// Junk before the closing bracket goes, even what would end an address, as in
	// <undisclosed:;@host>; but an unclosed bracket ends with the address.
	rest := p.s[p.pos:]
	if i := strings.IndexAny(rest, "<>,"); i >= 0 && rest[i] == '>' {
		p.pos += i + 1
	} else {
		p.until(",;")
	}
	if a.Name == "" {
		p.skipCFWS() // <a@b> (name)
		a.Name = p.comment
	} else {
		p.until(",;") // junk behind the address
	}
	p.add(fill(a))
}

// localAndDomain reads as much of local-part "@" domain as there is.
func (p *addressParser) localAndDomain() (local, host string) {
	start := p.pos
	local, _ = p.phrase()
	return p.behindAt(start, local)
}

// behindAt reads "@" domain if that is next, behind the given local part, which
// begins at start. Of several "@" the last one counts.
func (p *addressParser) behindAt(start int, local string) (string, string) {
	host := ""
	for first := true; p.peek() == '@'; first = false {
		if !first {
			local = strings.TrimSpace(p.s[start:p.pos])
		}
		p.pos++
		host = p.domain()
	}
	return local, host
}

// domain reads a domain or a domain literal, without the white space and comments
// that RFC 5322 4.4 allows between its atoms.
func (p *addressParser) domain() string {
	p.skipCFWS()
	start := p.pos
	if p.peek() == '[' {
		p.until("]>")
		p.take(']')
		return p.s[start:p.pos]
	}
	host := p.domainAtoms()
	var glued []byte
	for {
		p.skipCFWS()
		if p.peek() != '.' && (!p.isAtext() || !endsWithDot(host, glued)) {
			break
		}
		if glued == nil {
			glued = []byte(host)
		}
		glued = append(glued, p.domainAtoms()...)
	}
	if glued != nil {
		return string(glued)
	}
	return host
}

func endsWithDot(host string, glued []byte) bool {
	if glued != nil {
		return glued[len(glued)-1] == '.'
	}
	return strings.HasSuffix(host, ".")
}

// domainAtoms reads a run of octets of a domain.
func (p *addressParser) domainAtoms() string {
	start := p.pos
	for p.isAtext() {
		p.pos++
	}
	return p.s[start:p.pos]
}

// isAtext reports whether the next octet may stand in a domain.
func (p *addressParser) isAtext() bool {
	return !p.done() && strings.IndexByte(" \t(<>@,;:\"[", p.s[p.pos]) < 0
}

// spec reads local-part "@" domain, the local part being the n words that were
// read from start on. More than one word is a name without angle brackets behind
// it: the last word is the local part. An angle bracket behind the domain shows
// that all was the name, unquoted.
func (p *addressParser) spec(start int, words string, n int) {
	var a Address
	a.Mailbox, a.Host = p.behindAt(start, words)
	if a.Mailbox == words && n > 1 {
		i := strings.LastIndexByte(words, ' ')
		a.Name, a.Mailbox = words[:i], words[i+1:]
	}
	p.skipCFWS()
	end := p.pos
	if c := p.peek(); c != ',' && c != ';' && !p.done() {
		if junk := p.until("<,;"); p.peek() == '<' {
			p.angle(strings.TrimSpace(p.s[start:end] + junk))
			return
		}
	}
	if a.Name == "" {
		a.Name = p.comment
	}
	p.add(fill(a))
}

// fill marks what a mailbox lacks.
func fill(a Address) Address {
	if a.Mailbox == "" {
		a.Mailbox = MissingMailbox
	}
	if a.Host == "" {
		a.Host = MissingHost
	}
	return a
}
