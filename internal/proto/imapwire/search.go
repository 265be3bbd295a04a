package imapwire

import "slices"

// Search is SEARCH or UID SEARCH (RFC 9051 6.4.4).
type Search struct {
	UID      bool
	Extended bool         // RETURN was given: answer with ESEARCH
	Return   SearchReturn // RETURN () is ReturnAll
	Partial  Window       // with ReturnPartial (RFC 9394)
	Charset  string       // in capitals; "" when not given
	Key      SearchKey
}

// SearchReturn is a set of result options (RFC 9051 6.4.4.1, RFC 9394, RFC 5267).
type SearchReturn uint16

// Result options.
const (
	ReturnMin SearchReturn = 1 << iota
	ReturnMax
	ReturnAll
	ReturnCount
	ReturnSave    // RFC 5182
	ReturnPartial // RFC 9394
	ReturnContext // RFC 5267 4.2
	ReturnUpdate  // RFC 5267 4.3

	ReturnRelevancy // RFC 6203 4; only with a FUZZY among the keys
)

// SearchKey is a node of a search program: one of the types below whose names begin with Search, by value.
// NEW, OLD, UNSEEN and their like are given in terms of others (RFC 9051 6.4.4).
type SearchKey interface {
	appendKey(w wire, b []byte) []byte
}

// SearchAll matches every message.
type SearchAll struct{}

// SearchAnd matches when all do. An empty one matches every message.
type SearchAnd []SearchKey

// SearchOr matches when one does.
type SearchOr struct{ A, B SearchKey }

// SearchNot matches when the key does not.
type SearchNot struct{ Key SearchKey }

// SearchFuzzy asks for an inexact match (RFC 6203 3); a server may take it as its key.
type SearchFuzzy struct{ Key SearchKey }

// SearchNum matches the messages of a set.
type SearchNum struct {
	UID bool
	Set NumSet
}

// SearchFlag matches messages with the flag: ANSWERED, DELETED, DRAFT, FLAGGED, RECENT, SEEN, KEYWORD.
type SearchFlag struct{ Flag Flag }

// SearchText matches messages that contain the text, without regard to case.
type SearchText struct {
	In   SearchField
	Text string // in the charset of the command, until [Search.MapText] has been called
}

// SearchField says where SearchText looks.
type SearchField uint8

// Where SearchText looks.
const (
	InBody    SearchField = iota + 1 // BODY
	InText                           // TEXT: header and body
	InFrom                           // FROM and its like: the field of the envelope
	InTo                             //
	InCc                             //
	InBcc                            //
	InSubject                        //
)

// SearchHeader matches messages with the field, containing the text; an empty text matches any with the field (RFC 9051 6.4.4).
type SearchHeader struct {
	Field string // as the client wrote it
	Text  string
}

// SearchDate compares a date of the message, without regard to time and zone.
type SearchDate struct {
	Of   DateOf
	When DateIs
	Date Date
}

// DateOf says which date SearchDate looks at.
type DateOf uint8

// Dates of a message.
const (
	InternalDate DateOf = iota // BEFORE, ON, SINCE
	SentDate                   // SENTBEFORE, SENTON, SENTSINCE: the Date field
	SaveDate                   // SAVEDBEFORE, SAVEDON, SAVEDSINCE (RFC 8514)
)

// DateIs is the comparison of SearchDate.
type DateIs uint8

// Comparisons of dates.
const (
	Before DateIs = iota // earlier than
	On                   // within
	Since                // within or later than
)

// SearchSaveDateSupported matches in mailboxes that have save dates (RFC 8514).
type SearchSaveDateSupported struct{}

// SearchSize matches messages larger (LARGER) or smaller (SMALLER) than so many octets.
type SearchSize struct {
	Larger bool
	Octets uint64
}

// SearchAge matches messages whose internal date is within the last so many seconds (YOUNGER), or is not (OLDER) (RFC 5032).
type SearchAge struct {
	Older   bool
	Seconds uint32
}

