package keys

import "encoding/binary"

// Cut is what trimming has taken from the log of one mailbox. It lies in table E
// at MODSEQ 0, which no operation has; a mailbox without it has lost nothing.
//
// It makes the horizon a mailbox's own: a client whose state of the mailbox is at least as new
// as these has lost nothing either, however old the state is that it has of the account.
type Cut struct {
	Changes  ModSeq // of the last operation forgotten by C that changed or added messages here
	Vanished ModSeq // of the last operation forgotten by E
}

const cutVersion = 1

// CutKey is the key of a mailbox's Cut.
func CutKey(acct AccountID, mbox MailboxID) []byte { return VanishedKey(acct, mbox, 0) }

// Encode writes the row.
func (c *Cut) Encode() []byte {
	return be64(be64(append(make([]byte, 0, 17), cutVersion), c.Changes), c.Vanished)
}

// DecodeCut reads the row.
func DecodeCut(b []byte) (Cut, error) {
	if len(b) != 17 || b[0] != cutVersion {
		return Cut{}, ErrCorrupt
	}
	return Cut{ModSeq(binary.BigEndian.Uint64(b[1:])), ModSeq(binary.BigEndian.Uint64(b[9:]))}, nil
}
