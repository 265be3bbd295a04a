package mime

import (
	"bytes"
	"html"
	"io"
	"strings"
	"unicode/utf8"
)

// HTMLText returns the readable text of the HTML that r gives, which must be
// UTF-8: no markup, comments, scripts or styles; character references replaced;
// white space folded, with line breaks where blocks begin and end. Whatever the
// HTML, a few dozen octets are held.
//
// A tokenizer such as x/net/html's holds a whole token, and an image in a data:
// URI is a token of megabytes; so this is a small machine of its own.
func HTMLText(r io.Reader) io.Reader {
	return &stageReader{r: r, stages: []stage{new(htmlStage)}}
}

type htmlState uint8

const (
	htmlText    htmlState = iota
	htmlRef               // behind "&", the reference so far in name
	htmlOpen              // behind "<"
	htmlBang              // behind "<!" or "<!-"
	htmlComment           // behind "<!--"
	htmlName              // in the name of a tag
	htmlTag               // behind the name
	htmlQuote             // in a quoted attribute value
	htmlRaw               // in a script or the like, up to "</name"
)

// htmlStage turns HTML into text.
type htmlStage struct {
	state   htmlState
	name    []byte // of the tag, lower case, cut at longestName; or a reference
	closing bool   // of the tag: "</"
	quote   byte   // that ends the attribute value
	last    byte   // last octet in a tag that is no space
	dashes  int    // in a row, in a comment
	raw     string // element whose content is skipped, or ""
	matched int    // octets of "</" + raw seen

	gap     byte // white space to write before the next text: 0, ' ' or '\n'
	written bool // some text was written
}

const longestName = 32

func (h *htmlStage) Append(dst, src []byte, end bool) []byte {
	for len(src) > 0 {
		switch h.state {
		case htmlText:
			i := bytes.IndexAny(src, "<&")
			if i < 0 {
				i = len(src)
			}
			dst = h.text(dst, src[:i])
			src = src[i:]
			if len(src) > 0 {
				h.state = htmlRef
				if src[0] == '<' {
					h.state, h.closing, h.last, h.dashes = htmlOpen, false, 0, 0
				}
				h.name, src = h.name[:0], src[1:]
			}
		case htmlRaw, htmlComment:
			src = h.skip(src)
		case htmlTag, htmlQuote:
			src = h.attributes(src)
		default:
			var used bool
			if dst, used = h.markup(dst, src[0]); used {
				src = src[1:]
			}
		}
	}
	if end {
		switch h.state {
		case htmlRef:
			dst = h.reference(dst)
		case htmlOpen:
			dst = h.text(dst, []byte{'<'})
		}
		h.state = htmlText
	}
	return dst
}

// text writes text, folding its white space.
func (h *htmlStage) text(dst, run []byte) []byte {
	for len(run) > 0 {
		i := 0
		for i < len(run) && !isHTMLSpace(run[i]) {
			i++
		}
		if i > 0 {
			dst = append(h.separate(dst), run[:i]...)
			run = run[i:]
			continue
		}
		h.space(' ')
		run = run[1:]
	}
	return dst
}

// separate writes the white space that is due before text.
func (h *htmlStage) separate(dst []byte) []byte {
	if h.gap != 0 && h.written {
		dst = append(dst, h.gap)
	}
	h.gap, h.written = 0, true
	return dst
}

// space asks for white space before the next text; a line break wins.
func (h *htmlStage) space(c byte) {
	if h.gap != '\n' {
		h.gap = c
	}
}

func isHTMLSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'
}

// markup takes an octet of a tag or a reference; one that ends it without being
// of it is not used.
func (h *htmlStage) markup(dst []byte, c byte) (out []byte, used bool) {
	switch h.state {
	case htmlRef:
		if c == '#' && len(h.name) == 0 || isDigit(c) || isAlpha(c) {
			if h.name = append(h.name, c); len(h.name) < longestName {
				return dst, true
			}
			c = 0
		}
		if c == ';' {
			h.name = append(h.name, c)
		}
		h.state = htmlText
		return h.reference(dst), c == ';' || c == 0
	case htmlOpen:
		return h.open(dst, c)
	case htmlBang:
		switch {
		case c != '-':
			h.state = htmlTag
			return dst, false
		case h.dashes == 1:
			h.state = htmlComment
		}
		h.dashes++
	case htmlName:
		if isHTMLSpace(c) || c == '>' || c == '/' {
			h.state = htmlTag
			if c == '/' {
				h.last = c
			}
			return dst, c != '>'
		}
		if len(h.name) < longestName {
			h.name = append(h.name, c|0x20)
		}
	}
	return dst, true
}

