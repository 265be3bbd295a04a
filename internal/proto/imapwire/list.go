package imapwire

// List is LIST (RFC 9051 6.3.9; RFC 5258, 5819, 6154, 8440, 9590).
type List struct {
	Select    ListSelect
	Reference string   // as a mailbox name, in UTF-8
	Patterns  []string // in UTF-8, with "*" and "%" in their sense; at least one
	Return    ListReturn
	Status    []StatusItem // with ReturnStatus
	Metadata  []string     // with ReturnMetadata: entries, in lower case
	Extended  bool         // selection options, return options, or a list of patterns were given: an answer may use the extended syntax
}

// ListSelect is a set of selection options.
type ListSelect uint8

// Selection options.
const (
	SelectSubscribed     ListSelect = 1 << iota // RFC 5258 3.1
	SelectRemote                                // RFC 5258 3.1
	SelectRecursiveMatch                        // RFC 5258 3.1; only beside SelectSubscribed
	SelectSpecialUse                            // RFC 6154 2
)

// ListReturn is a set of return options.
type ListReturn uint8

// Return options.
const (
	ReturnSubscribed ListReturn = 1 << iota // RFC 5258 3.2
	ReturnChildren                          // RFC 5258 3.2
	ReturnSpecialUse                        // RFC 6154 2
	ReturnStatus                            // RFC 5819: List.Status
	ReturnMyRights                          // RFC 8440: a MYRIGHTS response follows each LIST response
	ReturnMetadata                          // RFC 9590: List.Metadata
)

// ListData is the content of a LIST or LSUB response (RFC 9051 7.3.1).
type ListData struct {
	Attrs     []Flag
	Delimiter byte // 0 is NIL: no hierarchy
	Mailbox   Mailbox
	OldName   Mailbox  // "" for none (RFC 9051 6.3.9.7)
	ChildInfo []string // selection options matched by children (RFC 5258 4), "SUBSCRIBED"
}

// CommandName is LIST.
func (*List) CommandName() string { return "LIST" }

// list             = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
// list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
func (d *Decoder) parseList() Command {
	var c List
	d.sp()
	if d.peek() == '(' {
		c.Extended = true
		d.list(func() bool { return d.listSelect(&c) })
		// RFC 5258 3.1: a list-select-mod-opt needs a list-select-base-opt.
		if c.Select&SelectRecursiveMatch != 0 && c.Select&SelectSubscribed == 0 {
			d.fail("RECURSIVEMATCH needs SUBSCRIBED")
		}
		d.sp()
	}
	if ref, ok := d.astring("a reference name"); ok {
		c.Reference, _ = d.mailboxName(ref)
	}
	d.sp()
	d.patterns(&c)
	if d.try(' ') {
		c.Extended = true
		if string(d.keyword()) != "RETURN" {
			d.fail("expected RETURN")
		}
		d.sp()
		d.list(func() bool { return d.listReturn(&c) })
	}
	return done(d, &c)
}

// listSelect reads a selection option. An unknown one is BAD (RFC 5258 3.1).
func (d *Decoder) listSelect(c *List) bool {
	switch w := d.keyword(); string(w) {
	case "SUBSCRIBED":
		c.Select |= SelectSubscribed
	case "REMOTE":
		c.Select |= SelectRemote
	case "RECURSIVEMATCH":
		c.Select |= SelectRecursiveMatch
	case "SPECIAL-USE":
		c.Select |= SelectSpecialUse
	default:
		return d.fail("unknown selection option")
	}
	return true
}

// listReturn reads a return option. An unknown one is BAD (RFC 5258 3.2).
func (d *Decoder) listReturn(c *List) bool {
	switch w := d.keyword(); string(w) {
	case "SUBSCRIBED":
		c.Return |= ReturnSubscribed
	case "CHILDREN":
		c.Return |= ReturnChildren
	case "SPECIAL-USE":
		c.Return |= ReturnSpecialUse
	case "MYRIGHTS":
		c.Return |= ReturnMyRights
	case "STATUS":
		if c.Return&ReturnStatus != 0 {
			return d.fail("STATUS given twice")
		}
		c.Return |= ReturnStatus
		return d.sp() && d.statusItems(&c.Status)
	case "METADATA":
		if c.Return&ReturnMetadata != 0 {
			return d.fail("METADATA given twice")
		}
		c.Return |= ReturnMetadata
		return d.sp() && d.list1("the entries", func() bool {
			name, ok := d.entry()
			c.Metadata = append(c.Metadata, name)
			return ok
		})
	default:
		return d.fail("unknown return option")
	}
	return true
}

