package imapwire

import (
	"io"
	"strings"

	"restante/internal/proto/mime"
)

// MechInternal is the mechanism of URLAUTH that every server has (RFC 4467 2.4.1).
const MechInternal = "INTERNAL"

// GenURLAuth is GENURLAUTH (RFC 4467 7).
type GenURLAuth struct{ URLs []URLMech }

// URLMech is a URL, up to its access identifier, and the mechanism by which it is to be authorized, in capitals.
type URLMech struct{ URL, Mechanism string }

// CommandName is GENURLAUTH.
func (*GenURLAuth) CommandName() string { return "GENURLAUTH" }

// genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)
func (d *Decoder) parseGenURLAuth() Command {
	var c GenURLAuth
	for d.sp() && d.item() {
		var u URLMech
		var ok bool
		if u.URL, ok = d.astring("a URL"); !ok || !d.sp() {
			break
		}
		u.Mechanism = d.mechanism()
		c.URLs = append(c.URLs, u)
		if d.peek() != ' ' {
			break
		}
	}
	return done(d, &c)
}

// mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")
func (d *Decoder) mechanism() string {
	raw := d.run(func(c byte) bool { return isWordChar(c) && c != '_' })
	if len(raw) == 0 {
		d.fail("expected a mechanism at column %d", d.pos+1)
	}
	return strings.ToUpper(string(raw))
}

func (c *GenURLAuth) appendArgs(w wire, b []byte) []byte {
	for _, u := range c.URLs {
		b = w.astring(append(b, ' '), u.URL)
		b = append(append(b, ' '), u.Mechanism...)
	}
	return b
}

// ResetKey is RESETKEY (RFC 4467 7). Without a mailbox it is for all of them.
type ResetKey struct {
	All        bool
	Mailbox    Mailbox
	Mechanisms []string // in capitals; none stands for INTERNAL
}

// CommandName is RESETKEY.
func (*ResetKey) CommandName() string { return "RESETKEY" }

// resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]
func (d *Decoder) parseResetKey() Command {
	var c ResetKey
	if d.pos == len(d.line) {
		c.All = true
		return done(d, &c)
	}
	c.Mailbox = d.spMailbox()
	for d.try(' ') && d.item() {
		c.Mechanisms = append(c.Mechanisms, d.mechanism())
	}
	return done(d, &c)
}

func (c *ResetKey) appendArgs(w wire, b []byte) []byte {
	if c.All {
		return b
	}
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	for _, m := range c.Mechanisms {
		b = append(append(b, ' '), m...)
	}
	return b
}

// URLFetch is URLFETCH (RFC 4467 7; with parameters RFC 5524).
type URLFetch struct{ Items []URLFetchItem }

// URLFetchItem is a URL and what is wanted of it. Without any of these it is the content alone, in the form of RFC 4467.
type URLFetchItem struct {
	URL       string
	Structure bool // BODYPARTSTRUCTURE
	Body      bool // BODY: the content as it is
	Binary    bool // BINARY: the content with its transfer encoding undone; never with Body
}

// CommandName is URLFETCH.
func (*URLFetch) CommandName() string { return "URLFETCH" }

// urlfetch        = "URLFETCH" 1*(SP url-fetch-arg)
// url-fetch-arg   = url-full / "(" url-full *(SP url-fetch-param) ")"
// url-fetch-param = "BODY" / "BINARY" / "BODYPARTSTRUCTURE" / atom
func (d *Decoder) parseURLFetch() Command {
	var c URLFetch
	for d.sp() && d.item() {
		var it URLFetchItem
		if d.try('(') {
			it.URL, _ = d.astring("a URL")
			for d.try(' ') {
				d.urlFetchParam(&it)
			}
			d.expect(')')
		} else {
			it.URL, _ = d.astring("a URL")
		}
		c.Items = append(c.Items, it)
		if d.peek() != ' ' {
			break
		}
	}
	return done(d, &c)
}