// attributes passes over the rest of a tag. A quote opens a value only behind "=".
func (h *htmlStage) attributes(src []byte) []byte {
	if h.state == htmlQuote {
		i := bytes.IndexByte(src, h.quote)
		if i < 0 {
			return nil
		}
		h.state, h.last = htmlTag, 0
		return src[i+1:]
	}
	for i, c := range src {
		switch {
		case c == '>':
			h.tag()
			return src[i+1:]
		case (c == '"' || c == '\'') && h.last == '=':
			h.state, h.quote = htmlQuote, c
			return src[i+1:]
		case !isHTMLSpace(c):
			h.last = c
		}
	}
	return nil
}

// open takes the octet behind "<".
func (h *htmlStage) open(dst []byte, c byte) ([]byte, bool) {
	switch {
	case isAlpha(c):
		h.state = htmlName
		return dst, false
	case c == '/' && !h.closing:
		h.closing = true
		return dst, true
	case c == '!':
		h.state = htmlBang
		return dst, true
	case c == '?' || h.closing:
		h.state = htmlTag
		return dst, false
	}
	h.state = htmlText
	return h.text(dst, []byte{'<'}), false
}

// skip passes over a comment, or over the content of a script up to its end tag.
func (h *htmlStage) skip(src []byte) []byte {
	for i, c := range src {
		if h.state == htmlComment {
			switch {
			case c == '-':
				h.dashes++
			case c == '>' && h.dashes >= 2:
				h.state = htmlText
				return src[i+1:]
			case c != '!' || h.dashes < 2: // "--!>" ends a comment too
				h.dashes = 0
			}
			continue
		}
		switch want := "</"; {
		case h.matched == 2+len(h.raw): // the name must end here
			h.matched = 0
			if isHTMLSpace(c) || c == '>' || c == '/' {
				h.raw, h.closing, h.last, h.state = "", true, 0, htmlTag
				h.name = append(h.name[:0], "script"...) // an end tag without effect
				return src[i:]
			}
		case h.matched < 2 && c == want[h.matched], h.matched >= 2 && c|0x20 == h.raw[h.matched-2]:
			h.matched++
			continue
		}
		h.matched = 0
		if c == '<' {
			h.matched = 1
		}
	}
	return nil
}

// tag does what the tag that has ended asks for.
func (h *htmlStage) tag() {
	h.state = htmlText
	switch string(h.name) {
	case "script", "style", "title", "template", "noframes", "iframe", "select", "textarea", "svg", "math":
		if !h.closing && h.last != '/' {
			h.raw, h.matched, h.state = rawElement(h.name), 0, htmlRaw
		}
	case "p", "div", "br", "tr", "li", "ul", "ol", "dl", "dt", "dd", "table", "tbody", "thead", "tfoot", "caption",
		"h1", "h2", "h3", "h4", "h5", "h6", "h7", "hr", "pre", "blockquote", "center", "body", "head", "html", "form", "fieldset",
		"article", "aside", "section", "header", "footer", "nav", "main", "address", "figure", "figcaption", "details", "summary", "option":
		h.space('\n')
	case "td", "th", "img":
		h.space(' ')
	}
	h.closing, h.last = false, 0
}

// rawElement returns the name as a constant, so that it needs no memory.
func rawElement(name []byte) string {
	const all = "script style title template noframes iframe select textarea svg math"
	i := strings.Index(all, string(name))
	return all[i : i+len(name)]
}

// reference writes the character that the reference in name means, or the
// reference itself if it means nothing.
func (h *htmlStage) reference(dst []byte) []byte {
	switch string(h.name) {
	case "nbsp;", "nbsp", "#160;", "#xa0;", "#xA0;":
		return append(h.separate(dst), "\u00A0"...)
	case "amp;", "amp":
		return append(h.separate(dst), '&')
	}
	s := html.UnescapeString("&" + string(h.name))
	if !utf8.ValidString(s) || s == "\x00" {
		s = "\uFFFD"
	}
	h.name = h.name[:0]
	return h.text(dst, []byte(s))
}
