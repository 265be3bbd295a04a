package mime

import (
	"slices"
	"strconv"
	"strings"

	"restante/internal/proto/mime/charset"
)

// parseType reads a Content-Type value (RFC 2045 5.1). A value without a usable
// type gives "", "": the default applies (RFC 2045 5.2). limited is set when
// parameters were dropped.
func parseType(value string, limit int) (typ, subtype string, params []Param, limited bool) {
	l := lexer{s: value}
	l.skipCFWS()
	typ = lowerToken(l.until("/; \t()\"<>@,"))
	l.skipCFWS()
	if l.take('/') {
		l.skipCFWS()
		subtype = lowerToken(l.until("/; \t()\"<>@,"))
	}
	if typ == "" {
		subtype = ""
	} else if subtype == "" {
		typ, subtype = bareType(typ)
	}
	params, limited = parseParams(&l, limit)
	return typ, subtype, params, limited
}

// bareType completes a type that came without a subtype.
func bareType(typ string) (string, string) {
	switch typ {
	case "text":
		return "text", "plain"
	case "multipart":
		return "multipart", "mixed"
	case "message":
		return "message", "rfc822"
	case "application", "image", "audio", "video", "font", "model":
		return typ, "octet-stream"
	}
	return "", ""
}

// parseDisposition reads a Content-Disposition value (RFC 2183 2).
func parseDisposition(value string, limit int) (disp string, params []Param, limited bool) {
	l := lexer{s: value}
	l.skipCFWS()
	if l.peek() == '"' {
		disp = lowerToken(l.quoted())
	} else {
		disp = lowerToken(l.until("; \t("))
	}
	params, limited = parseParams(&l, limit)
	if strings.IndexByte(disp, '=') >= 0 { // filename=x without a disposition before it
		l.pos = 0
		params, limited = parseParamsAt(&l, limit)
		disp = "attachment"
	}
	return disp, params, limited
}

