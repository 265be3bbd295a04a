package imapwire

import "strings"

// search             = "SEARCH" [search-return-opts] SP search-program
// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
// search-program     = ["CHARSET" SP charset SP] search-key *(SP search-key)
func (d *Decoder) parseSearch(uid bool) Command {
	c := Search{UID: uid}
	d.sp()
	word := d.searchReturns(&c, d.searchWord())
	d.searchProgram(&c, word)
	return done(d, &c)
}

// searchReturns reads the result options if the word says that there are any, and returns the word behind them.
func (d *Decoder) searchReturns(c *Search, word []byte) []byte {
	if string(word) != "RETURN" {
		return word
	}
	c.Extended = true
	d.sp()
	d.list(func() bool { return d.searchReturn(c) })
	switch {
	case c.Return&(ReturnAll|ReturnPartial) == ReturnAll|ReturnPartial:
		d.fail("ALL and PARTIAL exclude each other") // RFC 9394 3.1
	case c.Return == 0:
		c.Return = ReturnAll // RFC 9051 6.4.4.1: "()" is "(ALL)"
	}
	d.sp()
	return d.searchWord()
}

// searchProgram reads a search-program whose first word has been read.
func (d *Decoder) searchProgram(c *Search, word []byte) {
	if string(word) == "CHARSET" {
		d.sp()
		name, _ := d.astring("a charset")
		c.Charset = strings.ToUpper(name)
		d.sp()
		word = d.searchWord()
	}
	d.searchKeys(c, word)
}

// searchKeys reads search-key *(SP search-key), whose first word has been read.
func (d *Decoder) searchKeys(c *Search, word []byte) {
	var and SearchAnd
	for {
		key, ok := d.searchKey(word)
		if !ok {
			return
		}
		and = append(and, key)
		if !d.try(' ') {
			break
		}
		word = d.searchWord()
	}
	c.Key = and.key()
	if c.Return&ReturnRelevancy != 0 && !c.Fuzzy() {
		d.fail("RELEVANCY needs a FUZZY key") // RFC 6203 4
	}
}

// key is the conjunction, or its one key.
func (k SearchAnd) key() SearchKey {
	if len(k) == 1 {
		return k[0]
	}
	return k
}

// search-return-opt =/ "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE" / "PARTIAL" SP partial-range / "CONTEXT" / "UPDATE" / "RELEVANCY"
func (d *Decoder) searchReturn(c *Search) bool {
	switch w := d.keyword(); string(w) {
	case "MIN":
		c.Return |= ReturnMin
	case "MAX":
		c.Return |= ReturnMax
	case "ALL":
		c.Return |= ReturnAll
	case "COUNT":
		c.Return |= ReturnCount
	case "SAVE":
		c.Return |= ReturnSave
	case "CONTEXT": // modifier-context
		c.Return |= ReturnContext
	case "UPDATE": // modifier-update
		c.Return |= ReturnUpdate
	case "RELEVANCY": // RFC 6203 7
		c.Return |= ReturnRelevancy
	case "PARTIAL":
		if c.Return&ReturnPartial != 0 {
			return d.fail("PARTIAL given twice") // RFC 9394 3.1
		}
		c.Return |= ReturnPartial
		var ok bool
		if d.sp() {
			c.Partial, ok = d.window()
		}
		return ok
	default:
		return d.fail("unknown result option")
	}
	return true
}

// searchWord is the word that a key begins with, or empty before a list or a set.
func (d *Decoder) searchWord() []byte {
	if c := d.peek(); c == '(' || c == '*' || c == '$' || isDigit(c) {
		return nil
	}
	return d.keyword()
}

// nextKey is searchKey behind a space.
func (d *Decoder) nextKey() (SearchKey, bool) {
	if !d.sp() {
		return nil, false
	}
	return d.searchKey(d.searchWord())
}

