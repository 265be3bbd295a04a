package keys

// Table is the first byte of a key.
type Table byte

// The tables. Those marked (reserved) have a letter and a key shape, so that
// nothing else takes them, and get their records when their feature comes.
const (
	// TableStore: schema version, id leases. The store itself.
	TableStore Table = 0x00

	// TableAccount: A acct4. The row that every commit of an account requires.
	TableAccount Table = 'A'
	// TableMailbox: X acct4 mbox4. Name, parent, role, UIDVALIDITY.
	TableMailbox Table = 'X'
	// TableCounters: x acct4 mbox4. All that SELECT and STATUS answer.
	TableCounters Table = 'x'
	// TableKeyword: K acct4 kw2. Keyword names.
	TableKeyword Table = 'K'
	// TablePage: P acct4 mbox4 page4. Up to 64 memberships of one mailbox.
	TablePage Table = 'P'
	// TableCounts: p acct4 mbox4 chunk4. How many messages each of 256 pages has.
	TableCounts Table = 'p'
	// TableMessage: M acct4 msg8. What never changes about a message.
	TableMessage Table = 'M'
	// TableMembers: m acct4 msg8. In which mailboxes a message lies.
	TableMembers Table = 'm'
	// TableUIDL: u acct4 msg8, TableUIDLOwner: v acct4 uidl. UIDLs that messages had elsewhere.
	TableUIDL      Table = 'u'
	TableUIDLOwner Table = 'v'
	// TableImported: i acct4 hash16. This message of another store was brought in; as
	// which message. It outlives the message: what its owner has erased does not come back.
	TableImported Table = 'i'
	// TableChange: C acct4 modseq8. The change log, one record an operation.
	TableChange Table = 'C'
	// TableVanished: E acct4 mbox4 modseq8. Vanished UIDs; outlives C. At modseq 0, what
	// trimming has taken from the mailbox's log (Cut).
	TableVanished Table = 'E'
	// TableAccessKey: k acct4 mbox4. The secret of URLAUTH.
	TableAccessKey Table = 'k'
	// TableMetadata: N acct4 mbox4 user4 entry. METADATA, shared (user 0) and private,
	// of mailboxes and of the account (mbox 0).
	TableMetadata Table = 'N'
	// TableSeen: S acct4 mbox4 user4 page4. Private \Seen on shared mailboxes (reserved).
	TableSeen Table = 'S'
	// TableShared: a user4 owner4 mbox4. Shared with me (reserved).
	TableShared Table = 'a'
	// TableSubscription: s acct4 name.
	TableSubscription Table = 's'
	// TableDevice: V acct4 dev4. What a device has done.
	TableDevice Table = 'V'
	// TableTaken: Y acct4 dev4 page8. Taken marks.
	TableTaken Table = 'Y'
	// TableSizes: z acct4 page8. Sizes and senders of 64 successive messages.
	TableSizes Table = 'z'
	// TableRemoved: G acct4 time8 msg8 mbox4. Recently removed.
	TableRemoved Table = 'G'
	// TableDelivered: I acct4 qid8 rcpt. This queue id was delivered here.
	TableDelivered Table = 'I'
	// TableObject: O acct4 class1 id8. Identities, scripts and the like (reserved).
	TableObject Table = 'O'
	// TableThread: T acct4 hash16. Message-ID and base subject to thread.
	TableThread Table = 'T'

	// TableDue: W due8 acct4 kind1 mbox4 msg8. Something may be due; a hint.
	TableDue Table = 'W'

	// The blob domain: bodies and who refers to them.

	// TableChunk: B blob8 chunk2. 64 KiB of a body.
	TableChunk Table = 'B'
	// TableBlob: b blob8. State, size, hash.
	TableBlob Table = 'b'
	// TableHash: H tenant4 hash32. Single instance within a tenant.
	TableHash Table = 'H'
	// TableReference: R blob8 kind1 owner4 id8.
	TableReference Table = 'R'
	// TableCandidate: Z time8 blob8. The collector looks at these.
	TableCandidate Table = 'Z'

	// The queue: mail on its way to other hosts.

	// TableQueue: q qid8. A message with its envelope and the state of each recipient.
	TableQueue Table = 'q'
	// TableQueueOrder: Q class1 due8 qid8. When to try which.
	TableQueueOrder Table = 'Q'
	// TableSending: j name. What sending remembers besides: suppressed recipients, policies of
	// other domains, figures for reports.
	TableSending Table = 'j'
	// TableTrace: J name. What has become of messages; kept for some weeks.
	TableTrace Table = 'J'

	// Directory rows: logins and addresses, domains, leases.
	TableUser   Table = 'U'
	TableDomain Table = 'D'
	TableLease  Table = 'L'

	// TableCertificate: c name. Certificates from an authority with their keys, and who we are to it.
	TableCertificate Table = 'c'
)

// AccountTables are the tables whose rows belong to one account and go with
// it when it is erased.
func AccountTables() []Table {
	return []Table{
		TableMailbox, TableCounters, TableKeyword, TablePage, TableCounts, TableMessage, TableMembers,
		TableUIDL, TableUIDLOwner, TableImported, TableChange, TableVanished, TableMetadata, TableSeen,
		TableShared, TableSubscription, TableDevice, TableTaken, TableSizes, TableRemoved, TableDelivered,
		TableObject, TableThread, TableAccessKey, TableAccount,
	}
}
