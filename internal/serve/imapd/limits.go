package imapd

import (
	"iter"
	"strconv"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// How many messages one command deals with at most (RFC 9738). The limits are an operator's; as they are by default nobody meets them.

// Defaults of Options.MessageLimit and SaveLimit.
const (
	defaultMessageLimit = 10_000_000
	defaultSaveLimit    = 1_000_000
)

// limitValue is a limit as CAPABILITY tells it.
func limitValue(of func(*Options) int) func(*session) string {
	return func(s *session) string { return strconv.Itoa(of(&s.srv.opts)) }
}

// limited cuts places of a picture to the last messages, as many as a command may deal with; the dispatcher then tells which was the last that
// was dealt with, from the highest UID downwards (RFC 9738 3.1).
func (s *session) limited(p *picture, spans []span) []span {
	limit := s.srv.opts.MessageLimit
	over := countPlaces(spans) - limit
	if over <= 0 {
		return spans
	}
	spans = window(spans, over, over+limit)
	s.limit = imapwire.CodeMessageLimit(uint32(limit), imapwire.UID(p.at(spans[0].lo).UID))
	return spans
}

// fits refuses a window of more messages than a command may deal with: nothing is done then (RFC 9738 3.1).
func (s *session) fits(w imapwire.Window) error {
	if limit := s.srv.opts.MessageLimit; int64(w.To)-int64(w.From) >= int64(limit) {
		return no(imapwire.CodeMessageLimit(uint32(limit), 0), "the window has too many messages")
	}
	return nil
}

// savable refuses to copy more messages than may be saved at once: COPY is for all of them or none (RFC 9738 3.1).
func (s *session) savable(spans []span) error {
	limit := min(s.srv.opts.SaveLimit, s.srv.opts.MessageLimit)
	over := countPlaces(spans) - limit
	if over <= 0 {
		return nil
	}
	lowest := s.sel.at(window(spans, over, over+limit)[0].lo).UID
	return no(imapwire.CodeMessageLimit(uint32(limit), imapwire.UID(lowest)), "these are too many messages at once")
}

// appendable refuses one message more in an APPEND.
func (s *session) appendable(have int) error {
	if limit := min(s.srv.opts.SaveLimit, s.srv.opts.MessageLimit); have >= limit {
		return no(imapwire.CodeMessageLimit(uint32(limit), 0), "these are too many messages at once")
	}
	return nil
}

// limitDeleted is limited for UID EXPUNGE, where only messages with \Deleted count.
func (s *session) limitDeleted(spans []span) []span {
	limit := s.srv.opts.MessageLimit
	if s.sel.box.Deleted() <= limit {
		return spans
	}
	n := 0
	for i, e := range s.sel.eachDown(spans) {
		if e.Flags&store.Deleted == 0 {
			continue
		}
		if n++; n == limit {
			rest := intersect(spans, []span{{i, s.sel.len()}})
			if countPlaces(spans) > countPlaces(rest) {
				s.limit = imapwire.CodeMessageLimit(uint32(limit), imapwire.UID(e.UID))
			}
			return rest
		}
	}
	return spans
}

// settleLimit tells that a command has not dealt with all messages: in the tagged OK, unless another code has to stand there.
func (s *session) settleLimit(res *done, err error) {
	switch {
	case s.limit == "":
	case err == nil && res.code == "":
		res.code = s.limit
	case !fatal(err) && !s.ending:
		s.out().Status("", imapwire.NO, s.limit, "these were too many messages at once")
	}
	s.limit = ""
}

// countPlaces is how many there are in spans.
func countPlaces(spans []span) int {
	n := 0
	for _, r := range spans {
		n += r.hi - r.lo
	}
	return n
}

// window is the places of spans from the one at lo up to, not including, the one at hi, counted along the spans.
func window(spans []span, lo, hi int) []span {
	var out []span
	for _, r := range spans {
		n := r.hi - r.lo
		if a, b := max(lo, 0), min(hi, n); a < b {
			out = append(out, span{r.lo + a, r.lo + b})
		}
		lo, hi = lo-n, hi-n
	}
	return out
}

// partial is the places that a PARTIAL modifier leaves (RFC 9394 3.3).
func partial(spans []span, w imapwire.Window) []span {
	lo, hi := int(w.From)-1, int(w.To)
	if w.Last {
		n := countPlaces(spans)
		lo, hi = n-hi, n-lo
	}
	return window(spans, lo, hi)
}

// eachDown yields the messages at the places of spans with their places, from the last to the first.
func (p *picture) eachDown(spans []span) iter.Seq2[int, *store.Entry] {
	return func(yield func(int, *store.Entry) bool) {
		for k := len(spans) - 1; k >= 0; k-- {
			for i := spans[k].hi - 1; i >= spans[k].lo; i-- {
				if !yield(i, p.at(i)) {
					return
				}
			}
		}
	}
}
