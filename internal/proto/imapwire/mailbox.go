package imapwire

import "strings"

// Mailbox is a mailbox name in UTF-8 as people read it, the hierarchy separators in it included. On the wire it is modified UTF-7
// (RFC 3501 5.1.3) until the client enables IMAP4rev2 or UTF8=ACCEPT, UTF-8 after.
// "INBOX" in any case of letters is read as [Inbox] (RFC 9051 5.1).
type Mailbox string

// Inbox is the name of the mailbox that every account has.
const Inbox Mailbox = "INBOX"

// canonicalMailbox gives INBOX its one spelling.
func canonicalMailbox(name string) Mailbox {
	if len(name) == len(Inbox) && strings.EqualFold(name, string(Inbox)) {
		return Inbox
	}
	return Mailbox(name)
}
