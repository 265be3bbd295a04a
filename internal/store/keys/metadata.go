package keys

// Annotation is the record N: the value of a METADATA entry (RFC 5464). A value that
// is there may be empty.
type Annotation struct {
	Value   []byte
	ModSeq  ModSeq // of its last change
	Unknown []byte
}

const annotationVersion = 1

// Tags of N.
const (
	annotationValue = iota + 1
	annotationModSeq
)

// MaxEntry is the longest name of an entry that a key has room for, in octets.
const MaxEntry = MaxKey - 13

// MetadataKey is the key of an annotation of a mailbox, or of the account itself
// when mbox is 0. user is whose private one it is, 0 for a shared one.
func MetadataKey(acct AccountID, mbox MailboxID, user AccountID, entry string) []byte {
	return append(be32(be32(be32(start(TableMetadata, 12+len(entry)), acct), mbox), user), entry...)
}

// MetadataOf splits the key of an annotation.
func MetadataOf(key []byte) (acct AccountID, mbox MailboxID, user AccountID, entry string, err error) {
	if len(key) < 13 || Table(key[0]) != TableMetadata {
		return 0, 0, 0, "", ErrCorrupt
	}
	r := fixed{key[1:]}
	return AccountID(r.u32()), MailboxID(r.u32()), AccountID(r.u32()), string(r.b), nil
}

// Encode writes the record.
func (a *Annotation) Encode() []byte {
	w := newFields(annotationVersion, 16+len(a.Value)+len(a.Unknown))
	w.bytes(annotationValue, a.Value)
	w.uint(annotationModSeq, uint64(a.ModSeq))
	return append(w.b, a.Unknown...)
}

// DecodeAnnotation reads the record.
func DecodeAnnotation(b []byte) (Annotation, error) {
	var a Annotation
	r := readFields(annotationVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return a, r.err
		}
		switch tag {
		case annotationValue:
			a.Value = append([]byte(nil), v...)
		case annotationModSeq:
			a.ModSeq = ModSeq(r.uint(v))
		default:
			a.Unknown = keep(a.Unknown, tag, v)
		}
	}
}
