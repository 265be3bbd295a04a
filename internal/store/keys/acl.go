package keys

import "encoding/binary"

// Rights are the rights of RFC 4314 2.1, a bit each; their numbers are on disk.
type Rights uint16

// The rights.
const (
	RightLookup  Rights = 1 << iota // l: see that it exists
	RightRead                       // r: read messages
	RightSeen                       // s: keep \Seen
	RightWrite                      // w: set other flags
	RightInsert                     // i: add messages
	RightPost                       // p: send mail to it
	RightCreate                     // k: make mailboxes below
	RightDelete                     // x: delete and rename it
	RightMark                       // t: set \Deleted
	RightExpunge                    // e: expunge
	RightAdmin                      // a: change the list

	AllRights = 1<<11 - 1
)

// Anyone is who everyone of the owner's tenant is.
const Anyone AccountID = 0

// Grant is an entry of an access control list: rights that are granted to
// somebody, or taken from him when it is Negative.
type Grant struct {
	Who      AccountID // or Anyone
	Negative bool
	Rights   Rights
}

const aclVersion = 1

// EncodeACL writes a list; an empty one is nothing.
func EncodeACL(list []Grant) []byte {
	if len(list) == 0 {
		return nil
	}
	b := []byte{aclVersion}
	for _, g := range list {
		b = binary.AppendUvarint(b, uint64(g.Who))
		n := uint64(g.Rights) << 1
		if g.Negative {
			n |= 1
		}
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// DecodeACL reads a list.
func DecodeACL(b []byte) ([]Grant, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] != aclVersion {
		return nil, ErrCorrupt
	}
	var list []Grant
	for b = b[1:]; len(b) > 0; {
		who, n := binary.Uvarint(b)
		if n <= 0 || who > 1<<32-1 {
			return nil, ErrCorrupt
		}
		rights, k := binary.Uvarint(b[n:])
		if k <= 0 || rights>>1 > AllRights {
			return nil, ErrCorrupt
		}
		list = append(list, Grant{AccountID(who), rights&1 != 0, Rights(rights >> 1)})
		b = b[n+k:]
	}
	return list, nil
}

// anyoneOf is the user under which mailboxes that are shared with a whole tenant
// lie in TableShared. Ids of accounts stay below it.
const anyoneOf = 1 << 31

// SharedUser is who a mailbox lies under in TableShared: an account, or anyone of a
// tenant.
func SharedUser(who AccountID, t TenantID) AccountID {
	if who == Anyone {
		return anyoneOf | AccountID(t)
	}
	return who
}

// SharedKey is the key of the row that says that owner's mailbox is shared with user
// (see SharedUser).
func SharedKey(user, owner AccountID, mbox MailboxID) []byte {
	return be32(be32(be32(start(TableShared, 12), user), owner), mbox)
}

// SharedOf splits the key of a shared mailbox.
func SharedOf(key []byte) (user, owner AccountID, mbox MailboxID, err error) {
	if len(key) != 13 || Table(key[0]) != TableShared {
		return 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[1:]}
	return AccountID(r.u32()), AccountID(r.u32()), MailboxID(r.u32()), nil
}