// SearchModSeq matches messages whose mod-sequence is at least this (RFC 7162 3.1.5). Entry and Type are "" when not given;
// a server that keeps one mod-sequence a message ignores them.
type SearchModSeq struct {
	Entry, Type string
	ModSeq      ModSeq
}

// SearchEmailID matches the message with this id (RFC 8474). Case counts.
type SearchEmailID struct{ ID string }

// SearchThreadID matches the messages of the thread with this id (RFC 8474). Case counts.
type SearchThreadID struct{ ID string }

// Fuzzy reports whether there is a FUZZY among the keys.
func (c *Search) Fuzzy() bool { return isFuzzy(c.Key) }

func isFuzzy(key SearchKey) bool {
	switch k := key.(type) {
	case SearchFuzzy:
		return true
	case SearchNot:
		return isFuzzy(k.Key)
	case SearchOr:
		return isFuzzy(k.A) || isFuzzy(k.B)
	case SearchAnd:
		return slices.ContainsFunc(k, isFuzzy)
	}
	return false
}

// CommandName is SEARCH or UID SEARCH.
func (c *Search) CommandName() string { return uidName(c.UID, "UID SEARCH") }

// Counts reports whether the program has message sequence numbers.
func (c *Search) Counts() bool { return CountsMessages(c.Key) }

// CountsMessages reports whether a search key has message sequence numbers.
func CountsMessages(key SearchKey) bool {
	switch k := key.(type) {
	case SearchNum:
		return !k.UID && k.Set.hasNumbers()
	case SearchNot:
		return CountsMessages(k.Key)
	case SearchFuzzy:
		return CountsMessages(k.Key)
	case SearchOr:
		return CountsMessages(k.A) || CountsMessages(k.B)
	case SearchAnd:
		return slices.ContainsFunc(k, CountsMessages)
	}
	return false
}

// MapText replaces the texts to search for, those of SearchText and SearchHeader, by what f makes of them: to turn them into UTF-8,
// say. It stops at the first error and returns it.
func (c *Search) MapText(f func(string) (string, error)) error {
	key, err := mapText(c.Key, f)
	if err == nil {
		c.Key = key
	}
	return err
}

