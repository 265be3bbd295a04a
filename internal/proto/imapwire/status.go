package imapwire

import "slices"

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

// CommandName is STATUS.
func (*StatusCommand) CommandName() string { return "STATUS" }

// status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
func (d *Decoder) parseStatus() Command {
	c := StatusCommand{Mailbox: d.spMailbox()}
	d.sp()
	d.statusItems(&c.Items)
	return done(d, &c)
}

// statusItems reads "(" status-att *(SP status-att) ")". What is asked for twice is answered once.
func (d *Decoder) statusItems(items *[]StatusItem) bool {
	return d.list1("STATUS items", func() bool {
		item := statusItem(d.keyword())
		if item == 0 {
			return d.fail("unknown STATUS item")
		}
		if !slices.Contains(*items, item) {
			*items = append(*items, item)
		}
		return true
	})
}

var statusNames = [...]string{
	StatusMessages:       "MESSAGES",
	StatusRecent:         "RECENT",
	StatusUIDNext:        "UIDNEXT",
	StatusUIDValidity:    "UIDVALIDITY",
	StatusUnseen:         "UNSEEN",
	StatusDeleted:        "DELETED",
	StatusSize:           "SIZE",
	StatusHighestModSeq:  "HIGHESTMODSEQ",
	StatusMailboxID:      "MAILBOXID",
	StatusAppendLimit:    "APPENDLIMIT",
	StatusDeletedStorage: "DELETED-STORAGE",
}

// String is the name of the item.
func (i StatusItem) String() string { return statusNames[i] }

// statusItem is the item of the name, or 0.
func statusItem(w []byte) StatusItem {
	for i, name := range statusNames {
		if i > 0 && string(w) == name {
			return StatusItem(i)
		}
	}
	return 0
}

// appendStatusItems appends "(" status-att *(SP status-att) ")".
func appendStatusItems(b []byte, items []StatusItem) []byte {
	for i, item := range items {
		b = append(listSep(b, i), item.String()...)
	}
	return append(b, ')')
}

func (c *StatusCommand) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	return appendStatusItems(append(b, ' '), c.Items)
}

// appendValue appends the item and its value: status-att-val.
func (s *StatusData) appendValue(b []byte, item StatusItem) []byte {
	b = append(b, item.String()...)
	b = append(b, ' ')
	switch item {
	case StatusMessages:
		return appendUint(b, uint64(s.Messages))
	case StatusRecent:
		return appendUint(b, uint64(s.Recent))
	case StatusUIDNext:
		return appendUint(b, uint64(s.UIDNext))
	case StatusUIDValidity:
		return appendUint(b, uint64(s.UIDValidity))
	case StatusUnseen:
		return appendUint(b, uint64(s.Unseen))
	case StatusDeleted:
		return appendUint(b, uint64(s.Deleted))
	case StatusSize:
		return appendUint(b, s.Size)
	case StatusHighestModSeq:
		return appendUint(b, uint64(s.HighestModSeq))
	case StatusMailboxID:
		b = append(append(b, '('), s.MailboxID...)
		return append(b, ')')
	case StatusAppendLimit:
		if s.NoAppendLimit {
			return append(b, "NIL"...)
		}
		return appendUint(b, s.AppendLimit)
	case StatusDeletedStorage:
		return appendUint(b, s.DeletedStorage)
	}
	return append(b, '0')
}
