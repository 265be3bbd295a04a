package imapwire

// Search is SEARCH or UID SEARCH (RFC 9051 6.4.4).
type Search struct {
	UID      bool
	Extended bool         // RETURN was given: answer with ESEARCH
	Return   SearchReturn // RETURN () is ReturnAll
	Partial  Window       // with ReturnPartial (RFC 9394)
	Charset  string       // in capitals; "" when not given
	Key      SearchKey
}

// SearchReturn is a set of result options (RFC 9051 6.4.4.1, RFC 9394).
type SearchReturn uint8

// Result options.
const (
	ReturnMin SearchReturn = 1 << iota
	ReturnMax
	ReturnAll
	ReturnCount
	ReturnSave    // RFC 5182
	ReturnPartial // RFC 9394
)

// SearchKey is a node of a search program: one of the types below whose names begin with Search, by value.
// NEW, OLD, UNSEEN and their like are given in terms of others (RFC 9051 6.4.4).
type SearchKey interface{ appendKey(b []byte) []byte }

// SearchAll matches every message.
type SearchAll struct{}

// SearchAnd matches when all do. An empty one matches every message.
type SearchAnd []SearchKey

// SearchOr matches when one does.
type SearchOr struct{ A, B SearchKey }

// SearchNot matches when the key does not.
type SearchNot struct{ Key SearchKey }

// SearchFuzzy asks for an inexact match (RFC 6203); a server may take it as its key.
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

// CommandName is SEARCH or UID SEARCH.
func (c *Search) CommandName() string { return uidName(c.UID, "UID SEARCH") }
