package keys

// Member is one membership: a message lies in Mailbox as UID.
type Member struct {
	Mailbox MailboxID
	UID     UID
}

// EncodeMembers writes the row m; the list is never empty.
func EncodeMembers(ms []Member) []byte {
	b := make([]byte, 0, 8*len(ms))
	for _, m := range ms {
		b = be32(be32(b, m.Mailbox), m.UID)
	}
	return b
}

// DecodeMembers reads the row m.
func DecodeMembers(b []byte) ([]Member, error) {
	if len(b) == 0 || len(b)%8 != 0 {
		return nil, ErrCorrupt
	}
	ms := make([]Member, 0, len(b)/8)
	for r := (fixed{b}); len(r.b) > 0; {
		ms = append(ms, Member{MailboxID(r.u32()), UID(r.u32())})
	}
	return ms, nil
}

// Removed is the row G: the last membership of a message, so that it can be
// put back as it was.
type Removed struct {
	UID      UID
	Flags    Flags
	Zone     int16
	Keywords []uint16
	Role     Role   // of the mailbox
	Path     string // of the mailbox when the message was removed
	Internal int64
	Saved    int64
	Until    int64 // milliseconds: can be put back until then
	Size     uint64
	Blob     BlobID
	Thread   ThreadID
	Device   DeviceID
	Protocol uint8
	ModSeq   ModSeq // of the operation that removed it
	Unknown  []byte
}

const removedVersion = 1

const (
	removedUID = iota + 1
	removedFlags
	removedZone
	removedKeywords
	removedRole
	removedPath
	removedInternal
	removedSaved
	removedUntil
	removedSize
	removedBlob
	removedThread
	removedDevice
	removedProtocol
	removedModSeq
)

// Encode writes the row.
func (g *Removed) Encode() []byte {
	w := newFields(removedVersion, 96+len(g.Path))
	w.uint(removedUID, uint64(g.UID))
	w.uint(removedFlags, uint64(g.Flags))
	w.int(removedZone, int64(g.Zone))
	var kws []byte
	for _, kw := range g.Keywords {
		kws = be16(kws, kw)
	}
	w.bytes(removedKeywords, kws)
	w.uint(removedRole, uint64(g.Role))
	w.string(removedPath, g.Path)
	w.int(removedInternal, g.Internal)
	w.int(removedSaved, g.Saved)
	w.int(removedUntil, g.Until)
	w.uint(removedSize, g.Size)
	w.uint(removedBlob, uint64(g.Blob))
	w.uint(removedThread, uint64(g.Thread))
	w.uint(removedDevice, uint64(g.Device))
	w.uint(removedProtocol, uint64(g.Protocol))
	w.uint(removedModSeq, uint64(g.ModSeq))
	return append(w.b, g.Unknown...)
}

// DecodeRemoved reads the row.
func DecodeRemoved(b []byte) (Removed, error) {
	var g Removed
	r := readFields(removedVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return g, r.err
		}
		switch tag {
		case removedUID:
			g.UID = UID(r.uint(v))
		case removedFlags:
			g.Flags = Flags(r.uint(v))
		case removedZone:
			g.Zone = int16(r.int(v))
		case removedKeywords:
			if len(v)%2 != 0 {
				return g, ErrCorrupt
			}
			for k := (fixed{v}); len(k.b) > 0; {
				g.Keywords = append(g.Keywords, k.u16())
			}
		case removedRole:
			g.Role = Role(r.uint(v))
		case removedPath:
			g.Path = string(v)
		case removedInternal:
			g.Internal = r.int(v)
		case removedSaved:
			g.Saved = r.int(v)
		case removedUntil:
			g.Until = r.int(v)
		case removedSize:
			g.Size = r.uint(v)
		case removedBlob:
			g.Blob = BlobID(r.uint(v))
		case removedThread:
			g.Thread = ThreadID(r.uint(v))
		case removedDevice:
			g.Device = DeviceID(r.uint(v))
		case removedProtocol:
			g.Protocol = uint8(r.uint(v))
		case removedModSeq:
			g.ModSeq = ModSeq(r.uint(v))
		default:
			g.Unknown = keep(g.Unknown, tag, v)
		}
	}
}
