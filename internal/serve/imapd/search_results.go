package imapd

import (
	"iter"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// results are messages that were found, in the order of the mailbox or, once they have been sorted, in their own. Numbers of results count from 0.
type results struct {
	picture *picture
	spans   []span  // the places, in the order of the mailbox
	scores  []uint8 // by place: from 1 to 100, how well a message answers; of a fuzzy search

	sorted  bool
	places  []uint32       // in the order of the results
	entries []*store.Entry // of places
}

func (r *results) len() int {
	if r.sorted {
		return len(r.places)
	}
	n := 0
	for _, s := range r.spans {
		n += s.hi - s.lo
	}
	return n
}

// each yields the messages in the order of the results, with their places.
func (r *results) each() iter.Seq2[int, *store.Entry] {
	if !r.sorted {
		return r.picture.each(r.spans)
	}
	return func(yield func(int, *store.Entry) bool) {
		for i, at := range r.places {
			if !yield(int(at), r.entries[i]) {
				return
			}
		}
	}
}

// part is the results from lo up to, not including, hi.
func (r *results) part(lo, hi int) results {
	out := results{picture: r.picture, sorted: r.sorted, scores: r.scores}
	if r.sorted {
		out.places, out.entries = r.places[lo:hi], r.entries[lo:hi]
		return out
	}
	for _, s := range r.spans {
		n := s.hi - s.lo
		if from, to := s.lo+max(lo, 0), s.lo+min(hi, n); from < to {
			out.spans = append(out.spans, span{from, to})
		}
		lo, hi = lo-n, hi-n
	}
	return out
}

// window is the results that a PARTIAL means (RFC 9394 3.1).
func (r *results) window(w imapwire.Window) results {
	n := r.len()
	lo, hi := min(int(w.From)-1, n), min(int(w.To), n)
	if w.Last {
		lo, hi = n-hi, n-lo
	}
	return r.part(lo, hi)
}

// numbers are those of the results, in their order, as a client counts: UIDs or sequence numbers.
func (r *results) numbers(uid bool) imapwire.Numbers {
	switch {
	case r.sorted:
		out := make(imapwire.Sorted, len(r.places))
		for i, e := range r.entries {
			if out[i] = r.places[i] + 1; uid {
				out[i] = uint32(e.UID)
			}
		}
		return out
	case uid:
		return r.uids()
	}
	var out imapwire.SeqSet
	for _, s := range r.spans {
		out.AddRange(imapwire.Seq(s.lo+1), imapwire.Seq(s.hi))
	}
	return out
}

// uids are the UIDs of the results.
func (r *results) uids() imapwire.UIDSet {
	var out imapwire.UIDSet
	if !r.sorted {
		for _, e := range r.each() {
			out.Add(imapwire.UID(e.UID))
		}
		return out
	}
	uids := make([]imapwire.UID, len(r.entries))
	for i, e := range r.entries {
		uids[i] = imapwire.UID(e.UID)
	}
	slices.Sort(uids)
	for _, uid := range uids {
		out.Add(uid)
	}
	return out
}

// number is that of the result i as a client counts; 0 when there is none.
func (r *results) number(i int, uid bool) uint32 {
	if i < 0 || i >= r.len() {
		return 0
	}
	one := r.part(i, i+1)
	for at, e := range one.each() {
		if uid {
			return uint32(e.UID)
		}
		return uint32(at + 1)
	}
	return 0
}

// counted is the results that count for the search result variable (RFC 9394 3.2, table 1; RFC 9051 6.4.4.1, table 4) and for MODSEQ (RFC 4731
// 3.2): those that are returned, or all.
func (r *results) counted(opts imapwire.SearchReturn, w imapwire.Window) (few []results) {
	const some = imapwire.ReturnMin | imapwire.ReturnMax | imapwire.ReturnPartial
	if opts&some == 0 || opts&(imapwire.ReturnAll|imapwire.ReturnCount) != 0 {
		return []results{*r}
	}
	n := r.len()
	if opts&imapwire.ReturnMin != 0 && n > 0 {
		few = append(few, r.part(0, 1))
	}
	if opts&imapwire.ReturnMax != 0 && n > 0 {
		few = append(few, r.part(n-1, n))
	}
	if opts&imapwire.ReturnPartial != 0 {
		few = append(few, r.window(w))
	}
	return few
}

// save puts results into the search result variable, if that was asked for.
func (s *session) save(c *imapwire.Search, found results) {
	if c.Return&imapwire.ReturnSave == 0 {
		return
	}
	s.sel.saved = nil
	for _, r := range found.counted(c.Return, c.Partial) {
		s.sel.saved = s.sel.saved.Union(r.uids())
	}
}

// answer writes what a search of the selected mailbox has found, and keeps it if that was asked for. IMAP4rev2 knows ESEARCH only
// (RFC 9051 6.4.4).
func (s *session) answer(tag string, c *imapwire.Search, found results, modSeq bool) {
	opts := c.Return
	if !c.Extended {
		opts = imapwire.ReturnAll
	}
	s.save(c, found)
	d := imapwire.SearchData{Tag: tag, UID: c.UID, Return: opts}
	if modSeq {
		d.HighModSeq = highestOf(found.counted(opts, c.Partial))
	}
	switch {
	case !c.Extended && found.sorted:
		s.out().Sort(found.numbers(c.UID), d.HighModSeq)
	case !c.Extended && !s.rev2:
		s.out().Search(found.numbers(c.UID), d.HighModSeq)
	case opts != imapwire.ReturnSave: // which alone has no response
		found.fill(&d, c)
		s.out().ESearch(&d)
	}
}

// highestOf is the highest mod-sequence of the messages.
func highestOf(list []results) imapwire.ModSeq {
	high := store.ModSeq(0)
	for i := range list {
		for _, e := range list[i].each() {
			high = max(high, e.ModSeq)
		}
	}
	return imapwire.ModSeq(high)
}

// fill puts in what the options ask for.
func (r *results) fill(d *imapwire.SearchData, c *imapwire.Search) {
	n := r.len()
	d.Count = uint32(n)
	if d.Return&imapwire.ReturnMin != 0 {
		d.Min = r.number(0, c.UID)
	}
	if d.Return&imapwire.ReturnMax != 0 {
		d.Max = r.number(n-1, c.UID)
	}
	if d.Return&imapwire.ReturnAll != 0 {
		d.All = r.numbers(c.UID)
	}
	if d.Return&imapwire.ReturnPartial != 0 {
		part := r.window(c.Partial)
		d.Partial, d.InPartial = c.Partial, part.numbers(c.UID)
		d.Relevancy = part.relevancy(d.Return)
	} else {
		d.Relevancy = r.relevancy(d.Return)
	}
}