// searchKey reads the key whose word has been read.
//
//	search-key =/ sequence-set / "(" search-key *(SP search-key) ")" / "NOT" SP search-key / "OR" SP search-key SP search-key
func (d *Decoder) searchKey(word []byte) (SearchKey, bool) {
	if !d.item() || !d.enter() {
		return nil, false
	}
	defer func() { d.depth-- }()
	switch string(word) {
	case "":
		if d.peek() == '(' {
			return d.searchList()
		}
		if c := d.peek(); c != '*' && c != '$' && !isDigit(c) {
			return nil, d.fail("expected a search key at column %d", d.pos+1)
		}
		set, ok := d.numSet()
		return SearchNum{Set: set}, ok
	case "NOT":
		key, ok := d.nextKey()
		return SearchNot{key}, ok
	case "OR":
		a, ok := d.nextKey()
		if !ok {
			return nil, false
		}
		b, ok := d.nextKey()
		return SearchOr{a, b}, ok
	case "FUZZY": // RFC 6203
		key, ok := d.nextKey()
		return SearchFuzzy{key}, ok
	case "UID":
		if !d.sp() {
			return nil, false
		}
		set, ok := d.numSet()
		return SearchNum{UID: true, Set: set}, ok
	}
	if key := plainKey(word); key != nil {
		return key, true
	}
	return d.argumentKey(word)
}

func (d *Decoder) searchList() (SearchKey, bool) {
	var and SearchAnd
	ok := d.list1("a list of search keys", func() bool {
		key, ok := d.searchKey(d.searchWord())
		and = append(and, key)
		return ok
	})
	if !ok {
		return nil, false
	}
	return and.key(), true
}

// plainKey is the key without arguments of that name, or nil.
func plainKey(word []byte) SearchKey {
	switch string(word) {
	case "ALL":
		return SearchAll{}
	case "ANSWERED":
		return SearchFlag{FlagAnswered}
	case "DELETED":
		return SearchFlag{FlagDeleted}
	case "DRAFT":
		return SearchFlag{FlagDraft}
	case "FLAGGED":
		return SearchFlag{FlagFlagged}
	case "RECENT": // RFC 3501 6.4.4; in IMAP4rev2 no message has it
		return SearchFlag{FlagRecent}
	case "SEEN":
		return SearchFlag{FlagSeen}
	case "UNANSWERED":
		return SearchNot{SearchFlag{FlagAnswered}}
	case "UNDELETED":
		return SearchNot{SearchFlag{FlagDeleted}}
	case "UNDRAFT":
		return SearchNot{SearchFlag{FlagDraft}}
	case "UNFLAGGED":
		return SearchNot{SearchFlag{FlagFlagged}}
	case "UNSEEN":
		return SearchNot{SearchFlag{FlagSeen}}
	case "NEW":
		return SearchAnd{SearchFlag{FlagRecent}, SearchNot{SearchFlag{FlagSeen}}}
	case "OLD":
		return SearchNot{SearchFlag{FlagRecent}}
	case "SAVEDATESUPPORTED":
		return SearchSaveDateSupported{}
	}
	return nil
}

// argumentKey reads the arguments of the other keys.
func (d *Decoder) argumentKey(word []byte) (SearchKey, bool) {
	if in := searchField(word); in != 0 {
		text, ok := d.spText()
		return SearchText{in, text}, ok
	}
	if date, ok := dateKey(word); ok {
		if !d.sp() {
			return nil, false
		}
		date.Date, ok = d.date()
		return date, ok
	}
	switch string(word) {
	case "KEYWORD", "UNKEYWORD":
		return d.searchKeyword(word[0] == 'U')
	case "HEADER":
		field, ok := d.spText()
		if !ok {
			return nil, false
		}
		text, ok := d.spText()
		return SearchHeader{field, text}, ok
	case "LARGER", "SMALLER":
		larger := word[0] == 'L'
		if !d.sp() {
			return nil, false
		}
		n, ok := d.number64("a size")
		return SearchSize{larger, n}, ok
	case "OLDER", "YOUNGER":
		older := word[0] == 'O'
		if !d.sp() {
			return nil, false
		}
		n, ok := d.nzNumber("an interval")
		return SearchAge{older, n}, ok
	case "UIDAFTER", "UIDBEFORE": // RFC 9738 3.2
		return d.searchBeside(string(word) == "UIDAFTER")
	case "MODSEQ":
		return d.searchModSeq()
	case "FILTER":
		return d.filterKey()
	case "EMAILID":
		id, ok := d.objectID()
		return SearchEmailID{id}, ok
	case "THREADID":
		id, ok := d.objectID()
		return SearchThreadID{id}, ok
	}
	return d.gmailKey(word)
}

