package imapwire

// fail notes a syntax error, unless there was an error before. It is always false, for return.
func (d *Decoder) fail(format string, args ...any) bool {
	if d.err == nil {
		d.err = syntaxError(format, args...)
	}
	return false
}

// failWith notes an error, unless there was one before. It is always false.
func (d *Decoder) failWith(err error) bool {
	if d.err == nil {
		d.err = err
	}
	return false
}

// peek is the next octet, or 0 at the end of the line and after an error.
func (d *Decoder) peek() byte {
	if d.err != nil || d.pos >= len(d.line) {
		return 0
	}
	return d.line[d.pos]
}

// try takes c, which is not NUL, if it is next.
func (d *Decoder) try(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.pos++
	return true
}

func (d *Decoder) expect(c byte) bool {
	return d.try(c) || d.fail("expected %q at column %d", string(c), d.pos+1)
}

// sp takes one space: never more, never less (RFC 9051 9, note 2).
func (d *Decoder) sp() bool {
	return d.try(' ') || d.fail("expected a space at column %d", d.pos+1)
}

// end takes the end of the command.
func (d *Decoder) end() bool {
	if d.err != nil {
		return false
	}
	if d.pos < len(d.line) {
		return d.fail("unexpected text at column %d", d.pos+1)
	}
	d.open = false
	return true
}

// item counts an element of a list.
func (d *Decoder) item() bool {
	if d.err != nil {
		return false
	}
	if d.items++; d.items > d.opt.Limits.Items {
		return d.failWith(&Error{Status: NO, Code: CodeLimit, Text: "too many elements in a command"})
	}
	return true
}

// enter goes one level down; the caller does d.depth-- when it leaves.
func (d *Decoder) enter() bool {
	if d.err != nil {
		return false
	}
	if d.depth++; d.depth > d.opt.Limits.Depth {
		return d.failWith(&Error{Status: NO, Code: CodeLimit, Text: "command nested too deep"})
	}
	return true
}

// list reads "(" [item *(SP item)] ")".
func (d *Decoder) list(item func() bool) bool {
	if !d.expect('(') || !d.enter() {
		return false
	}
	defer func() { d.depth-- }()
	if d.try(')') {
		return true
	}
	for {
		if !d.item() || !item() {
			return false
		}
		if d.try(')') {
			return true
		}
		if !d.sp() {
			return false
		}
	}
}

// list1 is list with at least one item.
func (d *Decoder) list1(what string, item func() bool) bool {
	if d.peek() == '(' && d.pos+1 < len(d.line) && d.line[d.pos+1] == ')' {
		return d.fail("%s must not be an empty list", what)
	}
	return d.list(item)
}

// run takes octets of a class and returns them; they are gone with the next read.
func (d *Decoder) run(class func(byte) bool) []byte {
	if d.err != nil {
		return nil
	}
	start := d.pos
	for d.pos < len(d.line) && class(d.line[d.pos]) {
		d.pos++
	}
	return d.line[start:d.pos]
}

// keyword takes a run of letters, digits and the marks that occur in names, and returns it in capitals, valid until the next keyword.
// What is longer than any keyword is cut, and so matches none.
func (d *Decoder) keyword() []byte {
	raw := d.run(isWordChar)
	n := copy(d.word[:], raw)
	for i, c := range d.word[:n] {
		if 'a' <= c && c <= 'z' {
			d.word[i] = c - 0x20
		}
	}
	return d.word[:n]
}

// atom takes an atom, or fails.
func (d *Decoder) atom(what string) (string, bool) {
	raw := d.run(isAtomChar)
	if len(raw) == 0 {
		return "", d.fail("expected %s at column %d", what, d.pos+1)
	}
	return string(raw), true
}

// astring = 1*ASTRING-CHAR / string
func (d *Decoder) astring(what string) (string, bool) {
	if c := d.peek(); c == '"' || c == '{' {
		return d.string(what)
	}
	raw := d.run(isAStringChar)
	if len(raw) == 0 {
		return "", d.fail("expected %s at column %d", what, d.pos+1)
	}
	return string(raw), true
}