// mbox-or-pat = list-mailbox / patterns
// patterns    = "(" list-mailbox *(SP list-mailbox) ")"
func (d *Decoder) patterns(c *List) {
	one := func() bool {
		p, ok := d.pattern()
		c.Patterns = append(c.Patterns, p)
		return ok
	}
	if d.peek() == '(' {
		c.Extended = true
		d.list1("the patterns", one)
	} else {
		one()
	}
}

// list-mailbox = 1*list-char / string
//
// A pattern that is no name matches no name, which is no mistake: U+FFFD stands for it.
func (d *Decoder) pattern() (string, bool) {
	var raw string
	if c := d.peek(); c == '"' || c == '{' {
		var ok bool
		if raw, ok = d.string("a pattern"); !ok {
			return "", false
		}
	} else if raw = string(d.run(isListChar)); raw == "" {
		return "", d.fail("expected a mailbox pattern at column %d", d.pos+1)
	}
	if name, text := d.decodeName(raw); text == "" {
		return name, true
	}
	return "\uFFFD", true
}

func (c *List) appendArgs(w wire, b []byte) []byte {
	b = append(b, ' ')
	if c.Select != 0 {
		b = optionList(b, uint8(c.Select), "SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE")
		b = append(b, ") "...)
	}
	b = w.mailbox(b, c.Reference)
	b = append(b, ' ')
	if len(c.Patterns) == 1 {
		b = w.pattern(b, c.Patterns[0])
	} else {
		for i, p := range c.Patterns {
			b = w.pattern(listSep(b, i), p)
		}
		b = append(b, ')')
	}
	if c.Return == 0 {
		return b
	}
	b = append(b, " RETURN "...)
	rest := optionList(b, uint8(c.Return&^(ReturnStatus|ReturnMetadata)), "SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "", "MYRIGHTS")
	if c.Return&ReturnStatus != 0 {
		rest = append(listSep(rest, len(rest)-len(b)), "STATUS "...)
		rest = appendStatusItems(rest, c.Status)
	}
	if c.Return&ReturnMetadata != 0 {
		rest = append(listSep(rest, len(rest)-len(b)), "METADATA "...)
		rest = w.entries(rest, c.Metadata)
	}
	return append(rest, ')')
}

// optionList appends the names of the bits that are set, behind an open parenthesis which the caller closes.
func optionList[B ~uint8 | ~uint16](b []byte, bits B, names ...string) []byte {
	n := 0
	for i, name := range names {
		if bits&(1<<i) != 0 {
			b = append(listSep(b, n), name...)
			n++
		}
	}
	return b
}

// Lsub is LSUB (RFC 3501 6.3.9).
type Lsub struct{ Reference, Pattern string }

// CommandName is LSUB.
func (*Lsub) CommandName() string { return "LSUB" }

// lsub = "LSUB" SP mailbox SP list-mailbox
func (d *Decoder) parseLsub() Command {
	var c Lsub
	d.sp()
	if ref, ok := d.astring("a reference name"); ok {
		c.Reference, _ = d.mailboxName(ref)
	}
	d.sp()
	c.Pattern, _ = d.pattern()
	return done(d, &c)
}

func (c *Lsub) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), c.Reference)
	return w.pattern(append(b, ' '), c.Pattern)
}

// pattern appends a list-mailbox as a string: its wildcards are no part of an astring.
func (w wire) pattern(b []byte, p string) []byte {
	if !w.utf8 {
		p = EncodeUTF7(p)
	}
	return w.string(b, p)
}
