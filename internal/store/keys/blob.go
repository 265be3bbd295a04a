package keys

// BlobState says whether a body may gain references.
type BlobState uint8

// The states; their numbers are on disk.
const (
	BlobPending BlobState = iota + 1 // chunks are being written ahead of the commit
	BlobLive                         // may gain references
	BlobDoomed                       // the collector is looking for references
)

// Location says where the chunks are.
type Location uint8

// LocationHere: in table B of this engine.
const LocationHere Location = 1

// Blob is the row b.
type Blob struct {
	State    BlobState
	Location Location
	Chunks   uint32   // 1 to 65536; 0 for an empty body
	Size     uint64   // raw octets
	Tenant   TenantID // whose hash table may name it
	Hash     [32]byte // keyed hash of the raw octets; zero = not shared
}

const (
	blobVersion = 1
	blobSize    = 1 + 1 + 1 + 4 + 8 + 4 + 32
)

// Encode writes the row.
func (s *Blob) Encode() []byte {
	b := append(make([]byte, 0, blobSize), blobVersion, byte(s.State), byte(s.Location))
	b = be64(be32(b, s.Chunks), s.Size)
	return append(be32(b, s.Tenant), s.Hash[:]...)
}

// DecodeBlob reads the row.
func DecodeBlob(b []byte) (Blob, error) {
	var s Blob
	if len(b) != blobSize || b[0] != blobVersion {
		return s, ErrCorrupt
	}
	r := fixed{b[1:]}
	s.State, s.Location = BlobState(r.u8()), Location(r.u8())
	s.Chunks, s.Size, s.Tenant = r.u32(), r.u64(), TenantID(r.u32())
	copy(s.Hash[:], r.take(32))
	return s, nil
}

// Kinds of references to a body; their numbers are on disk.
const (
	RefMessage byte = iota + 1 // owner = account, id = message
	RefQueue                   // owner 0, id = queue id
	RefUpload                  // (reserved)
	RefPin                     // (reserved) a reader's lease
)

// Kinds of sweep hints; their numbers are on disk.
const (
	DueErase   byte = iota + 1 // a removed message can no longer be put back
	DueRelease                 // a message that a device has taken may leave; mbox 0
	DueRetain                  // messages of a mailbox may have been there long enough; msg 0
	DueSettle                  // the rules have changed: look at all that has been taken, from this page of marks on; mbox 0, msg = page
	DueWarn                    // the quota is used up to a level of which the owner is to be told; mbox 0, msg = per cent
)

// EncodeID and DecodeID are rows that hold one number: a thread, a blob, a counter.
func EncodeID[T ~uint64](id T) []byte { return be64(make([]byte, 0, 8), id) }

// DecodeID reads what EncodeID wrote.
func DecodeID(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, ErrCorrupt
	}
	r := fixed{b}
	return r.u64(), nil
}
