package keys

// Retention is what the owner of a mailbox has said of how long messages stay in it; it is in the mailbox's row.
type Retention struct {
	Seconds uint64 // 0: for ever
	Flagged bool   // also those with \Flagged
}

const (
	retentionVersion = 1
	retentionSize    = 1 + 8 + 1
)

// Encode writes the value.
func (r Retention) Encode() []byte {
	b := be64(append(make([]byte, 0, retentionSize), retentionVersion), r.Seconds)
	if r.Flagged {
		return append(b, 1)
	}
	return append(b, 0)
}

// DecodeRetention reads the value; ok is false when there is none that this version can read: then the server's rule holds.
func DecodeRetention(b []byte) (r Retention, ok bool) {
	if len(b) != retentionSize || b[0] != retentionVersion {
		return Retention{}, false
	}
	f := fixed{b[1:]}
	return Retention{Seconds: f.u64(), Flagged: f.u8() != 0}, true
}
