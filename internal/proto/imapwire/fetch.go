package imapwire

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
}

// FetchKind is the name of an item.
type FetchKind uint8

// Fetch items.
const (
	FetchFlags         FetchKind = iota + 1
	FetchInternalDate            //
	FetchSize                    // RFC822.SIZE
	FetchEnvelope                //
	FetchBody                    // BODY: the structure without extension data
	FetchBodyStructure           //
	FetchUID                     //
	FetchSection                 // BODY[...]
	FetchBinary                  // BINARY[...]
	FetchBinarySize              // BINARY.SIZE[...]
	FetchRFC822                  // as BODY[], under its own name
	FetchRFC822Header            // as BODY.PEEK[HEADER], under its own name
	FetchRFC822Text              // as BODY[TEXT], under its own name
	FetchModSeq                  // RFC 7162
	FetchEmailID                 // RFC 8474
	FetchThreadID                // RFC 8474
	FetchSaveDate                // RFC 8514
	FetchPreview                 // RFC 8970
)

// Section is a section-spec (RFC 9051 6.4.5.1). The zero value is the whole message, BODY[].
type Section struct {
	Part   []uint32 // 1.2.3; empty for the message itself
	Text   SectionText
	Fields []string // for HeaderFields and HeaderFieldsNot, as the client wrote them: printable ASCII without a colon
}

// SectionText says which text of a part is meant.
type SectionText uint8

// Texts of a part.
const (
	SectionAll             SectionText = iota // the part's content, or the whole message
	SectionHeader                             // HEADER
	SectionHeaderFields                       // HEADER.FIELDS
	SectionHeaderFieldsNot                    // HEADER.FIELDS.NOT
	SectionBodyText                           // TEXT
	SectionMIME                               // MIME, only of a part
)

// Partial is the substring <Offset.Count>, in octets. Count 0 is none given.
type Partial struct{ Offset, Count uint64 }

// CommandName is FETCH or UID FETCH.
func (c *Fetch) CommandName() string { return uidName(c.UID, "UID FETCH") }
