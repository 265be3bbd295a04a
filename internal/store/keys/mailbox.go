package keys

// Role is a mailbox's special use (RFC 6154, RFC 8457), 0 for none.
type Role uint8

// The roles; their numbers are on disk.
const (
	RoleNone Role = iota
	RoleInbox
	RoleDrafts
	RoleSent
	RoleJunk
	RoleTrash
	RoleArchive
	RoleAll
	RoleFlagged
	RoleImportant
)

// Mailbox is the row X: properties that change seldom.
type Mailbox struct {
	Name        string    // leaf name, UTF-8 in NFC
	Parent      MailboxID // 0 = top level
	Role        Role
	UIDValidity uint32
	Created     int64  // milliseconds
	ModSeq      ModSeq // of the last change of this row
	NoSelect    bool   // a name that holds only others
	ACL         []byte // (reserved)
	Retention   []byte // (reserved)
	Unknown     []byte
}

const mailboxVersion = 1

// Tags of X.
const (
	mailboxName = iota + 1
	mailboxParent
	mailboxRole
	mailboxUIDValidity
	mailboxCreated
	mailboxModSeq
	mailboxNoSelect
	mailboxACL
	mailboxRetention
)

// Encode writes the row.
func (m *Mailbox) Encode() []byte {
	w := newFields(mailboxVersion, 48+len(m.Name)+len(m.ACL)+len(m.Retention)+len(m.Unknown))
	w.string(mailboxName, m.Name)
	w.uint(mailboxParent, uint64(m.Parent))
	w.uint(mailboxRole, uint64(m.Role))
	w.uint(mailboxUIDValidity, uint64(m.UIDValidity))
	w.int(mailboxCreated, m.Created)
	w.uint(mailboxModSeq, uint64(m.ModSeq))
	w.bool(mailboxNoSelect, m.NoSelect)
	w.bytes(mailboxACL, m.ACL)
	w.bytes(mailboxRetention, m.Retention)
	return append(w.b, m.Unknown...)
}

// DecodeMailbox reads the row.
func DecodeMailbox(b []byte) (Mailbox, error) {
	var m Mailbox
	r := readFields(mailboxVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return m, r.err
		}
		switch tag {
		case mailboxName:
			m.Name = string(v)
		case mailboxParent:
			m.Parent = MailboxID(r.uint(v))
		case mailboxRole:
			m.Role = Role(r.uint(v))
		case mailboxUIDValidity:
			m.UIDValidity = uint32(r.uint(v))
		case mailboxCreated:
			m.Created = r.int(v)
		case mailboxModSeq:
			m.ModSeq = ModSeq(r.uint(v))
		case mailboxNoSelect:
			m.NoSelect = r.uint(v) != 0
		case mailboxACL:
			m.ACL = append([]byte(nil), v...)
		case mailboxRetention:
			m.Retention = append([]byte(nil), v...)
		default:
			m.Unknown = keep(m.Unknown, tag, v)
		}
	}
}

// Counters is the row x: everything that SELECT and STATUS answer.
type Counters struct {
	UIDNext       UID
	HighestModSeq ModSeq
	Messages      uint32
	Unseen        uint32
	Deleted       uint32
	FirstUnseen   UID // UID; 0 = none
	RecentFloor   UID // UIDs from here on are \Recent for the next SELECT
	Bytes         uint64
}

const (
	countersVersion = 1
	countersSize    = 1 + 4 + 8 + 4*5 + 8
)

// Encode writes the row.
func (c *Counters) Encode() []byte {
	b := append(make([]byte, 0, countersSize), countersVersion)
	b = be64(be32(b, c.UIDNext), c.HighestModSeq)
	b = be32(be32(be32(b, c.Messages), c.Unseen), c.Deleted)
	b = be32(be32(b, c.FirstUnseen), c.RecentFloor)
	return be64(b, c.Bytes)
}

// DecodeCounters reads the row.
func DecodeCounters(b []byte) (Counters, error) {
	var c Counters
	if len(b) != countersSize || b[0] != countersVersion {
		return c, ErrCorrupt
	}
	r := fixed{b[1:]}
	c.UIDNext, c.HighestModSeq = UID(r.u32()), ModSeq(r.u64())
	c.Messages, c.Unseen, c.Deleted = r.u32(), r.u32(), r.u32()
	c.FirstUnseen, c.RecentFloor, c.Bytes = UID(r.u32()), UID(r.u32()), r.u64()
	return c, nil
}
