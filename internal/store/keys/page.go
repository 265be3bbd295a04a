package keys

import "math/bits"

// PageBits: a page holds the memberships of 1<<PageBits successive UIDs.
const (
	PageBits = 6
	PageSize = 1 << PageBits
)

// Flags are the system flags of a membership (RFC 9051 2.3.2); keywords are apart.
type Flags uint8

// The system flags; their bits are on disk.
const (
	Seen Flags = 1 << iota
	Answered
	Flagged
	Deleted
	Draft
)

// Entry is one message's membership in one mailbox.
type Entry struct {
	UID      UID
	Flags    Flags
	Zone     int16  // of Internal, minutes east of UTC
	Keywords uint64 // keyword numbers 0-63
	ModSeq   ModSeq
	Message  MessageID
	Blob     BlobID
	Size     uint64 // octets as every protocol reports them (RFC822.SIZE)
	Internal int64  // internal date, milliseconds
	Saved    int64  // save date (RFC 8514), milliseconds
	Thread   ThreadID
	More     []uint16 // keyword numbers from 64 on, ascending; seldom
}

// Page is the row P: up to 64 entries with their UIDs ascending.
type Page struct {
	Entries []Entry
	Present uint64 // bit n: the page has UID page*64+n
}

const (
	pageVersion = 1
	entrySize   = 64
)

// Index returns the place of the UID in Entries.
func (p *Page) Index(uid UID) (int, bool) {
	bit := uint64(1) << (uid & (PageSize - 1))
	return bits.OnesCount64(p.Present & (bit - 1)), p.Present&bit != 0
}

// Encode writes the row: version, entries of 64 octets, then for each entry
// that has keywords beyond the 64th: slot, count, numbers. The count of
// entries is in Present, which stands first.
func (p *Page) Encode() []byte {
	b := make([]byte, 0, 9+entrySize*len(p.Entries))
	b = be64(append(b, pageVersion), p.Present)
	for i := range p.Entries {
		e := &p.Entries[i]
		b = append(b, byte(e.UID&(PageSize-1)), byte(e.Flags))
		b = be64(be64(be64(b, e.Keywords), e.ModSeq), e.Message)
		b = be64(be64(b, e.Blob), e.Size)
		b = be16(be48(b, e.Internal), uint16(e.Zone))
		b = be64(be48(b, e.Saved), e.Thread)
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		if len(e.More) == 0 {
			continue
		}
		b = be16(append(b, byte(e.UID&(PageSize-1))), uint16(len(e.More)))
		for _, kw := range e.More {
			b = be16(b, kw)
		}
	}
	return b
}

// DecodePage reads the row of page number page.
func DecodePage(page uint32, b []byte) (*Page, error) {
	if len(b) < 9 || b[0] != pageVersion {
		return nil, ErrCorrupt
	}
	r := fixed{b[1:]}
	p := &Page{Present: r.u64()}
	n := bits.OnesCount64(p.Present)
	if len(r.b) < n*entrySize {
		return nil, ErrCorrupt
	}
	p.Entries = make([]Entry, n)
	present := p.Present
	for i := range p.Entries {
		slot := uint32(bits.TrailingZeros64(present))
		present &= present - 1
		if uint32(r.u8()) != slot {
			return nil, ErrCorrupt
		}
		e := &p.Entries[i]
		e.UID = UID(page<<PageBits | slot)
		e.Flags = Flags(r.u8())
		e.Keywords, e.ModSeq, e.Message = r.u64(), ModSeq(r.u64()), MessageID(r.u64())
		e.Blob, e.Size = BlobID(r.u64()), r.u64()
		e.Internal, e.Zone = r.u48(), int16(r.u16())
		e.Saved, e.Thread = r.u48(), ThreadID(r.u64())
	}
	return p, p.decodeMore(page, &r)
}

func (p *Page) decodeMore(page uint32, r *fixed) error {
	for len(r.b) > 0 {
		if len(r.b) < 3 {
			return ErrCorrupt
		}
		i, ok := p.Index(UID(page<<PageBits | uint32(r.u8())))
		n := int(r.u16())
		if !ok || len(r.b) < 2*n {
			return ErrCorrupt
		}
		more := make([]uint16, n)
		for j := range more {
			more[j] = r.u16()
		}
		p.Entries[i].More = more
	}
	return nil
}