func mapText(key SearchKey, f func(string) (string, error)) (SearchKey, error) {
	var err error
	switch k := key.(type) {
	case SearchText:
		k.Text, err = f(k.Text)
		return k, err
	case SearchHeader:
		k.Text, err = f(k.Text)
		return k, err
	case SearchGmailRaw:
		k.Query, err = f(k.Query)
		return k, err
	case SearchNot:
		k.Key, err = mapText(k.Key, f)
		return k, err
	case SearchFuzzy:
		k.Key, err = mapText(k.Key, f)
		return k, err
	case SearchOr:
		if k.A, err = mapText(k.A, f); err == nil {
			k.B, err = mapText(k.B, f)
		}
		return k, err
	case SearchAnd:
		out := make(SearchAnd, len(k))
		for i := range k {
			if out[i], err = mapText(k[i], f); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return key, nil
}

func (c *Search) appendArgs(w wire, b []byte) []byte {
	b = c.appendReturn(b)
	if c.Charset != "" {
		b = w.astring(append(b, " CHARSET "...), c.Charset)
	}
	return c.appendProgram(w, b)
}

// appendReturn appends the result options, with a space before them.
func (c *Search) appendReturn(b []byte) []byte {
	if !c.Extended {
		return b
	}
	b = append(b, " RETURN "...)
	rest := optionList(b, c.Return&^ReturnPartial, "MIN", "MAX", "ALL", "COUNT", "SAVE", "", "CONTEXT", "UPDATE", "RELEVANCY")
	if c.Return&ReturnPartial != 0 {
		rest = append(listSep(rest, len(rest)-len(b)), "PARTIAL "...)
		rest = c.Partial.appendTo(rest)
	}
	return append(rest, ')')
}

// appendProgram appends the search keys, with a space before them.
func (c *Search) appendProgram(w wire, b []byte) []byte {
	b = append(b, ' ')
	if and, ok := c.Key.(SearchAnd); ok && len(and) > 0 {
		return and.appendKeys(w, b)
	}
	return c.Key.appendKey(w, b)
}

func (SearchAll) appendKey(_ wire, b []byte) []byte { return append(b, "ALL"...) }

func (k SearchAnd) appendKey(w wire, b []byte) []byte {
	if len(k) == 0 {
		return append(b, "ALL"...)
	}
	return append(k.appendKeys(w, append(b, '(')), ')')
}

func (k SearchAnd) appendKeys(w wire, b []byte) []byte {
	for i, key := range k {
		if i > 0 {
			b = append(b, ' ')
		}
		b = key.appendKey(w, b)
	}
	return b
}

func (k SearchOr) appendKey(w wire, b []byte) []byte {
	b = k.A.appendKey(w, append(b, "OR "...))
	return k.B.appendKey(w, append(b, ' '))
}

func (k SearchNot) appendKey(w wire, b []byte) []byte {
	return k.Key.appendKey(w, append(b, "NOT "...))
}

func (k SearchFuzzy) appendKey(w wire, b []byte) []byte {
	return k.Key.appendKey(w, append(b, "FUZZY "...))
}

func (k SearchNum) appendKey(_ wire, b []byte) []byte {
	if k.UID {
		b = append(b, "UID "...)
	}
	return k.Set.AppendTo(b)
}

func (k SearchFlag) appendKey(_ wire, b []byte) []byte {
	switch k.Flag {
	case FlagAnswered:
		return append(b, "ANSWERED"...)
	case FlagDeleted:
		return append(b, "DELETED"...)
	case FlagDraft:
		return append(b, "DRAFT"...)
	case FlagFlagged:
		return append(b, "FLAGGED"...)
	case FlagRecent:
		return append(b, "RECENT"...)
	case FlagSeen:
		return append(b, "SEEN"...)
	}
	return append(append(b, "KEYWORD "...), k.Flag...)
}

func (k SearchText) appendKey(w wire, b []byte) []byte {
	return w.string(append(b, [...]string{"", "BODY ", "TEXT ", "FROM ", "TO ", "CC ", "BCC ", "SUBJECT "}[k.In]...), k.Text)
}

func (k SearchHeader) appendKey(w wire, b []byte) []byte {
	b = w.string(append(b, "HEADER "...), k.Field)
	return w.string(append(b, ' '), k.Text)
}

func (k SearchDate) appendKey(_ wire, b []byte) []byte {
	b = append(b, [...]string{"", "SENT", "SAVED"}[k.Of]...)
	b = append(b, [...]string{"BEFORE ", "ON ", "SINCE "}[k.When]...)
	return k.Date.AppendTo(b)
}

func (SearchSaveDateSupported) appendKey(_ wire, b []byte) []byte {
	return append(b, "SAVEDATESUPPORTED"...)
}

func (k SearchSize) appendKey(_ wire, b []byte) []byte {
	if k.Larger {
		return appendUint(append(b, "LARGER "...), k.Octets)
	}
	return appendUint(append(b, "SMALLER "...), k.Octets)
}

func (k SearchAge) appendKey(_ wire, b []byte) []byte {
	if k.Older {
		return appendUint(append(b, "OLDER "...), uint64(k.Seconds))
	}
	return appendUint(append(b, "YOUNGER "...), uint64(k.Seconds))
}

func (k SearchModSeq) appendKey(w wire, b []byte) []byte {
	b = append(b, "MODSEQ "...)
	if k.Entry != "" {
		b = append(w.string(b, k.Entry), ' ')
		b = append(append(b, k.Type...), ' ')
	}
	return appendUint(b, uint64(k.ModSeq))
}

func (k SearchEmailID) appendKey(_ wire, b []byte) []byte {
	return append(append(b, "EMAILID "...), k.ID...)
}

func (k SearchThreadID) appendKey(_ wire, b []byte) []byte {
	return append(append(b, "THREADID "...), k.ID...)
}
