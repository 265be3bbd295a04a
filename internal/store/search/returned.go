package search

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// indexReturned indexes messages that came back from a backup under their old ids
// (store.AddOptions.As), which the watermark has passed. The change log says which; where it
// does not reach back so far, they are left to scans.
//
// A segment is never changed, so one that has such a message's place is built again from
// its messages; between segments there is room for another.
func (f *follower) indexReturned(ctx context.Context) error {
	if f.m.last == 0 {
		return nil // all is new
	}
	r := returned{f: f, gone: make(map[segmentID]docSet)}
	for since, more := f.m.modSeq, true; more; {
		list, rest, err := f.h.Changes(ctx, since, 0)
		if errors.Is(err, store.ErrTooOld) {
			break
		}
		if err != nil {
			return err
		}
		for i := range list {
			if err := r.note(ctx, &list[i]); err != nil {
				return err
			}
			since = list[i].ModSeq
		}
		more = rest
		f.pace.step(ctx)
	}
	for _, in := range r.ranges {
		if err := f.rebuild(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// idRange is the messages after one up to another: those of a segment, or of the room
// before one.
type idRange struct{ after, upTo store.MessageID }

// returned gathers where messages have come back.
type returned struct {
	f      *follower
	gone   map[segmentID]docSet
	ranges []idRange
}

// note notes the messages of an operation that are new in the account and not in the
// index, though it should have them.
func (r *returned) note(ctx context.Context, c *store.Change) error {
	for i := range c.Items {
		it := &c.Items[i]
		if it.Class != store.ClassMessage || it.Kind != store.KindCreated {
			continue
		}
		for _, id := range it.Messages {
			if id > r.f.m.last {
				continue
			}
			in, known, err := r.find(ctx, id)
			if err != nil {
				return err
			}
			if !known && !slices.Contains(r.ranges, in) {
				r.ranges = append(r.ranges, in)
			}
		}
	}
	return nil
}

// find is where a message belongs, and whether it is there.
func (r *returned) find(ctx context.Context, id store.MessageID) (in idRange, known bool, err error) {
	list := r.f.m.segments
	i := sort.Search(len(list), func(i int) bool { return list[i].last >= id })
	if i > 0 {
		in.after = list[i-1].last
	}
	if i == len(list) {
		in.upTo = r.f.m.last
		return in, false, nil
	}
	if id < list[i].first {
		in.upTo = list[i].first - 1
		return in, false, nil
	}
	s, err := r.f.x.segment(ctx, r.f.x.opts.Engine, r.f.h.ID(), list[i])
	if err != nil {
		return in, false, err
	}
	gone, read := r.gone[s.id]
	if !read {
		if gone, err = readGone(ctx, r.f.x.opts.Engine, r.f.h.ID(), list[i]); err != nil {
			return in, false, err
		}
		r.gone[s.id] = gone
	}
	doc, ok := s.find(id)
	return idRange{list[i].first - 1, list[i].last}, ok && !gone.has(doc), nil
}

// rebuild indexes the messages of a range anew, in the place of the segment that it
// had.
func (f *follower) rebuild(ctx context.Context, in idRange) error {
	var made []segmentInfo
	err := f.build(ctx, in, func(_ store.MessageID, list []segmentInfo) error {
		made = append(made, list...)
		return nil
	})
	if err != nil {
		return err
	}
	b := new(kv.Batch)
	old := f.m.segments
	from := sort.Search(len(old), func(i int) bool { return old[i].first > in.after })
	to := from
	for ; to < len(old) && old[to].last <= in.upTo; to++ {
		b.RemoveSpan(segmentSpan(f.h.ID(), old[to].id))
	}
	f.m.segments = slices.Concat(old[:from], made, old[to:])
	return f.save(ctx, b)
}

// onward is all messages after one.
func onward(after store.MessageID) idRange { return idRange{after, math.MaxUint64} }
