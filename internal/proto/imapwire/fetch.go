package imapwire

import (
	"bytes"
	"strings"
)

// Fetch is FETCH or UID FETCH (RFC 9051 6.4.5; modifiers: RFC 7162). The macros ALL, FAST and FULL are given as their items.
type Fetch struct {
	UID          bool
	Set          NumSet
	Items        []FetchItem
	ChangedSince ModSeq // 0: not given
	Vanished     bool   // RFC 7162 3.2.6, only with UID and ChangedSince
	Partial      Window // RFC 9394; zero when not given
}

// Window is a range of results, counted from the first one (RFC 9394). With Last it is counted from the last one.
type Window struct {
	From, To uint32 // From <= To; 0 when not given
	Last     bool
}

// FetchItem is what to fetch of a message.
type FetchItem struct {
	Kind    FetchKind
	Peek    bool    // BODY.PEEK, BINARY.PEEK, or an item that never sets \Seen
	Lazy    bool    // PREVIEW (LAZY)
	Section Section // BODY[...], BINARY[...], BINARY.SIZE[...]
	Partial Partial // BODY[...], BINARY[...]

	label string // what Label returns, made once a command
}

// FetchKind is the name of an item.
type FetchKind uint8

// Fetch items.
const (
	FetchFlags          FetchKind = iota + 1
	FetchInternalDate             //
	FetchSize                     // RFC822.SIZE
	FetchEnvelope                 //
	FetchBody                     // BODY: the structure without extension data
	FetchBodyStructure            //
	FetchUID                      //
	FetchSection                  // BODY[...]
	FetchBinary                   // BINARY[...]
	FetchBinarySize               // BINARY.SIZE[...]
	FetchRFC822                   // as BODY[], under its own name
	FetchRFC822Header             // as BODY.PEEK[HEADER], under its own name
	FetchRFC822Text               // as BODY[TEXT], under its own name
	FetchModSeq                   // RFC 7162
	FetchEmailID                  // RFC 8474
	FetchThreadID                 // RFC 8474
	FetchSaveDate                 // RFC 8514
	FetchPreview                  // RFC 8970
	FetchGmailMessageID           // X-GM-EXT-1, as those that follow
	FetchGmailThreadID            //
	FetchGmailLabels              //
)

// CommandName is FETCH or UID FETCH.
func (c *Fetch) CommandName() string { return uidName(c.UID, "UID FETCH") }

// fetch           = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]
// fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
func (d *Decoder) parseFetch(uid bool) Command {
	c := Fetch{UID: uid, Set: d.spNumSet()}
	d.sp()
	if d.peek() == '(' {
		d.list1("the items", func() bool { return d.fetchItem(&c, false) })
	} else {
		d.fetchItem(&c, true)
	}
	if d.try(' ') {
		d.list1("FETCH modifiers", func() bool { return d.fetchModifier(&c) })
		// RFC 7162 3.2.6: VANISHED goes with UID FETCH and CHANGEDSINCE only.
		if c.Vanished && (!uid || c.ChangedSince == 0) {
			d.fail("VANISHED needs UID FETCH with CHANGEDSINCE")
		}
		if c.Partial.From != 0 && !uid { // RFC 9394 3.3
			d.fail("PARTIAL needs UID FETCH")
		}
	}
	return done(d, &c)
}

// fetchItem reads a fetch-att, or a macro when it stands alone (RFC 9051 6.4.5).
func (d *Decoder) fetchItem(c *Fetch, alone bool) bool {
	w := d.keyword()
	if alone {
		for _, k := range macro(w) {
			c.Items = append(c.Items, FetchItem{Kind: k, Peek: true})
		}
		if len(c.Items) > 0 {
			return true
		}
	}
	name, peek := bytes.CutSuffix(w, []byte(".PEEK"))
	it := FetchItem{Kind: fetchKind(name), Peek: true}
	ok := true
	switch it.Kind {
	case 0:
		return d.fail("unknown FETCH item")
	case FetchBody:
		if d.peek() == '[' {
			it.Kind, it.Peek = FetchSection, peek
			ok = d.section(&it.Section) && d.partial(&it.Partial)
			peek = false
		}
	case FetchBinary:
		it.Peek = peek
		ok = d.binarySection(&it.Section) && d.partial(&it.Partial)
		peek = false
	case FetchBinarySize:
		ok = d.binarySection(&it.Section)
	case FetchRFC822, FetchRFC822Text: // RFC 3501 6.4.5: these set \Seen
		it.Peek = false
	case FetchPreview:
		ok = d.previewModifiers(&it)
	}
	if peek {
		return d.fail("PEEK needs a section")
	}
	if it.Kind.sectioned() {
		it.label = string(it.appendLabel(nil))
	}
	c.Items = append(c.Items, it)
	return ok
}

// previewModifiers reads [SP "(" "LAZY" ")"] after PREVIEW. What follows a PREVIEW outside of a list may as well be a FETCH modifier.
func (d *Decoder) previewModifiers(it *FetchItem) bool {
	rest := d.line[d.pos:]
	if len(rest) < 6 || !strings.EqualFold(string(rest[:6]), " (LAZY") {
		return true
	}
	d.sp()
	return d.list1("PREVIEW modifiers", func() bool {
		it.Lazy = true
		return string(d.keyword()) == "LAZY" || d.fail("unknown PREVIEW modifier")
	})
}

// fetchModifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range
func (d *Decoder) fetchModifier(c *Fetch) bool {
	var ok bool
	switch w := d.keyword(); string(w) {
	case "CHANGEDSINCE":
		if !d.sp() {
			return false
		}
		c.ChangedSince, ok = d.modSeq()
		return ok
	case "VANISHED":
		c.Vanished = true
		return true
	case "PARTIAL":
		if !d.sp() {
			return false
		}
		c.Partial, ok = d.window()
		return ok
	}
	return d.fail("unknown FETCH modifier")
}

// partial-range       = partial-range-first / partial-range-last
// partial-range-first = nz-number ":" nz-number
// partial-range-last  = "-" nz-number ":" "-" nz-number
func (d *Decoder) window() (Window, bool) {
	w := Window{Last: d.try('-')}
	a, ok := d.nzNumber("a range")
	if !ok || !d.expect(':') || w.Last && !d.expect('-') {
		return Window{}, false
	}
	b, ok := d.nzNumber("a range")
	w.From, w.To = min(a, b), max(a, b)
	return w, ok
}

func (w Window) appendTo(b []byte) []byte {
	for i, n := range [...]uint32{w.From, w.To} {
		if i > 0 {
			b = append(b, ':')
		}
		if w.Last {
			b = append(b, '-')
		}
		b = appendUint(b, uint64(n))
	}
	return b
}

// macro is the items that a macro stands for, or none.
func macro(w []byte) []FetchKind {
	all := [...]FetchKind{FetchFlags, FetchInternalDate, FetchSize, FetchEnvelope, FetchBody}
	switch string(w) {
	case "FAST":
		return all[:3]
	case "ALL":
		return all[:4]
	case "FULL":
		return all[:]
	}
	return nil
}

// fetchNames are the names of the items; of those with a section, the word before it.
var fetchNames = [...]string{
	FetchFlags:         "FLAGS",
	FetchInternalDate:  "INTERNALDATE",
	FetchSize:          "RFC822.SIZE",
	FetchEnvelope:      "ENVELOPE",
	FetchBody:          "BODY",
	FetchBodyStructure: "BODYSTRUCTURE",
	FetchUID:           "UID",
	FetchSection:       "BODY",
	FetchBinary:        "BINARY",
	FetchBinarySize:    "BINARY.SIZE",
	FetchRFC822:        "RFC822",
	FetchRFC822Header:  "RFC822.HEADER",
	FetchRFC822Text:    "RFC822.TEXT",
	FetchModSeq:        "MODSEQ",
	FetchEmailID:       "EMAILID",
	FetchThreadID:      "THREADID",
	FetchSaveDate:      "SAVEDATE",
	FetchPreview:       "PREVIEW",

	FetchGmailMessageID: "X-GM-MSGID",
	FetchGmailThreadID:  "X-GM-THRID",
	FetchGmailLabels:    "X-GM-LABELS",
}

// String is the name of the item; of one with a section, the word before it.
func (k FetchKind) String() string { return fetchNames[k] }

// fetchKind is the first item of the name, or 0: BODY is FetchBody until a section follows.
func fetchKind(w []byte) FetchKind {
	for k, name := range fetchNames {
		if k > 0 && string(w) == name {
			return FetchKind(k)
		}
	}
	return 0
}

// Label is the item's name in a response: BODY[HEADER.FIELDS (SUBJECT)]<0>, without PEEK and with the origin of a partial alone
// (RFC 9051 7.5.2).
func (it *FetchItem) Label() string {
	switch {
	case it.label != "":
		return it.label
	case it.Kind.sectioned():
		return string(it.appendLabel(nil))
	}
	return it.Kind.String()
}

// sectioned reports whether a section belongs to the item.
func (k FetchKind) sectioned() bool {
	return k == FetchSection || k == FetchBinary || k == FetchBinarySize
}

func (it *FetchItem) appendLabel(b []byte) []byte {
	b = append(b, it.Kind.String()...)
	b = it.Section.appendTo(b)
	if it.Partial.Count > 0 {
		b = appendUint(append(b, '<'), it.Partial.Offset)
		b = append(b, '>')
	}
	return b
}

// appendRequest appends the item as a client asks for it.
func (it *FetchItem) appendRequest(b []byte) []byte {
	b = append(b, it.Kind.String()...)
	switch it.Kind {
	case FetchSection, FetchBinary:
		if it.Peek {
			b = append(b, ".PEEK"...)
		}
		b = it.Section.appendTo(b)
	case FetchBinarySize:
		b = it.Section.appendTo(b)
	case FetchPreview:
		if it.Lazy {
			b = append(b, " (LAZY)"...)
		}
	}
	if it.Partial.Count > 0 {
		b = appendUint(append(b, '<'), it.Partial.Offset)
		b = appendUint(append(b, '.'), it.Partial.Count)
		b = append(b, '>')
	}
	return b
}

func (c *Fetch) appendArgs(_ wire, b []byte) []byte {
	b = append(c.Set.AppendTo(append(b, ' ')), ' ')
	for i := range c.Items {
		b = c.Items[i].appendRequest(listSep(b, i))
	}
	b = append(b, ')')
	start, mods := len(b), 0
	if c.ChangedSince > 0 {
		b = appendUint(append(listSep(append(b, ' '), mods), "CHANGEDSINCE "...), uint64(c.ChangedSince))
		mods++
	}
	if c.Vanished {
		b = append(listSep(b, mods), "VANISHED"...)
		mods++
	}
	if c.Partial.From > 0 {
		if mods == 0 {
			b = append(b, ' ')
		}
		b = c.Partial.appendTo(append(listSep(b, mods), "PARTIAL "...))
	}
	if len(b) > start {
		b = append(b, ')')
	}
	return b
}
