package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
)

// minBatch is the least number of messages in a batch. RFC 10022 3.1.3 lets it be 500 at most; it only bounds the response.
const minBatch = 10

// UIDBATCHES: RFC 10022.
//
//	uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]
//
// Batches are counted from the newest messages on, and reach down to where the next one begins; the last one reaches down to 1 (3.1.4).
func cmdUIDBatches(s *session, ctx context.Context, tag string, c *imapwire.UIDBatches) (done, error) {
	if c.Size < minBatch {
		return done{}, no(imapwire.CodeTooFew, "batches have at least 10 messages")
	}
	batches := s.sel.batches(c)
	for _, b := range batches {
		if err := s.sel.load(ctx, []span{{b.lo, b.lo + 1}, {b.hi - 1, b.hi}}); err != nil {
			return done{}, err
		}
	}
	s.out().UIDBatches(tag, func(yield func(high, low imapwire.UID) bool) {
		for _, b := range batches {
			low := imapwire.UID(1)
			if b.lo > 0 {
				low = imapwire.UID(s.sel.at(b.lo).UID)
			}
			if !yield(imapwire.UID(s.sel.at(b.hi-1).UID), low) {
				return
			}
		}
	})
	return done{}, inTransit(s.out().Err())
}

// batches are the places of the batches that are asked for, from the newest on.
func (p *picture) batches(c *imapwire.UIDBatches) []span {
	size, n := int64(c.Size), int64(p.len())
	first, last := int64(0), (n+size-1)/size
	if c.From > 0 {
		first, last = int64(c.From)-1, min(int64(c.To), last)
	}
	var out []span
	for b := first; b < last; b++ {
		out = append(out, span{int(max(n-(b+1)*size, 0)), int(n - b*size)})
	}
	return out
}
