package imapwire

// List is LIST (RFC 9051 6.3.9; RFC 5258, 5819, 6154, 8440, 9590).
type List struct {
	Select    ListSelect
	Reference string   // as a mailbox name, in UTF-8
	Patterns  []string // in UTF-8, with "*" and "%" in their sense; at least one
	Return    ListReturn
	Status    []StatusItem // with ReturnStatus
	Extended  bool         // selection options, return options, or a list of patterns were given: an answer may use the extended syntax
}

// Lsub is LSUB (RFC 3501 6.3.9).
type Lsub struct{ Reference, Pattern string }

// ListSelect is a set of selection options.
type ListSelect uint8

// Selection options.
const (
	SelectSubscribed     ListSelect = 1 << iota // RFC 5258 3.1
	SelectRemote                                // RFC 5258 3.1
	SelectRecursiveMatch                        // RFC 5258 3.1; only beside SelectSubscribed or SelectSpecialUse
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
	ReturnMyRights                          // RFC 8440
)

// ListData is the content of a LIST or LSUB response (RFC 9051 7.3.1).
type ListData struct {
	Attrs     []Flag
	Delimiter byte // 0 is NIL: no hierarchy
	Mailbox   Mailbox
	OldName   Mailbox  // "" for none (RFC 9051 6.3.9.7)
	ChildInfo []string // selection options matched by children (RFC 5258 4), "SUBSCRIBED"
	MyRights  string   // "" for none (RFC 8440)
}

// StatusItem is a STATUS data item.
type StatusItem uint8

// Items of STATUS.
const (
	StatusMessages       StatusItem = iota + 1
	StatusRecent                    // IMAP4rev1 only
	StatusUIDNext                   //
	StatusUIDValidity               //
	StatusUnseen                    //
	StatusDeleted                   // RFC 9051
	StatusSize                      // RFC 9051, RFC 8438
	StatusHighestModSeq             // RFC 7162
	StatusMailboxID                 // RFC 8474
	StatusAppendLimit               // RFC 7889
	StatusDeletedStorage            // RFC 9208
)

// StatusCommand is STATUS (RFC 9051 6.3.11).
type StatusCommand struct {
	Mailbox Mailbox
	Items   []StatusItem
}

// StatusData is the values of a STATUS response. Only those asked for need to be set.
type StatusData struct {
	Messages, Recent, Unseen, Deleted uint32
	UIDNext                           UID
	UIDValidity                       uint32
	Size                              uint64 // octets
	HighestModSeq                     ModSeq
	MailboxID                         string
	AppendLimit                       uint64 // octets
	NoAppendLimit                     bool   // AppendLimit is NIL: no limit of its own
	DeletedStorage                    uint64 // octets
}

// Namespace is one namespace of a class (RFC 2342, RFC 9051 6.3.10).
type Namespace struct {
	Prefix    string // in UTF-8
	Delimiter byte   // 0 is NIL
}

// CommandName is LIST.
func (*List) CommandName() string { return "LIST" }

// CommandName is LSUB.
func (*Lsub) CommandName() string { return "LSUB" }

// CommandName is STATUS.
func (*StatusCommand) CommandName() string { return "STATUS" }
