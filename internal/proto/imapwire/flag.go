package imapwire

import "strings"

// Flag is a message flag: a system flag (`\Seen`), or a keyword. Flags compare without regard to case (RFC 9051 9, note 1);
// the flags below are always read in the form given here, other keywords in the form the client wrote.
type Flag string

// System flags (RFC 9051 2.3.2, RFC 3501 2.3.2) and the wildcard of PERMANENTFLAGS.
const (
	FlagSeen     Flag = `\Seen`
	FlagAnswered Flag = `\Answered`
	FlagFlagged  Flag = `\Flagged`
	FlagDeleted  Flag = `\Deleted`
	FlagDraft    Flag = `\Draft`
	FlagRecent   Flag = `\Recent` // IMAP4rev1 only; no client may set it
	FlagAny      Flag = `\*`      // PERMANENTFLAGS: clients may make keywords
)

// Registered keywords (RFC 9051 2.3.2, RFC 5788).
const (
	FlagForwarded Flag = "$Forwarded"
	FlagMDNSent   Flag = "$MDNSent"
	FlagJunk      Flag = "$Junk"
	FlagNotJunk   Flag = "$NotJunk"
	FlagPhishing  Flag = "$Phishing"
)

// Equal reports whether f and g are the same flag, without regard to case.
func (f Flag) Equal(g Flag) bool { return strings.EqualFold(string(f), string(g)) }

// System reports whether f is a system flag, one that begins with a backslash.
func (f Flag) System() bool { return strings.HasPrefix(string(f), `\`) }

// Mailbox attributes of LIST (RFC 9051 7.3.1, RFC 6154 2, RFC 5258).
const (
	AttrNonExistent   Flag = `\NonExistent`
	AttrNoSelect      Flag = `\Noselect`
	AttrNoInferiors   Flag = `\Noinferiors`
	AttrHasChildren   Flag = `\HasChildren`
	AttrHasNoChildren Flag = `\HasNoChildren`
	AttrMarked        Flag = `\Marked`
	AttrUnmarked      Flag = `\Unmarked`
	AttrSubscribed    Flag = `\Subscribed`
	AttrRemote        Flag = `\Remote`
	AttrNoAccess      Flag = `\NoAccess` // RFC 5465

	AttrAll       Flag = `\All`
	AttrArchive   Flag = `\Archive`
	AttrDrafts    Flag = `\Drafts`
	AttrFlagged   Flag = `\Flagged`
	AttrJunk      Flag = `\Junk`
	AttrSent      Flag = `\Sent`
	AttrTrash     Flag = `\Trash`
	AttrImportant Flag = `\Important` // RFC 8457
)

// flag = "\" atom / atom
func (d *Decoder) flag() (Flag, bool) {
	start := d.pos
	d.try('\\')
	if raw := d.run(isAtomChar); len(raw) == 0 {
		return "", d.fail("expected a flag at column %d", d.pos+1)
	}
	return canonicalFlag(d.line[start:d.pos]), true
}

// knownFlags have one spelling: those of RFC 9051 2.3.2 and the special uses of RFC 6154 2 and RFC 8457.
var knownFlags = [...]Flag{
	FlagSeen, FlagDeleted, FlagFlagged, FlagAnswered, FlagDraft, FlagRecent, FlagForwarded, FlagMDNSent, FlagJunk, FlagNotJunk, FlagPhishing,
	AttrAll, AttrArchive, AttrDrafts, AttrJunk, AttrSent, AttrTrash, AttrImportant,
}

// canonicalFlag is the flag in its one spelling, without allocating when it is a known one.
func canonicalFlag(raw []byte) Flag {
	for _, f := range knownFlags {
		if len(f) == len(raw) && strings.EqualFold(string(f), string(raw)) {
			return f
		}
	}
	return Flag(raw)
}
