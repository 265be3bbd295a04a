package imapwire

// Language is LANGUAGE (RFC 5255 3.2): language ranges (RFC 4647 2), the one wanted most first; none asks which there are.
type Language struct{ Ranges []string }

// CommandName is LANGUAGE.
func (*Language) CommandName() string { return "LANGUAGE" }

// language-cmd = "LANGUAGE" *(SP lang-range-quoted)
func (d *Decoder) parseLanguage() Command {
	var c Language
	for d.try(' ') {
		r, ok := d.languageRange()
		if !ok {
			return nil
		}
		c.Ranges = append(c.Ranges, r)
	}
	return done(d, &c)
}

// languageRange is an astring, or the "*" that stands for any language.
func (d *Decoder) languageRange() (string, bool) {
	if !d.item() {
		return "", false
	}
	if d.try('*') {
		return "*", true
	}
	return d.astring("a language")
}

func (c *Language) appendArgs(w wire, b []byte) []byte {
	for _, r := range c.Ranges {
		if b = append(b, ' '); r == "*" {
			b = append(b, '*')
		} else {
			b = w.astring(b, r)
		}
	}
	return b
}

// Language writes a LANGUAGE response (RFC 5255 3.3): the languages that there are, or the one that is spoken now.
func (e *Encoder) Language(tags []string) {
	e.start("LANGUAGE ")
	for i, tag := range tags {
		e.buf = e.wire.string(listSep(e.buf, i), tag)
	}
	e.buf = append(e.buf, ')')
	e.end()
}

// SetTranslation has the texts of status responses and continuation requests translated; they may hold UTF-8 then (RFC 5255 3.5, resp-text). Nil ends it.
func (e *Encoder) SetTranslation(translate func(string) string) { e.translate = translate }