// string = quoted / literal
func (d *Decoder) string(what string) (string, bool) {
	switch d.peek() {
	case '"':
		return d.quoted()
	case '{':
		b, ok := d.heldLiteral()
		return string(b), ok
	}
	return "", d.fail("expected %s at column %d", what, d.pos+1)
}

// nstring = string / nil
func (d *Decoder) nstring(what string) (s string, null, ok bool) {
	if c := d.peek(); c == 'N' || c == 'n' {
		if string(d.keyword()) == "NIL" {
			return "", true, true
		}
		return "", false, d.fail("expected %s", what)
	}
	s, ok = d.string(what)
	return s, false, ok
}

// quoted = DQUOTE *QUOTED-CHAR DQUOTE
//
// Octets over 127 are let through as they are: clients quote passwords and search texts in all charsets.
func (d *Decoder) quoted() (string, bool) {
	if !d.expect('"') {
		return "", false
	}
	start, escaped := d.pos, 0
	for ; d.pos < len(d.line); d.pos++ {
		switch d.line[d.pos] {
		case '"':
			raw := d.line[start:d.pos]
			d.pos++
			if escaped > 0 {
				return unescape(raw, escaped), true
			}
			return string(raw), true
		case '\\':
			d.pos++
			if d.pos >= len(d.line) || d.line[d.pos] != '"' && d.line[d.pos] != '\\' {
				return "", d.fail("only a quote or a backslash can follow a backslash in a quoted string")
			}
			escaped++
		case 0, '\r':
			return "", d.fail("a quoted string must not hold NUL or CR")
		}
	}
	return "", d.fail("a quoted string has no end")
}

// unescape removes so many backslashes.
func unescape(raw []byte, escaped int) string {
	out := make([]byte, 0, len(raw)-escaped)
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			i++
		}
		out = append(out, raw[i])
	}
	return string(out)
}

// number is an unsigned 32-bit integer.
func (d *Decoder) number(what string) (uint32, bool) {
	n, ok := d.upTo(1<<32-1, what)
	return uint32(n), ok
}

// nzNumber is a number that is not zero.
func (d *Decoder) nzNumber(what string) (uint32, bool) {
	n, ok := d.number(what)
	if ok && n == 0 {
		return 0, d.fail("%s must not be zero", what)
	}
	return n, ok
}

// number64 is an unsigned 63-bit integer.
func (d *Decoder) number64(what string) (uint64, bool) { return d.upTo(1<<63-1, what) }

func (d *Decoder) upTo(limit uint64, what string) (uint64, bool) {
	raw := d.run(isDigit)
	if len(raw) == 0 {
		return 0, d.fail("expected %s, a number, at column %d", what, d.pos+1)
	}
	n, ok := parseUint(raw, limit)
	if !ok {
		return 0, d.fail("%s is too large a number", what)
	}
	return n, true
}

// parseUint reads decimal digits up to a limit below 1<<63.
func parseUint(digits []byte, limit uint64) (uint64, bool) {
	var n uint64
	for _, c := range digits {
		if n > limit/10 {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isAtomChar: any CHAR except "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
func isAtomChar(c byte) bool {
	if c <= ' ' || c >= 0x7f {
		return false
	}
	switch c {
	case '(', ')', '{', '%', '*', '"', '\\', ']':
		return false
	}
	return true
}

// isAStringChar: ATOM-CHAR / resp-specials
func isAStringChar(c byte) bool { return isAtomChar(c) || c == ']' }

// isListChar: ATOM-CHAR / list-wildcards / resp-specials
func isListChar(c byte) bool { return isAStringChar(c) || c == '%' || c == '*' }

// isTagChar: any ASTRING-CHAR except "+"
func isTagChar(c byte) bool { return isAStringChar(c) && c != '+' }

// isWordChar is what occurs in the names of commands, items, keys and options; brackets and the like end them.
func isWordChar(c byte) bool {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', isDigit(c), c == '.', c == '-', c == '_':
		return true
	}
	return false
}
