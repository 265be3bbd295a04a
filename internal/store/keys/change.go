package keys

import "encoding/binary"

// Class is the kind of object that a change touched.
type Class uint8

// Kind is what happened to it.
type Kind uint8

// Classes and kinds; their numbers are on disk.
const (
	ClassMessage Class = iota + 1
	ClassMailbox
	ClassSubscription
	ClassAccount  // its quota
	ClassMetadata // an annotation of a mailbox, or of the account for Mailbox 0
	ClassTaken    // messages that a device has taken over POP3
)

const (
	Created   Kind = iota + 1 // messages added (deliver, APPEND), mailbox made
	Destroyed                 // memberships or a mailbox removed
	Updated                   // flags, or a mailbox's properties
	Copied                    // memberships added to messages that exist
	Moved                     // memberships replaced
)

// Range is the UIDs from Lo to Hi, both included.
type Range struct{ Lo, Hi UID }

// Item is one part of an operation: what happened in one mailbox.
type Item struct {
	Class    Class
	Kind     Kind
	Mailbox  MailboxID   // where the objects are now
	From     MailboxID   // Moved, Copied: where they were
	UIDs     []Range     // new or touched UIDs in Mailbox
	Old      []Range     // Moved, Copied: UIDs in From, in the same order
	Messages []MessageID // message ids, in the order of UIDs
	Added    Flags       // Updated: flags set
	Cleared  Flags       // Updated: flags cleared
	Name     string      // mailbox or subscription name, entry of an annotation
	User     AccountID   // annotations: whose private one it is, 0 for a shared one
	Queue    QueueID     // Created by a delivery: its queue entry
	Again    bool        // Created: the messages had been here before and were put back
	Set      []uint16    // Updated: keywords set, by number, ascending
	Unset    []uint16    // Updated: keywords cleared
}

// Change is the record C: one operation.
type Change struct {
	Time     int64 // milliseconds
	CommitID [16]byte
	Device   DeviceID
	Protocol uint8
	Items    []Item
	Unknown  []byte
}

const changeVersion = 1

// Tags of C and, within an item, of the item.
const (
	changeTime = iota + 1
	changeCommit
	changeDevice
	changeProtocol
	changeItem
)

const (
	itemClass = iota + 1
	itemKind
	itemMailbox
	itemFrom
	itemUIDs
	itemOld
	itemMessages
	itemAdded
	itemCleared
	itemName
	itemUser
	itemQueue
	itemAgain
	itemSet
	itemUnset
)

// Encode writes the record.
func (c *Change) Encode() []byte {
	w := newFields(changeVersion, 64)
	w.int(changeTime, c.Time)
	w.bytes(changeCommit, c.CommitID[:])
	w.uint(changeDevice, uint64(c.Device))
	w.uint(changeProtocol, uint64(c.Protocol))
	for i := range c.Items {
		w.bytes(changeItem, c.Items[i].encode())
	}
	return append(w.b, c.Unknown...)
}

func (it *Item) encode() []byte {
	w := fieldWriter{b: make([]byte, 0, 32+9*len(it.Messages))}
	w.uint(itemClass, uint64(it.Class))
	w.uint(itemKind, uint64(it.Kind))
	w.uint(itemMailbox, uint64(it.Mailbox))
	w.uint(itemFrom, uint64(it.From))
	w.bytes(itemUIDs, AppendRanges(nil, it.UIDs))
	w.bytes(itemOld, AppendRanges(nil, it.Old))
	w.bytes(itemMessages, appendIDs(nil, it.Messages))
	w.uint(itemAdded, uint64(it.Added))
	w.uint(itemCleared, uint64(it.Cleared))
	w.string(itemName, it.Name)
	w.uint(itemUser, uint64(it.User))
	w.uint(itemQueue, uint64(it.Queue))
	w.bool(itemAgain, it.Again)
	w.bytes(itemSet, appendKeywords(nil, it.Set))
	w.bytes(itemUnset, appendKeywords(nil, it.Unset))
	return w.b
}

// DecodeChange reads the record.
func DecodeChange(b []byte) (Change, error) {
	var c Change
	r := readFields(changeVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return c, r.err
		}
		switch tag {
		case changeTime:
			c.Time = r.int(v)
		case changeCommit:
			copy(c.CommitID[:], v)
		case changeDevice:
			c.Device = DeviceID(r.uint(v))
		case changeProtocol:
			c.Protocol = uint8(r.uint(v))
		case changeItem:
			it, err := decodeItem(v)
			if err != nil {
				return c, err
			}
			c.Items = append(c.Items, it)
		default:
			c.Unknown = keep(c.Unknown, tag, v)
		}
	}
}