// urlFetchParam reads a parameter. None may be given twice, nor both BODY and BINARY (RFC 5524 3.1).
func (d *Decoder) urlFetchParam(it *URLFetchItem) {
	was := *it
	switch string(d.keyword()) {
	case "BODY":
		it.Body = true
	case "BINARY":
		it.Binary = true
	case "BODYPARTSTRUCTURE":
		it.Structure = true
	default:
		d.fail("unknown parameter of URLFETCH")
		return
	}
	if was == *it || it.Body && it.Binary {
		d.fail("these parameters of URLFETCH do not go together")
	}
}

func (c *URLFetch) appendArgs(w wire, b []byte) []byte {
	for _, it := range c.Items {
		b = append(b, ' ')
		params := ""
		for _, p := range []struct {
			on   bool
			name string
		}{{it.Body, " BODY"}, {it.Binary, " BINARY"}, {it.Structure, " BODYPARTSTRUCTURE"}} {
			if p.on {
				params += p.name
			}
		}
		if params == "" {
			b = w.astring(b, it.URL)
			continue
		}
		b = w.astring(append(b, '('), it.URL)
		b = append(append(b, params...), ')')
	}
	return b
}

// CodeURLMech is URLMECH with the mechanisms that there are (RFC 4467 8).
func CodeURLMech(mechanisms ...string) Code { return Code("URLMECH " + strings.Join(mechanisms, " ")) }

// GenURLAuth writes a GENURLAUTH response (RFC 4467 8).
//
//	genurlauth-data = "*" SP "GENURLAUTH" 1*(SP url-full)
func (e *Encoder) GenURLAuth(urls []string) {
	e.start("GENURLAUTH")
	for _, u := range urls {
		e.buf = e.wire.string(append(e.buf, ' '), u)
	}
	e.end()
}

// URLFetchWriter writes what a URLFETCH response says of one URL. The response is written by its End, which must be called; until then the
// Encoder has no other use.
type URLFetchWriter struct{ e *Encoder }

// URLFetch begins a URLFETCH response (RFC 4467 8, RFC 5524 3.2).
//
//	urlfetch-data = "*" SP "URLFETCH" 1*(SP url-full (SP nstring / 1*(SP "(" url-metadata-el ")")))
func (e *Encoder) URLFetch(url string) URLFetchWriter {
	e.start("URLFETCH ")
	e.buf = e.wire.string(e.buf, url)
	return URLFetchWriter{e}
}

// End ends the response.
func (f URLFetchWriter) End() { f.e.end() }

// Null writes that there is nothing.
func (f URLFetchWriter) Null() { f.e.buf = append(f.e.buf, " NIL"...) }

// Text writes the content in the form of RFC 4467: size octets, which write writes.
func (f URLFetchWriter) Text(size int64, write func(io.Writer) error) { f.literal(" {", size, write) }

// Body is Text in the form of RFC 5524.
func (f URLFetchWriter) Body(size int64, write func(io.Writer) error) {
	f.literal(" (BODY {", size, write)
	f.e.buf = append(f.e.buf, ')')
}

// Binary writes the content with its transfer encoding undone, as a literal8 if it may hold NUL.
func (f URLFetchWriter) Binary(size int64, nul bool, write func(io.Writer) error) {
	head := " (BINARY {"
	if nul {
		head = " (BINARY ~{"
	}
	f.literal(head, size, write)
	f.e.buf = append(f.e.buf, ')')
}

// NullBinary says that the transfer encoding is not known.
func (f URLFetchWriter) NullBinary() { f.e.buf = append(f.e.buf, " (BINARY NIL)"...) }

// Structure writes BODYPARTSTRUCTURE: BODYSTRUCTURE of a part (RFC 5259).
func (f URLFetchWriter) Structure(p *mime.Part) {
	b := append(f.e.buf, " (BODYPARTSTRUCTURE "...)
	f.e.buf = append(f.e.wire.message(b, p, true), ')')
}

func (f URLFetchWriter) literal(head string, size int64, write func(io.Writer) error) {
	b := appendUint(append(f.e.buf, head...), uint64(size))
	f.e.buf = append(b, "}\r\n"...)
	f.e.literalBy(size, write)
}
