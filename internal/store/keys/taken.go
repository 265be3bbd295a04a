package keys

import (
	"encoding/binary"
	"math/bits"
)

// TakenBits: a page of taken marks covers 1<<TakenBits successive message ids.
const TakenBits = 6

// TakenPage is the row Y: which of 64 successive messages a device has taken over POP3, and when.
type TakenPage struct {
	Present uint64  // bit n: the page's n-th message has been taken
	Times   []int64 // when, milliseconds, for each set bit from the lowest
}

const takenVersion = 1

// TakenKey is the key of the marks of messages [page*64, page*64+64) of one device.
func TakenKey(acct AccountID, dev DeviceID, page uint64) []byte {
	return be64(be32(be32(start(TableTaken, 16), acct), dev), page)
}

// TakenOf splits the key of a page of taken marks.
func TakenOf(key []byte) (acct AccountID, dev DeviceID, page uint64, err error) {
	if len(key) != 17 || Table(key[0]) != TableTaken {
		return 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[1:]}
	return AccountID(r.u32()), DeviceID(r.u32()), r.u64(), nil
}

// At returns when the message was taken, in milliseconds; ok is false when it was not.
func (p *TakenPage) At(msg MessageID) (t int64, ok bool) {
	i, ok := p.index(msg)
	if !ok {
		return 0, false
	}
	return p.Times[i], true
}

// Mark notes that the message was taken at t. A mark that is there stays.
func (p *TakenPage) Mark(msg MessageID, t int64) {
	i, ok := p.index(msg)
	if ok {
		return
	}
	p.Present |= takenBit(msg)
	p.Times = append(p.Times, 0)
	copy(p.Times[i+1:], p.Times[i:])
	p.Times[i] = t
}

// Unmark takes a mark away.
func (p *TakenPage) Unmark(msg MessageID) {
	if i, ok := p.index(msg); ok {
		p.Present &^= takenBit(msg)
		p.Times = append(p.Times[:i], p.Times[i+1:]...)
	}
}

// First is the page with the marks of both, each with the time of the earlier one. Neither changes.
func (p TakenPage) First(q TakenPage) TakenPage {
	switch {
	case p.Present == 0:
		return q
	case q.Present == 0:
		return p
	}
	var out TakenPage
	for both, i, j := p.Present|q.Present, 0, 0; both != 0; both &= both - 1 {
		bit := both & -both
		var t int64
		if p.Present&bit != 0 {
			t = p.Times[i]
			i++
		}
		if q.Present&bit != 0 {
			if t == 0 || q.Times[j] < t {
				t = q.Times[j]
			}
			j++
		}
		out.Present |= bit
		out.Times = append(out.Times, t)
	}
	return out
}

func (p *TakenPage) index(msg MessageID) (int, bool) {
	bit := takenBit(msg)
	return bits.OnesCount64(p.Present & (bit - 1)), p.Present&bit != 0
}

func takenBit(msg MessageID) uint64 { return 1 << (msg & (1<<TakenBits - 1)) }

// Encode writes the row: version, Present, then each time in six octets.
func (p *TakenPage) Encode() []byte {
	b := make([]byte, 0, 9+6*len(p.Times))
	b = be64(append(b, takenVersion), p.Present)
	for _, t := range p.Times {
		b = be48(b, t)
	}
	return b
}

// TakenPresent reads no more of the row than which messages have been taken.
func TakenPresent(b []byte) (uint64, error) {
	if len(b) < 9 || b[0] != takenVersion {
		return 0, ErrCorrupt
	}
	present := binary.BigEndian.Uint64(b[1:])
	if len(b) != 9+6*bits.OnesCount64(present) {
		return 0, ErrCorrupt
	}
	return present, nil
}

// DecodeTakenPage reads the row.
func DecodeTakenPage(b []byte) (TakenPage, error) {
	present, err := TakenPresent(b)
	if err != nil {
		return TakenPage{}, err
	}
	r := fixed{b[9:]}
	p := TakenPage{Present: present, Times: make([]int64, bits.OnesCount64(present))}
	for i := range p.Times {
		p.Times[i] = r.u48()
	}
	return p, nil
}
