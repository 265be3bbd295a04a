package store

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"

	"restante/internal/store/keys"
)

// Identities; see package keys. They are distinct types, so that a UID is
// never taken for a sequence number or a message id.
type (
	AccountID = keys.AccountID
	MailboxID = keys.MailboxID
	UID       = keys.UID
	ModSeq    = keys.ModSeq
	MessageID = keys.MessageID
	ThreadID  = keys.ThreadID
	BlobID    = keys.BlobID
	QueueID   = keys.QueueID
	TenantID  = keys.TenantID
	DeviceID  = keys.DeviceID
)

// Entry is one message's membership in one mailbox, as a view shows it.
// Entries are shared and must not be changed.
type Entry = keys.Entry

// UIDRange is the UIDs from Lo to Hi, both included.
type UIDRange = keys.Range

// Flags are the system flags of a membership (RFC 9051 2.3.2).
type Flags = keys.Flags

// The system flags.
const (
	Seen     = keys.Seen
	Answered = keys.Answered
	Flagged  = keys.Flagged
	Deleted  = keys.Deleted
	Draft    = keys.Draft
	// AllFlags are all system flags.
	AllFlags = Seen | Answered | Flagged | Deleted | Draft
)

// Role is a mailbox's special use (RFC 6154).
type Role = keys.Role

// The roles.
const (
	RoleNone    = keys.RoleNone
	RoleInbox   = keys.RoleInbox
	RoleDrafts  = keys.RoleDrafts
	RoleSent    = keys.RoleSent
	RoleJunk    = keys.RoleJunk
	RoleTrash   = keys.RoleTrash
	RoleArchive = keys.RoleArchive
)

// Protocol says through which door an operation came; it is in the change log.
type Protocol uint8

// The protocols; their numbers are on disk.
const (
	ProtocolServer Protocol = iota // the server itself: sweeps, administration
	ProtocolSMTP
	ProtocolLMTP
	ProtocolIMAP
	ProtocolPOP3
	ProtocolJMAP
	ProtocolImport
)

// Origin is who does an operation. What a Visitor other than the owner may not do is
// refused with ErrNoPerm, or with ErrNoMailbox where he may not know that there is
// a mailbox; flags that he may not set are left as they are.
type Origin struct {
	Device   DeviceID
	Protocol Protocol
	Visitor  Visitor // zero: the server
}

// What the store refuses, and why. Callers test with errors.Is and translate
// in one table; none of these lost anything.
var (
	ErrNoAccount     = errors.New("store: no such account")
	ErrNoMailbox     = errors.New("store: no such mailbox")
	ErrNoMessage     = errors.New("store: no such message")
	ErrExists        = errors.New("store: mailbox exists already")
	ErrBadName       = errors.New("store: not a usable mailbox name")
	ErrHasChildren   = errors.New("store: mailbox has inferior mailboxes")
	ErrProtected     = errors.New("store: this mailbox cannot be deleted or renamed so")
	ErrNoSelect      = errors.New("store: the name holds only other mailboxes")
	ErrNoPerm        = errors.New("store: not allowed")
	ErrLimit         = errors.New("store: limit reached") // mailboxes, keywords
	ErrTooBig        = errors.New("store: message too big")
	ErrOverQuota     = errors.New("store: over quota")
	ErrBadKeyword    = errors.New("store: not a usable keyword")
	ErrBadUIDL       = errors.New("store: not a usable UIDL")
	ErrUIDLTaken     = errors.New("store: another message has this UIDL")
	ErrUIDsUsed      = errors.New("store: the mailbox has given out such UIDs itself")
	ErrTooOld        = errors.New("store: the change log does not reach back that far")
	ErrClosed        = errors.New("store: closed")
	ErrCorrupt       = errors.New("store: corrupt record")
	ErrSchema        = errors.New("store: written by another version")
	errRetryConflict = errors.New("store: too many conflicts")
)

// idEncoding is base32hex in lower case (RFC 4648 7), so that ids sort as the
// numbers do and are ObjectIDs (RFC 8474 4: alphanumerics, "-" and "_").
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Seed is an account's random part of its public ids. It travels with the
// account, so ids stay unique and unchanged when accounts move.
type Seed [6]byte

// AppendEmailID appends EMAILID and UIDL of a message: 23 octets of 0-9a-v, the same for
// the message's whole life, in every mailbox and through a restore.
func (s Seed) AppendEmailID(b []byte, id MessageID) []byte { return s.append(b, uint64(id)) }

// AppendThreadID appends THREADID (RFC 8474 5.2): "t" and 23 octets. A thread has the number of
// its first message, and its id must not be that message's.
func (s Seed) AppendThreadID(b []byte, id ThreadID) []byte {
	return s.append(append(b, threadPrefix), uint64(id))
}

// EmailID is AppendEmailID as a string.
func (s Seed) EmailID(id MessageID) string { return string(s.append(nil, uint64(id))) }

// ThreadID is AppendThreadID as a string.
func (s Seed) ThreadID(id ThreadID) string { return string(s.AppendThreadID(nil, id)) }

// MailboxID is a mailbox's public id (RFC 8474 4): "b" and 23 octets. It is never
// used again and survives RENAME.
func (s Seed) MailboxID(id MailboxID) string {
	return string(s.append([]byte{mailboxPrefix}, uint64(id)))
}

// Numbers of messages, threads and mailboxes coincide; their public ids do not.
const (
	threadPrefix  = 't'
	mailboxPrefix = 'b'
)

func (s Seed) append(b []byte, id uint64) []byte {
	var raw [14]byte
	copy(raw[:], s[:])
	binary.BigEndian.PutUint64(raw[6:], id)
	return idEncoding.AppendEncode(b, raw[:])
}

// ParseEmailID reads an EMAILID or UIDL of this account.
func (s Seed) ParseEmailID(id string) (MessageID, bool) {
	raw, err := idEncoding.DecodeString(id)
	if err != nil || len(raw) != 14 || Seed(raw[:6]) != s {
		return 0, false
	}
	return MessageID(binary.BigEndian.Uint64(raw[6:])), true
}

// ParseThreadID reads a THREADID of this account.
func (s Seed) ParseThreadID(id string) (ThreadID, bool) {
	if id == "" || id[0] != threadPrefix {
		return 0, false
	}
	n, ok := s.ParseEmailID(id[1:])
	return ThreadID(n), ok
}

// FormatQueueID writes a queue id as it stands in replies, logs and trace
// headers: 13 octets of 0-9a-v.
func FormatQueueID(id QueueID) string {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(id))
	return idEncoding.EncodeToString(raw[:])
}

// ParseQueueID reads what FormatQueueID writes; ok is false for anything else.
func ParseQueueID(s string) (id QueueID, ok bool) {
	raw, err := idEncoding.DecodeString(s)
	if err != nil || len(raw) != 8 {
		return 0, false
	}
	return QueueID(binary.BigEndian.Uint64(raw)), true
}

func corrupt(what string, err error) error { return fmt.Errorf("%w: %s: %w", ErrCorrupt, what, err) }
