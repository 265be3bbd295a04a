package keys

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// SenderID stands for the address that a message says it is from: a keyed hash of it.
type SenderID uint64

// SizesPage is the row z: of those of 64 successive messages that count in the quota, how big they are and who sent them. The pages
// are those of TakenPage.
type SizesPage struct {
	Present uint64  // bit n: the page's n-th message counts
	Sizes   []Sized // of each set bit from the lowest
}

// Sized is what is known of one message.
type Sized struct {
	Size   uint64
	Sender SenderID
}

const sizesVersion = 1

// SizesKey is the key of the sizes of messages [page*64, page*64+64).
func SizesKey(acct AccountID, page uint64) []byte {
	return be64(be32(start(TableSizes, 12), acct), page)
}

// Put adds a message, or changes it, and returns what was there.
func (p *SizesPage) Put(msg MessageID, s Sized) (old Sized, had bool) {
	i, had := p.index(msg)
	if had {
		old, p.Sizes[i] = p.Sizes[i], s
		return old, true
	}
	p.Present |= takenBit(msg)
	p.Sizes = append(p.Sizes, Sized{})
	copy(p.Sizes[i+1:], p.Sizes[i:])
	p.Sizes[i] = s
	return old, false
}

// Take takes a message away and returns what was there.
func (p *SizesPage) Take(msg MessageID) (old Sized, had bool) {
	i, had := p.index(msg)
	if had {
		old = p.Sizes[i]
		p.Present &^= takenBit(msg)
		p.Sizes = append(p.Sizes[:i], p.Sizes[i+1:]...)
	}
	return old, had
}

// Each yields the ids of the messages of Sizes, of the page with number n.
func (p *SizesPage) Each(n uint64) iter.Seq[MessageID] {
	return func(yield func(MessageID) bool) {
		for rest := p.Present; rest != 0; rest &= rest - 1 {
			if !yield(MessageID(n<<TakenBits | uint64(bits.TrailingZeros64(rest)))) {
				return
			}
		}
	}
}

func (p *SizesPage) index(msg MessageID) (int, bool) {
	bit := takenBit(msg)
	return bits.OnesCount64(p.Present & (bit - 1)), p.Present&bit != 0
}

// Encode writes the row: version, Present, then each message's size and the eight octets of its sender.
func (p *SizesPage) Encode() []byte {
	b := make([]byte, 0, 9+12*len(p.Sizes))
	b = be64(append(b, sizesVersion), p.Present)
	for _, s := range p.Sizes {
		b = be64(binary.AppendUvarint(b, s.Size), s.Sender)
	}
	return b
}

// Decode reads the row into p, whose memory it uses again.
func (p *SizesPage) Decode(b []byte) error {
	if len(b) < 9 || b[0] != sizesVersion {
		return ErrCorrupt
	}
	p.Present, p.Sizes = binary.BigEndian.Uint64(b[1:]), p.Sizes[:0]
	b = b[9:]
	for range bits.OnesCount64(p.Present) {
		size, n := binary.Uvarint(b)
		if n <= 0 || len(b) < n+8 {
			return ErrCorrupt
		}
		p.Sizes = append(p.Sizes, Sized{size, SenderID(binary.BigEndian.Uint64(b[n:]))})
		b = b[n+8:]
	}
	if len(b) > 0 {
		return ErrCorrupt
	}
	return nil
}

// DecodeSizesPage reads the row.
func DecodeSizesPage(b []byte) (p SizesPage, err error) {
	err = p.Decode(b)
	return p, err
}
