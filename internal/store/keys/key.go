package keys

import (
	"encoding/binary"
	"errors"
)

// MaxKey is the longest key, in octets.
const MaxKey = 512

// ErrCorrupt reports a key or a record that this package did not write.
var ErrCorrupt = errors.New("keys: corrupt record")

func start(t Table, n int) []byte {
	k := make([]byte, 1, 1+n)
	k[0] = byte(t)
	return k
}

func be16[T ~uint16](k []byte, v T) []byte { return binary.BigEndian.AppendUint16(k, uint16(v)) }
func be32[T ~uint32](k []byte, v T) []byte { return binary.BigEndian.AppendUint32(k, uint32(v)) }
func be64[T ~uint64](k []byte, v T) []byte { return binary.BigEndian.AppendUint64(k, uint64(v)) }

// StoreKey is the key of a row about the store itself, such as "schema".
func StoreKey(name string) []byte { return append(start(TableStore, len(name)), name...) }

// OfAccount is the prefix of all rows of one account in one table; for
// TableAccount it is the account's row itself.
func OfAccount(t Table, acct AccountID) []byte { return be32(start(t, 4), acct) }

// OfMailbox is the prefix of all rows of one mailbox in a table that is
// ordered by mailbox; for TableMailbox and TableCounters, the row itself.
func OfMailbox(t Table, acct AccountID, mbox MailboxID) []byte {
	return be32(be32(start(t, 8), acct), mbox)
}

// OfMessage is the key of a message's row in TableMessage or TableMembers.
func OfMessage(t Table, acct AccountID, msg MessageID) []byte {
	return be64(be32(start(t, 12), acct), msg)
}

// KeywordKey is the key of a keyword's name.
func KeywordKey(acct AccountID, kw uint16) []byte {
	return be16(be32(start(TableKeyword, 6), acct), kw)
}

// PageKey is the key of the page that holds UIDs [page*64, page*64+64).
func PageKey(acct AccountID, mbox MailboxID, page uint32) []byte {
	return be32(be32(be32(start(TablePage, 12), acct), mbox), page)
}

// CountsKey is the key of the counts of pages [chunk*256, chunk*256+256).
func CountsKey(acct AccountID, mbox MailboxID, chunk uint32) []byte {
	return be32(be32(be32(start(TableCounts, 12), acct), mbox), chunk)
}

// ChangeKey is the key of the log record of the operation that made modseq.
func ChangeKey(acct AccountID, modseq ModSeq) []byte {
	return be64(be32(start(TableChange, 12), acct), modseq)
}

// VanishedKey is the key of the UIDs that modseq removed from a mailbox.
func VanishedKey(acct AccountID, mbox MailboxID, modseq ModSeq) []byte {
	return be64(be32(be32(start(TableVanished, 16), acct), mbox), modseq)
}

// SubscriptionKey is the key of a subscription to a mailbox name.
func SubscriptionKey(acct AccountID, name string) []byte {
	return append(be32(start(TableSubscription, 4+len(name)), acct), name...)
}

// RemovedKey is the key of a recently removed message; t is in milliseconds.
func RemovedKey(acct AccountID, t uint64, msg MessageID, mbox MailboxID) []byte {
	return be32(be64(be64(be32(start(TableRemoved, 24), acct), t), msg), mbox)
}

// DeliveredKey is the key that says that queue entry qid reached rcpt here.
func DeliveredKey(acct AccountID, qid QueueID, rcpt string) []byte {
	return append(be64(be32(start(TableDelivered, 12+len(rcpt)), acct), qid), rcpt...)
}

// ThreadKey is the key of a thread by the hash of a Message-ID and base subject.
func ThreadKey(acct AccountID, hash [16]byte) []byte {
	return append(be32(start(TableThread, 20), acct), hash[:]...)
}

// DueKey is the key of a sweep hint; due is in milliseconds.
func DueKey(due uint64, acct AccountID, kind byte, mbox MailboxID, msg MessageID) []byte {
	k := be32(be64(start(TableDue, 25), due), acct)
	return be64(be32(append(k, kind), mbox), msg)
}