func searchField(word []byte) SearchField {
	switch string(word) {
	case "BODY":
		return InBody
	case "TEXT":
		return InText
	case "FROM":
		return InFrom
	case "TO":
		return InTo
	case "CC":
		return InCc
	case "BCC":
		return InBcc
	case "SUBJECT":
		return InSubject
	}
	return 0
}

// dateKey splits SENTBEFORE into SENT and BEFORE.
func dateKey(word []byte) (SearchDate, bool) {
	var k SearchDate
	when := string(word)
	if rest, ok := strings.CutPrefix(when, "SENT"); ok {
		k.Of, when = SentDate, rest
	} else if rest, ok := strings.CutPrefix(when, "SAVED"); ok {
		k.Of, when = SaveDate, rest
	}
	switch when {
	case "BEFORE":
		k.When = Before
	case "ON":
		k.When = On
	case "SINCE":
		k.When = Since
	default:
		return k, false
	}
	return k, true
}

// spText is SP astring.
func (d *Decoder) spText() (string, bool) {
	if !d.sp() {
		return "", false
	}
	return d.astring("a string")
}

// flag-keyword = atom
func (d *Decoder) searchKeyword(not bool) (SearchKey, bool) {
	if !d.sp() {
		return nil, false
	}
	if d.peek() == '\\' {
		return nil, d.fail("KEYWORD takes no system flag")
	}
	f, ok := d.flag()
	if not {
		return SearchNot{SearchFlag{f}}, ok
	}
	return SearchFlag{f}, ok
}

// searchBeside reads a UID and gives the set of those on one side of it: not "n:*", which has the last message in any case.
func (d *Decoder) searchBeside(after bool) (SearchKey, bool) {
	if !d.sp() {
		return nil, false
	}
	n, ok := d.nzNumber("a UID")
	var set UIDSet
	switch {
	case after && n < 1<<32-1:
		set.AddRange(UID(n)+1, 1<<32-1)
	case !after && n > 1:
		set.AddRange(1, UID(n)-1)
	default:
		return SearchNot{SearchAll{}}, ok
	}
	return SearchNum{UID: true, Set: SetOf(set)}, ok
}

// search-modsequence = "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer
// entry-name         = DQUOTE "/flags/" attr-flag DQUOTE
// entry-type-req     = "priv" / "shared" / "all"
func (d *Decoder) searchModSeq() (SearchKey, bool) {
	if !d.sp() {
		return nil, false
	}
	var k SearchModSeq
	if d.peek() == '"' {
		var ok bool
		if k.Entry, ok = d.quoted(); !ok || !d.sp() {
			return nil, false
		}
		switch w := d.keyword(); string(w) {
		case "PRIV":
			k.Type = "priv"
		case "SHARED":
			k.Type = "shared"
		case "ALL":
			k.Type = "all"
		default:
			return nil, d.fail("expected priv, shared or all")
		}
		if !d.sp() {
			return nil, false
		}
	}
	n, ok := d.number64("a mod-sequence")
	k.ModSeq = ModSeq(n)
	return k, ok
}

// objectid = 1*255(ALPHA / DIGIT / "_" / "-")
func (d *Decoder) objectID() (string, bool) {
	if !d.sp() {
		return "", false
	}
	raw := d.run(func(c byte) bool { return isWordChar(c) && c != '.' })
	if len(raw) == 0 || len(raw) > 255 {
		return "", d.fail("expected an object id")
	}
	return string(raw), true
}