func lowerToken(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// parseParams skips to the first ";" and reads the parameters behind it.
func parseParams(l *lexer, limit int) ([]Param, bool) {
	for !l.done() && l.peek() != ';' {
		switch l.peek() {
		case '(':
			l.skipComment()
		case '"':
			l.quoted()
		default:
			l.pos++
		}
	}
	return parseParamsAt(l, limit)
}

// parseParamsAt reads parameters: *(";" attribute "=" value), with any number of
// semicolons and comments between. What has no "=" is skipped.
func parseParamsAt(l *lexer, limit int) (params []Param, limited bool) {
	for {
		l.skipCFWS()
		for l.take(';') {
			l.skipCFWS()
		}
		if l.done() {
			return joinContinuations(params), limited
		}
		name := lowerToken(l.until("=;("))
		l.skipCFWS()
		if !l.take('=') {
			l.until(";") // junk
			continue
		}
		value := paramText(l)
		if name == "" {
			continue
		}
		if len(params) == limit {
			return joinContinuations(params), true
		}
		params = append(params, Param{name, value})
	}
}

// paramText reads the value of a parameter. Unquoted it should be a token, but
// names with spaces and other specials are sent, so it goes on to the ";". When
// text follows a quoted value, it is dropped.
func paramText(l *lexer) string {
	l.skipCFWS()
	if l.peek() == '"' {
		v := l.quoted()
		l.skipCFWS()
		if c := l.peek(); c != ';' && c != 0 && !missingSemicolon(l.s[l.pos:]) {
			l.until(";")
		}
		return v
	}
	v := l.until(";")
	if i := strings.Index(v, " ("); i >= 0 {
		v = v[:i] // a comment
	}
	return strings.TrimSpace(v)
}

// missingSemicolon reports whether s looks like the next parameter: name=.
func missingSemicolon(s string) bool {
	i := strings.IndexAny(s, "= \t;\"")
	return i > 0 && s[i] == '='
}

// joinContinuations joins name*0, name*1 ... (RFC 2231 3) to one parameter, in
// the place of the first: name* if any piece is extended, else name. Pieces may
// come in any order; those behind a gap are dropped.
func joinContinuations(params []Param) []Param {
	if !slices.ContainsFunc(params, func(p Param) bool { return strings.IndexByte(p.Name, '*') > 0 }) {
		return params
	}
	out := params[:0:0]
	joined := make(map[string]bool)
	pieces := make(map[string]Param, len(params)) // "name*n" without the final "*"
	for _, p := range params {
		if base, n, _ := splitContinuation(p.Name); n >= 0 {
			key := base + "*" + strconv.Itoa(n)
			if _, twice := pieces[key]; !twice {
				pieces[key] = p
			}
		}
	}
	for _, p := range params {
		base, n, _ := splitContinuation(p.Name)
		switch {
		case n < 0:
			out = append(out, p)
		case !joined[base]:
			joined[base] = true
			if q, ok := joinPieces(base, pieces); ok {
				out = append(out, q)
			}
		}
	}
	return out
}

// joinPieces joins the pieces of one parameter, from number 0 or, as some send
// it, 1.
func joinPieces(base string, pieces map[string]Param) (Param, bool) {
	first := 0
	if _, ok := pieces[base+"*0"]; !ok {
		first = 1
	}
	var value []byte
	extended := false
	n := first
	for ; ; n++ {
		p, ok := pieces[base+"*"+strconv.Itoa(n)]
		if !ok {
			break
		}
		escaped := strings.HasSuffix(p.Name, "*")
		if escaped && !extended { // what came before was plain: there is no charset
			extended = true
			if n > first {
				value = append([]byte("''"), escapePercent(string(value))...)
			}
		}
		if extended && !escaped {
			p.Value = escapePercent(p.Value)
		}
		value = append(value, p.Value...)
	}
	if n == first {
		return Param{}, false
	}
	if extended {
		base += "*"
	}
	return Param{base, string(value)}, true
}

// escapePercent makes plain text part of an extended value.
func escapePercent(s string) string { return strings.ReplaceAll(s, "%", "%25") }

// splitContinuation takes "name*12*" apart; n is -1 if the name has no number.
func splitContinuation(name string) (base string, n int, extended bool) {
	base, extended = strings.CutSuffix(name, "*")
	i := strings.LastIndexByte(base, '*')
	if i <= 0 {
		return name, -1, extended
	}
	n, err := strconv.Atoi(base[i+1:])
	if err != nil || n < 0 || base[i+1] == '+' {
		return name, -1, extended
	}
	return base[:i], n, extended
}

// paramValue returns the decoded value of the named parameter: the extended form
// if there is one (RFC 2231 4), else the plain one, in which encoded words are
// decoded too, though RFC 2047 5 forbids them there: they are sent every day.
func paramValue(params []Param, name string) string {
	for _, p := range params {
		if len(p.Name) == len(name)+1 && p.Name[len(name)] == '*' && p.Name[:len(name)] == name {
			return decodeExtended(p.Value)
		}
	}
	for _, p := range params {
		if p.Name == name {
			return DecodeHeader(p.Value)
		}
	}
	return ""
}

// decodeExtended decodes charset'language'percent-encoded (RFC 2231 4). Without
// the quotes the charset is guessed.
func decodeExtended(v string) string {
	name := ""
	if i := strings.IndexByte(v, '\''); i >= 0 {
		if j := strings.IndexByte(v[i+1:], '\''); j >= 0 {
			name, v = v[:i], v[i+1+j+1:]
		}
	}
	b := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) && hexValue(v[i+1]) >= 0 && hexValue(v[i+2]) >= 0 {
			b = append(b, byte(hexValue(v[i+1])<<4|hexValue(v[i+2])))
			i += 2
			continue
		}
		b = append(b, v[i])
	}
	return oneLine(charset.Decode(name, b))
}