// ChunkKey is the key of one chunk of a body.
func ChunkKey(blob BlobID, chunk uint16) []byte {
	return be16(be64(start(TableChunk, 10), blob), chunk)
}

// BlobKey is the key of a body's state, and with TableChunk or TableReference
// the prefix of its chunks or references.
func BlobKey(t Table, blob BlobID) []byte { return be64(start(t, 8), blob) }

// HashKey is the key of a body by its keyed hash within a tenant.
func HashKey(tenant TenantID, hash [32]byte) []byte {
	return append(be32(start(TableHash, 36), tenant), hash[:]...)
}

// ReferenceKey is the key of a reference to a body.
func ReferenceKey(blob BlobID, kind byte, owner AccountID, id uint64) []byte {
	return be64(be32(append(be64(start(TableReference, 21), blob), kind), owner), id)
}

// CandidateKey is the key of a body that may be collected after t (milliseconds).
func CandidateKey(t uint64, blob BlobID) []byte {
	return be64(be64(start(TableCandidate, 16), t), blob)
}

// RowKey is the key of a row in a table that is ordered by name (directory, leases).
func RowKey(t Table, name string) []byte { return append(start(t, len(name)), name...) }

// PageOf splits the key of a page.
func PageOf(key []byte) (acct AccountID, mbox MailboxID, page uint32, err error) {
	return inMailbox(TablePage, key)
}

// CountsOf splits the key of a row of counts.
func CountsOf(key []byte) (acct AccountID, mbox MailboxID, chunk uint32, err error) {
	return inMailbox(TableCounts, key)
}

func inMailbox(t Table, key []byte) (acct AccountID, mbox MailboxID, n uint32, err error) {
	if len(key) != 13 || Table(key[0]) != t {
		return 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[1:]}
	return AccountID(r.u32()), MailboxID(r.u32()), r.u32(), nil
}

// Tail64 returns the last eight octets of a key as a number: the message of a
// TableMessage key, the modseq of a change, the body of a candidate.
func Tail64(key []byte) (uint64, error) {
	if len(key) < 9 {
		return 0, ErrCorrupt
	}
	return binary.BigEndian.Uint64(key[len(key)-8:]), nil
}

// Tail32 returns the last four octets of a key as a number.
func Tail32(key []byte) (uint32, error) {
	if len(key) < 5 {
		return 0, ErrCorrupt
	}
	return binary.BigEndian.Uint32(key[len(key)-4:]), nil
}

// AccountOf returns the account that follows the table letter.
func AccountOf(key []byte) (AccountID, error) {
	if len(key) < 5 {
		return 0, ErrCorrupt
	}
	return AccountID(binary.BigEndian.Uint32(key[1:])), nil
}

// MailboxOf returns the mailbox that follows the account.
func MailboxOf(key []byte) (MailboxID, error) {
	if len(key) < 9 {
		return 0, ErrCorrupt
	}
	return MailboxID(binary.BigEndian.Uint32(key[5:])), nil
}

// ReferenceOf splits the key of a reference.
func ReferenceOf(key []byte) (blob BlobID, kind byte, owner AccountID, id uint64, err error) {
	if len(key) != 22 || Table(key[0]) != TableReference {
		return 0, 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[1:]}
	return BlobID(r.u64()), r.u8(), AccountID(r.u32()), r.u64(), nil
}

// RemovedOf splits the key of a recently removed message.
func RemovedOf(key []byte) (acct AccountID, t uint64, msg MessageID, mbox MailboxID, err error) {
	if len(key) != 25 || Table(key[0]) != TableRemoved {
		return 0, 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[1:]}
	return AccountID(r.u32()), r.u64(), MessageID(r.u64()), MailboxID(r.u32()), nil
}

// DueOf splits the key of a sweep hint.
func DueOf(key []byte) (due uint64, acct AccountID, kind byte, mbox MailboxID, msg MessageID, err error) {
	if len(key) != 26 || Table(key[0]) != TableDue {
		return 0, 0, 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[1:]}
	return r.u64(), AccountID(r.u32()), r.u8(), MailboxID(r.u32()), MessageID(r.u64()), nil
}
