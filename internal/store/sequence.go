package store

import "context"

// Sequence reads the records of a list of messages for somebody who asks for one at a time and mostly for the next: then they are
// read some ahead, in one scan. It is not safe for concurrent use.
type Sequence struct {
	h  *Account
	n  int
	id func(i int) MessageID

	next int // the place after the last that was asked for
	row  int // how many were asked for one after the other

	ahead      recordsAhead
	base, till int // the places that ahead has, but for what is gone
	used       int // of ahead.got
}

const (
	sequenceStart = 3         // asked for in a row before anything is read ahead
	sequenceFirst = 16        // read ahead then, and from then on twice as many each time, up to readAhead
	sequenceBytes = 128 << 10 // of records, in each scan
)

// Sequence reads n messages; id says which is at place i, 0 <= i < n. It must outlive neither the account's handle nor what keeps
// the messages (Account.Pin).
func (h *Account) Sequence(n int, id func(i int) MessageID) *Sequence {
	return &Sequence{h: h, n: n, id: id}
}

// Message reads the record at place i, as Account.Message does. What it returns is good until the next call.
func (s *Sequence) Message(ctx context.Context, i int, want Want) (*Message, error) {
	if i == s.next {
		s.row++
	} else {
		s.row = 1
	}
	s.next = i + 1
	if i < s.base || i >= s.till {
		if s.base, s.till = 0, 0; s.row > sequenceStart {
			if err := s.readFrom(ctx, i); err != nil {
				return nil, err
			}
		}
		if s.till == 0 {
			return s.h.Message(ctx, s.id(i), want)
		}
	}
	got := s.ahead.got
	if s.used == len(got) || s.base+got[s.used].place > i {
		s.used = 0 // back to what is still here
	}
	for s.used < len(got) && s.base+got[s.used].place < i {
		s.used++
	}
	if s.used == len(got) || s.base+got[s.used].place != i {
		return nil, ErrNoMessage
	}
	return s.ahead.decode(s.h, s.id(i), got[s.used], want)
}

// readFrom reads ahead from place i, if the ids there lie as they should.
func (s *Sequence) readFrom(ctx context.Context, i int) error {
	most := min(sequenceFirst, readAhead)
	if len(s.ahead.got) > 0 {
		most = min(2*len(s.ahead.got), readAhead)
	}
	ids := make([]MessageID, 0, most)
	for p := i; p < s.n && len(ids) < most; p++ {
		id := s.id(p)
		if k := len(ids); k > 0 && (id <= ids[k-1] || id-ids[k-1] > maxGap) {
			break
		}
		ids = append(ids, id)
	}
	if len(ids) < 4 {
		return nil
	}
	n, err := s.ahead.read(ctx, s.h, ids, sequenceBytes)
	if err != nil {
		return err
	}
	s.base, s.till, s.used = i, i+n, 0
	return nil
}
