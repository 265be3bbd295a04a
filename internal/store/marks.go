package store

import (
	"context"
	"fmt"
	"math/bits"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// MessageSet is a set of messages of one account: a bit for each, in runs of 64 ids. It is quickest when it is asked in the order
// of ids. The zero value is empty. It is not safe for concurrent use.
type MessageSet struct {
	at   map[uint64]int // by number of the run, where in runs
	runs []uint64
	n    int

	run  uint64 // the last that was asked for
	last int    // 1 more than where it is; 0: there was none
}

// Len is how many messages are in the set.
func (s *MessageSet) Len() int { return s.n }

// Has says whether a message is in the set.
func (s *MessageSet) Has(id MessageID) bool {
	i, ok := s.find(uint64(id) >> keys.TakenBits)
	return ok && s.runs[i]&runBit(id) != 0
}

// Add puts a message into the set, and reports false when it was there.
func (s *MessageSet) Add(id MessageID) bool {
	run := uint64(id) >> keys.TakenBits
	i, ok := s.find(run)
	if !ok {
		i = s.put(run, 0)
	}
	if s.runs[i]&runBit(id) != 0 {
		return false
	}
	s.runs[i] |= runBit(id)
	s.n++
	return true
}

func (s *MessageSet) find(run uint64) (int, bool) {
	if s.last > 0 && s.run == run {
		return s.last - 1, true
	}
	i, ok := s.at[run]
	if ok {
		s.run, s.last = run, i+1
	}
	return i, ok
}

// put adds a run that the set does not have.
func (s *MessageSet) put(run, members uint64) int {
	if s.at == nil {
		s.at = make(map[uint64]int)
	}
	i := len(s.runs)
	s.at[run] = i
	s.runs = append(s.runs, members)
	s.n += bits.OnesCount64(members)
	s.run, s.last = run, i+1
	return i
}

// addRun puts messages of a run into the set.
func (s *MessageSet) addRun(run, members uint64) {
	i, ok := s.find(run)
	if !ok {
		s.put(run, members)
		return
	}
	s.n += bits.OnesCount64(members &^ s.runs[i])
	s.runs[i] |= members
}

func runBit(id MessageID) uint64 { return 1 << (id & (1<<keys.TakenBits - 1)) }

// Marks reads what a device has taken over POP3: it is not shown these messages again. It costs what has been taken and can still be
// seen, divided by 64.
func (h *Account) Marks(ctx context.Context, d *POPDevice) (*MessageSet, error) {
	out := new(MessageSet)
	for _, dev := range d.marks() {
		r := kv.Prefix(keys.TakenKey(h.id, dev, 0)[:9])
		err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
			run, err := keys.Tail64(k)
			if err != nil {
				return false, err
			}
			members, err := keys.TakenPresent(v)
			if err == nil && members != 0 {
				out.addRun(run, members)
			}
			return true, err
		})
		if err != nil {
			return nil, fmt.Errorf("store: what device %d has taken: %w", d.ID, err)
		}
	}
	return out, nil
}
