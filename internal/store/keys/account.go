package keys

import "encoding/binary"

// Account is the row A: what every commit of the account reads, requires and
// writes again.
type Account struct {
	ModSeq      ModSeq   // of the last operation
	Epoch       uint64   // fencing: raised by a node that takes the account over
	CommitID    [16]byte // of the last commit; settles an ambiguous one
	Tenant      TenantID
	Seed        [6]byte // random, travels with the account; part of EMAILID and UIDL
	Incarnation uint16  // raised by a restore that rewinds
	NextMessage uint64  // 48-bit counter of message ids
	NextMailbox MailboxID
	UIDValidity uint32 // the last one given out
	Messages    uint64 // messages, each counted once
	Used        uint64 // octets charged to the quota, a message once
	Limit       uint64 // quota in octets; 0 = none
	Removed     uint64 // octets in recently removed, not charged
	Horizon     ModSeq // change records at or below this MODSEQ have been trimmed
	WrappedKey  []byte // account key under the master key; empty = not encrypted

	MaxMessages  uint64 // quota of messages; 0 = none
	MaxMailboxes uint64 // quota of mailboxes; 0 = none
	Annotated    uint64 // octets of METADATA, names and values, charged to the quota
	FullSince    int64  // milliseconds: when a delivery was first refused for want of room, and none has been taken since; 0 = not so
	Warned       uint64 // per cent of the quota of which the owner has been told last; 0 = none
	Unknown      []byte
}

// Versions of the row. Both begin with the same fixed fields.
//
// Version 1: behind them stood the wrapped key and nothing else.
//
// Version 2: behind them stand tagged fields, so that the row can grow.
const (
	accountVersion1 = 1
	accountVersion  = 2
	accountFixed    = 1 + 8 + 8 + 16 + 4 + 6 + 2 + 8 + 4 + 4 + 8 + 8 + 8 + 8 + 8
)

// Tags of A.
const (
	accountWrappedKey = iota + 1
	accountMaxMessages
	accountMaxMailboxes
	accountAnnotated
	accountFullSince
	accountWarned
)

// Encode writes the row.
func (a *Account) Encode() []byte {
	b := make([]byte, 0, accountFixed+36+len(a.WrappedKey)+len(a.Unknown))
	b = append(b, accountVersion)
	b = be64(be64(b, a.ModSeq), a.Epoch)
	b = append(b, a.CommitID[:]...)
	b = be32(b, a.Tenant)
	b = append(b, a.Seed[:]...)
	b = be16(b, a.Incarnation)
	b = be64(b, a.NextMessage)
	b = be32(be32(b, a.NextMailbox), a.UIDValidity)
	b = be64(be64(be64(b, a.Messages), a.Used), a.Limit)
	b = be64(be64(b, a.Removed), a.Horizon)
	w := fieldWriter{b}
	w.bytes(accountWrappedKey, a.WrappedKey)
	w.uint(accountMaxMessages, a.MaxMessages)
	w.uint(accountMaxMailboxes, a.MaxMailboxes)
	w.uint(accountAnnotated, a.Annotated)
	w.int(accountFullSince, a.FullSince)
	w.uint(accountWarned, a.Warned)
	return append(w.b, a.Unknown...)
}

// DecodeAccount reads the row.
func DecodeAccount(b []byte) (Account, error) {
	var a Account
	if len(b) < accountFixed || b[0] != accountVersion1 && b[0] != accountVersion {
		return a, ErrCorrupt
	}
	r := fixed{b[1:]}
	a.ModSeq, a.Epoch = ModSeq(r.u64()), r.u64()
	copy(a.CommitID[:], r.take(16))
	a.Tenant = TenantID(r.u32())
	copy(a.Seed[:], r.take(6))
	a.Incarnation = r.u16()
	a.NextMessage = r.u64()
	a.NextMailbox, a.UIDValidity = MailboxID(r.u32()), r.u32()
	a.Messages, a.Used, a.Limit = r.u64(), r.u64(), r.u64()
	a.Removed, a.Horizon = r.u64(), ModSeq(r.u64())
	if b[0] == accountVersion1 {
		a.WrappedKey = append([]byte(nil), r.b...)
		return a, nil
	}
	return a, a.decodeFields(r.b)
}

func (a *Account) decodeFields(b []byte) error {
	r := fieldReader{b: b}
	for {
		tag, v, ok := r.next()
		if !ok {
			return r.err
		}
		switch tag {
		case accountWrappedKey:
			a.WrappedKey = append([]byte(nil), v...)
		case accountMaxMessages:
			a.MaxMessages = r.uint(v)
		case accountMaxMailboxes:
			a.MaxMailboxes = r.uint(v)
		case accountAnnotated:
			a.Annotated = r.uint(v)
		case accountFullSince:
			a.FullSince = r.int(v)
		case accountWarned:
			a.Warned = r.uint(v)
		default:
			a.Unknown = keep(a.Unknown, tag, v)
		}
	}
}

// fixed reads fixed-width fields; the caller has checked the length.
type fixed struct{ b []byte }

func (r *fixed) take(n int) []byte { v := r.b[:n]; r.b = r.b[n:]; return v }
func (r *fixed) u8() byte          { return r.take(1)[0] }
func (r *fixed) u16() uint16       { return binary.BigEndian.Uint16(r.take(2)) }
func (r *fixed) u32() uint32       { return binary.BigEndian.Uint32(r.take(4)) }
func (r *fixed) u64() uint64       { return binary.BigEndian.Uint64(r.take(8)) }

// u48 reads a signed 48-bit number: milliseconds since 1970 for 4459 years either way.
func (r *fixed) u48() int64 {
	v := r.take(6)
	n := uint64(v[0])<<40 | uint64(v[1])<<32 | uint64(v[2])<<24 | uint64(v[3])<<16 | uint64(v[4])<<8 | uint64(v[5])
	return int64(n<<16) >> 16
}

func be48(b []byte, v int64) []byte {
	return append(b, byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
