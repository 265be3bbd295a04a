package keys

// MaxUIDL is the longest UIDL, in octets (RFC 1939 7).
const MaxUIDL = 70

// UIDLOwnerKey is the key of the message that has an imported UIDL.
func UIDLOwnerKey(acct AccountID, uidl string) []byte {
	return append(be32(start(TableUIDLOwner, 4+len(uidl)), acct), uidl...)
}

// ImportedKey is the key that says that a message of another store was brought in here.
func ImportedKey(acct AccountID, source [16]byte) []byte {
	return append(be32(start(TableImported, 20), acct), source[:]...)
}

// GoodUIDL says whether a string can be a UIDL: 1 to 70 octets of 0x21-0x7E (RFC 1939 7).
func GoodUIDL(s string) bool {
	if s == "" || len(s) > MaxUIDL {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