func decodeItem(b []byte) (it Item, err error) {
	r := fieldReader{b: b}
	for err == nil {
		tag, v, ok := r.next()
		if !ok {
			return it, r.err
		}
		switch tag {
		case itemClass:
			it.Class = Class(r.uint(v))
		case itemKind:
			it.Kind = Kind(r.uint(v))
		case itemMailbox:
			it.Mailbox = MailboxID(r.uint(v))
		case itemFrom:
			it.From = MailboxID(r.uint(v))
		case itemUIDs:
			it.UIDs, err = DecodeRanges(v)
		case itemOld:
			it.Old, err = DecodeRanges(v)
		case itemMessages:
			it.Messages, err = decodeIDs(v)
		case itemAdded:
			it.Added = Flags(r.uint(v))
		case itemCleared:
			it.Cleared = Flags(r.uint(v))
		case itemName:
			it.Name = string(v)
		case itemUser:
			it.User = AccountID(r.uint(v))
		case itemQueue:
			it.Queue = QueueID(r.uint(v))
		case itemAgain:
			it.Again = r.uint(v) != 0
		case itemSet:
			it.Set, err = decodeKeywords(v)
		case itemUnset:
			it.Unset, err = decodeKeywords(v)
		}
	}
	return it, err
}

// AppendRanges writes ranges as signed differences, so that a run of
// successive ranges costs two octets each; order is kept. It is also the
// whole of record E.
func AppendRanges(b []byte, rs []Range) []byte {
	var last int64
	for _, r := range rs {
		b = binary.AppendVarint(b, int64(r.Lo)-last)
		b = binary.AppendUvarint(b, uint64(r.Hi-r.Lo))
		last = int64(r.Hi)
	}
	return b
}

// DecodeRanges reads what AppendRanges wrote.
func DecodeRanges(b []byte) ([]Range, error) {
	var rs []Range
	var last int64
	for len(b) > 0 {
		d, n := binary.Varint(b)
		if n <= 0 {
			return nil, ErrCorrupt
		}
		span, m := binary.Uvarint(b[n:])
		lo := last + d
		hi := lo + int64(span)
		if m <= 0 || lo < 0 || span > 1<<32 || hi > 1<<32-1 {
			return nil, ErrCorrupt
		}
		rs = append(rs, Range{UID(lo), UID(hi)})
		last = hi
		b = b[n+m:]
	}
	return rs, nil
}

func appendIDs(b []byte, ids []MessageID) []byte {
	var last MessageID
	for _, id := range ids {
		b = binary.AppendVarint(b, int64(id-last))
		last = id
	}
	return b
}

func decodeIDs(b []byte) ([]MessageID, error) {
	var ids []MessageID
	var last MessageID
	for len(b) > 0 {
		d, n := binary.Varint(b)
		if n <= 0 {
			return nil, ErrCorrupt
		}
		last += MessageID(d)
		ids = append(ids, last)
		b = b[n:]
	}
	return ids, nil
}

func appendKeywords(b []byte, kws []uint16) []byte {
	for _, kw := range kws {
		b = be16(b, kw)
	}
	return b
}

func decodeKeywords(b []byte) (kws []uint16, err error) {
	if len(b)%2 != 0 {
		return nil, ErrCorrupt
	}
	for r := (fixed{b}); len(r.b) > 0; {
		kws = append(kws, r.u16())
	}
	return kws, nil
}

// ChangeMentions says whether a record C is about a message, at a fraction of the cost of reading it.
func ChangeMentions(b []byte, msg MessageID) (bool, error) {
	r := readFields(changeVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return false, r.err
		}
		if tag != changeItem {
			continue
		}
		for in := (fieldReader{b: v}); ; {
			tag, v, ok := in.next()
			if !ok {
				if in.err != nil {
					return false, in.err
				}
				break
			}
			if tag != itemMessages {
				continue
			}
			if found, err := hasID(v, msg); found || err != nil {
				return found, err
			}
		}
	}
}

// hasID is decodeIDs that only looks.
func hasID(b []byte, id MessageID) (bool, error) {
	var last MessageID
	for len(b) > 0 {
		d, n := binary.Varint(b)
		if n <= 0 {
			return false, ErrCorrupt
		}
		if last += MessageID(d); last == id {
			return true, nil
		}
		b = b[n:]
	}
	return false, nil
}
