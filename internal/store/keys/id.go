package keys

// AccountID names an account; ids are never reused.
type AccountID uint32

// MailboxID names a mailbox within an account; it survives RENAME.
type MailboxID uint32

// UID is a message's number in one mailbox (RFC 9051 2.3.1.1); 0 is none.
type UID uint32

// ModSeq counts an account's operations (RFC 7162); 0 is none.
type ModSeq uint64

// MessageID names a message within an account, over moves, copies and
// restores: incarnation (16 bits) and counter (48 bits). 0 is none.
type MessageID uint64

// ThreadID names a thread within an account: the id of its first message.
type ThreadID uint64

// BlobID names a body in the blob domain; 0 is none.
type BlobID uint64

// QueueID names an accepted message on its way; ids grow with time.
type QueueID uint64

// TenantID names the organisation that owns a set of domains.
type TenantID uint32

// DeviceID names a credential of an account; 0 is the server itself.
type DeviceID uint32
