package imapwire

// Command is a command with its arguments. CommandName is its name in capitals, with "UID " before it when the command was
// given in that form: what [Decoder.ReadTag] returns, too.
type Command interface{ CommandName() string }

// Bare is a command without arguments: CAPABILITY, NOOP, LOGOUT, STARTTLS, CHECK, CLOSE, UNSELECT, EXPUNGE, IDLE, NAMESPACE.
// After IDLE the client sends a line of its own: [Decoder.ReadDone].
type Bare string

// CommandName is the string itself.
func (c Bare) CommandName() string { return string(c) }

// Login is LOGIN (RFC 9051 6.2.3). The strings are octets as sent; valid UTF-8 is not promised.
type Login struct{ User, Password string }

// Authenticate is AUTHENTICATE (RFC 9051 6.2.2) with the initial response of RFC 4959, already decoded. Mechanism is in capitals.
// The rest of the exchange goes through [Decoder.ReadSASL].
type Authenticate struct {
	Mechanism  string
	Initial    []byte
	HasInitial bool // "=" gives an empty one
}

// Enable is ENABLE (RFC 5161). The capabilities are in capitals.
type Enable struct{ Capabilities []string }

// ID is ID (RFC 2971). Params is empty for NIL and for ().
type ID struct{ Params []IDParam }

// IDParam is a field of ID and its value. Null says that the value was NIL.
type IDParam struct {
	Field, Value string
	Null         bool
}

// Select is SELECT or EXAMINE (RFC 9051 6.3.2, 6.3.3; parameters: RFC 7162).
type Select struct {
	Mailbox   Mailbox
	Examine   bool
	CondStore bool
	QResync   *QResync // nil: not given
}

// QResync is the parameter of that name (RFC 7162 3.2.5). Known is zero when not given.
type QResync struct {
	UIDValidity uint32
	ModSeq      ModSeq
	Known       UIDSet
	MatchSeqs   SeqSet // with MatchUIDs: the pairs that the client is sure of
	MatchUIDs   UIDSet
}

// Create is CREATE (RFC 9051 6.3.4) with the special uses of RFC 6154 3, written as attributes (AttrSent).
type Create struct {
	Mailbox Mailbox
	Use     []Flag
}

// Delete is DELETE (RFC 9051 6.3.5).
type Delete struct{ Mailbox Mailbox }

// Rename is RENAME (RFC 9051 6.3.6).
type Rename struct{ From, To Mailbox }

// Subscribe is SUBSCRIBE (RFC 9051 6.3.7).
type Subscribe struct{ Mailbox Mailbox }

// Unsubscribe is UNSUBSCRIBE (RFC 9051 6.3.8).
type Unsubscribe struct{ Mailbox Mailbox }

// Store is STORE or UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3).
type Store struct {
	UID            bool
	Set            NumSet
	Action         StoreAction
	Silent         bool
	Flags          []Flag
	UnchangedSince ModSeq
	Conditional    bool // UNCHANGEDSINCE was given; zero is a value of its own there
}

// StoreAction says what STORE does with its flags.
type StoreAction uint8

// Actions of STORE.
const (
	StoreReplace StoreAction = iota // FLAGS
	StoreAdd                        // +FLAGS
	StoreRemove                     // -FLAGS
)

// Copy is COPY or UID COPY (RFC 9051 6.4.7).
type Copy struct {
	UID     bool
	Set     NumSet
	Mailbox Mailbox
}

// Move is MOVE or UID MOVE (RFC 9051 6.4.8, RFC 6851).
type Move struct {
	UID     bool
	Set     NumSet
	Mailbox Mailbox
}

// UIDExpunge is UID EXPUNGE (RFC 9051 6.4.9, RFC 4315 2.1). EXPUNGE without a set is [Bare].
type UIDExpunge struct{ Set NumSet }

// CommandName is LOGIN.
func (*Login) CommandName() string { return "LOGIN" }

// CommandName is AUTHENTICATE.
func (*Authenticate) CommandName() string { return "AUTHENTICATE" }

// CommandName is ENABLE.
func (*Enable) CommandName() string { return "ENABLE" }

// CommandName is ID.
func (*ID) CommandName() string { return "ID" }

// CommandName is SELECT or EXAMINE.
func (c *Select) CommandName() string {
	if c.Examine {
		return "EXAMINE"
	}
	return "SELECT"
}

// CommandName is CREATE.
func (*Create) CommandName() string { return "CREATE" }

// CommandName is DELETE.
func (*Delete) CommandName() string { return "DELETE" }

// CommandName is RENAME.
func (*Rename) CommandName() string { return "RENAME" }

// CommandName is SUBSCRIBE.
func (*Subscribe) CommandName() string { return "SUBSCRIBE" }

// CommandName is UNSUBSCRIBE.
func (*Unsubscribe) CommandName() string { return "UNSUBSCRIBE" }

// CommandName is STORE or UID STORE.
func (c *Store) CommandName() string { return uidName(c.UID, "UID STORE") }

// CommandName is COPY or UID COPY.
func (c *Copy) CommandName() string { return uidName(c.UID, "UID COPY") }

// CommandName is MOVE or UID MOVE.
func (c *Move) CommandName() string { return uidName(c.UID, "UID MOVE") }

// CommandName is UID EXPUNGE.
func (*UIDExpunge) CommandName() string { return "UID EXPUNGE" }

// uidName cuts "UID " off when the command was not given so.
func uidName(uid bool, name string) string {
	if uid {
		return name
	}
	return name[len("UID "):]
}
