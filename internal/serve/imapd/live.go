package imapd

import (
	"context"
	"errors"
	"slices"

	"restante/internal/proto/collation"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// live is a search whose results are kept up to date (RFC 5267 4.3): RETURN (UPDATE). After each change of the picture the messages
// that are new or changed are put through it again. What OLDER and YOUNGER say changes with time alone, what X-GM-LABELS says with other mailboxes; both are not looked for.
type live struct {
	tag       string
	uid       bool
	mailbox   imapwire.Mailbox   // of ESEARCH, whose answers name it; else ""
	key       imapwire.SearchKey // without sequence numbers and "$": these mean what they meant (RFC 5267 4.3)
	collation collation.Collation

	found imapwire.UIDSet // the results

	// Of a sorted one:
	criteria []imapwire.SortCriterion
	order    []store.UID // the results in their order
}

// Bounds of a session. RFC 5267 4.3.1: one context at least there must be.
const (
	maxLive    = 32
	maxOrdered = 1_000_000 // results of all sorted ones
)

// checkUpdate refuses the tag of a search that is kept up to date (RFC 5267 4.3).
func (s *session) checkUpdate(tag string, c *imapwire.Search) error {
	if c.Return&imapwire.ReturnUpdate != 0 && slices.ContainsFunc(s.sel.live, func(w *live) bool { return w.tag == tag }) {
		return badCommand("the tag is in use by a search that is kept up to date")
	}
	return nil
}

// keepUpdated keeps the results of a search up to date, if that was asked for and is not too much.
func (s *session) keepUpdated(tag string, c *imapwire.Search, criteria []imapwire.SortCriterion, found results) done {
	if c.Return&imapwire.ReturnUpdate == 0 {
		return done{}
	}
	if slices.ContainsFunc(criteria, func(by imapwire.SortCriterion) bool { return by.Key == imapwire.SortRelevancy }) {
		s.noUpdate(tag, "how well one message answers depends on the others")
		return done{}
	}
	ordered := 0
	for _, w := range s.sel.live {
		ordered += len(w.order)
	}
	if n := len(s.sel.live); n >= maxLive || n > 0 && criteria != nil && ordered+found.len() > maxOrdered {
		s.noUpdate(tag, "too many searches to keep up to date")
		return done{}
	}
	w := &live{tag: tag, uid: c.UID, key: s.sel.fix(c.Key), collation: s.collation, found: found.uids(), criteria: criteria}
	if criteria != nil {
		w.order = found.order()
	}
	s.sel.live = append(s.sel.live, w)
	return done{}
}

// noUpdate says that results are not kept up to date, or no longer.
func (s *session) noUpdate(tag, why string) {
	s.out().Status("", imapwire.NO, imapwire.CodeNoUpdate(tag), why)
}

// order is the UIDs of results in their order.
func (r *results) order() []store.UID {
	out := make([]store.UID, len(r.entries))
	for i, e := range r.entries {
		out[i] = e.UID
	}
	return out
}

// fix puts UIDs in the place of what means other messages later.
func (s *selected) fix(key imapwire.SearchKey) imapwire.SearchKey {
	switch k := key.(type) {
	case imapwire.SearchAnd:
		out := make(imapwire.SearchAnd, len(k))
		for i := range k {
			out[i] = s.fix(k[i])
		}
		return out
	case imapwire.SearchOr:
		return imapwire.SearchOr{A: s.fix(k.A), B: s.fix(k.B)}
	case imapwire.SearchNot:
		return imapwire.SearchNot{Key: s.fix(k.Key)}
	case imapwire.SearchFuzzy:
		return imapwire.SearchFuzzy{Key: s.fix(k.Key)}
	case imapwire.SearchNum:
		set := k.Set.Fixed(uint32(s.lastUID()))
		if !k.UID {
			set = imapwire.SetOf(s.uidsAt(s.ofSeqs(imapwire.Resolve(k.Set, imapwire.Seq(s.len())))))
		}
		if k.Set.Saved() {
			return imapwire.SearchOr{A: imapwire.SearchNum{UID: true, Set: set}, B: imapwire.SearchNum{UID: true, Set: imapwire.SetOf(s.saved)}}
		}
		return imapwire.SearchNum{UID: true, Set: set}
	}
	return key
}

// uidsAt is the UIDs of the messages at places, and of no others.
func (p *picture) uidsAt(spans []span) imapwire.UIDSet {
	r := results{picture: p, spans: spans}
	return r.uids()
}

// dropGhosts tells of results that are gone. It comes before EXPUNGE, while their numbers hold (RFC 5267 4.3.4).
func (s *session) dropGhosts() {
	if len(s.sel.live) == 0 || len(s.sel.ghosts) == 0 {
		return
	}
	gone := s.sel.ghostUIDs()
	for _, w := range s.sel.live {
		if lost := w.found.Intersect(gone); !lost.Empty() {
			w.found = w.found.Subtract(lost)
			s.tellUpdate(w, w.remove(&s.sel.picture, lost))
		}
	}
}

// tellLive tells of results that have come or gone with messages that are new or changed. It comes after EXISTS (RFC 5267 4.3.3).
func (s *session) tellLive(ctx context.Context, added, changed []*store.Entry) error {
	since := s.sel.abreast
	s.sel.abreast = s.sel.box.HighestModSeq()
	if len(s.sel.live) == 0 || len(added)+len(changed) == 0 && !s.sel.behind {
		return nil
	}
	if err := s.sel.box.Load(ctx); err != nil {
		return err
	}
	var again imapwire.UIDSet
	for _, list := range [][]*store.Entry{changed, added} {
		for _, e := range list {
			again.Add(imapwire.UID(e.UID))
		}
	}
	if s.sel.behind {
		s.sel.behind = false
		for e := range s.sel.box.All() {
			if e.ModSeq > since {
				again.Add(imapwire.UID(e.UID))
			}
		}
	}
	defer func(now collation.Collation) { s.collation = now }(s.collation)
	keep := s.sel.live[:0]
	for _, w := range s.sel.live {
		s.collation = w.collation
		switch err := s.update(ctx, w, again); {
		case err == nil:
			keep = append(keep, w)
		case isRefusal(err):
			s.noUpdate(w.tag, "this has become too much to keep up to date")
		default:
			return err
		}
	}
	clear(s.sel.live[len(keep):])
	s.sel.live = keep
	return nil
}

func isRefusal(err error) bool {
	var e *imapwire.Error
	return errors.As(err, &e)
}

// update puts messages through a search again and tells the difference.
func (s *session) update(ctx context.Context, w *live, again imapwire.UIDSet) error {
	key, err := s.plainKeys(ctx, s.sel, w.key)
	if err != nil {
		return err
	}
	p, err := s.compile(s.sel, key)
	if err != nil {
		return err
	}
	p.spans = intersect(p.spans, s.sel.ofUIDs(again))
	var places placeSet
	if err := p.run(ctx, s, &places); err != nil {
		return err
	}
	match := s.sel.uidsAt(places.spans)
	lost, won := w.found.Intersect(again).Subtract(match), match.Subtract(w.found)
	if lost.Empty() && won.Empty() {
		return nil
	}
	w.found = w.found.Subtract(lost).Union(won)
	updates := w.remove(&s.sel.picture, lost)
	if w.criteria == nil {
		if !won.Empty() {
			updates = append(updates, imapwire.ContextUpdate{Numbers: w.numbers(&s.sel.picture, won)})
		}
	} else if !won.Empty() {
		all := results{picture: &s.sel.picture, spans: s.sel.ofUIDs(w.found)}
		if err := s.sort(ctx, &all, w.criteria); err != nil {
			return err
		}
		updates = append(updates, w.insert(&s.sel.picture, all.order(), won)...)
	}
	s.tellUpdate(w, updates)
	return nil
}

func (s *session) tellUpdate(w *live, updates []imapwire.ContextUpdate) {
	s.out().ESearch(&imapwire.SearchData{Tag: w.tag, UID: w.uid, Updates: updates, Mailbox: w.mailbox, UIDValidity: s.sel.validity})
}

// numbers are UIDs as the client counts.
func (w *live) numbers(p *picture, uids imapwire.UIDSet) imapwire.Numbers {
	if w.uid {
		return uids
	}
	r := results{picture: p, spans: p.ofUIDs(uids)}
	return r.numbers(false)
}

// inOrder are successive results as the client counts.
func (w *live) inOrder(p *picture, uids []store.UID) imapwire.Sorted {
	out := make(imapwire.Sorted, len(uids))
	for i, uid := range uids {
		if out[i] = uint32(uid); !w.uid {
			out[i] = uint32(p.seq(uid))
		}
	}
	return out
}

// remove is what takes results away. Of a sorted one the last go first, so that the positions of the others hold.
func (w *live) remove(p *picture, lost imapwire.UIDSet) (out []imapwire.ContextUpdate) {
	if lost.Empty() {
		return nil
	}
	if w.criteria == nil {
		return []imapwire.ContextUpdate{{Remove: true, Numbers: w.numbers(p, lost)}}
	}
	for _, r := range runs(w.order, lost) {
		out = append(out, imapwire.ContextUpdate{Remove: true, Position: uint32(r.lo) + 1, Numbers: w.inOrder(p, w.order[r.lo:r.hi])})
	}
	slices.Reverse(out)
	w.order = slices.DeleteFunc(w.order, func(uid store.UID) bool { return lost.Contains(imapwire.UID(uid)) })
	return out
}

// insert is what puts new results into their places, the first ones first: each position counts those that have been put before it.
func (w *live) insert(p *picture, order []store.UID, won imapwire.UIDSet) (out []imapwire.ContextUpdate) {
	for _, r := range runs(order, won) {
		out = append(out, imapwire.ContextUpdate{Position: uint32(r.lo) + 1, Numbers: w.inOrder(p, order[r.lo:r.hi])})
	}
	w.order = order
	return out
}

// runs are where in an order the UIDs of a set follow each other.
func runs(order []store.UID, set imapwire.UIDSet) (out []span) {
	for i, uid := range order {
		if !set.Contains(imapwire.UID(uid)) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].hi == i {
			out[n-1].hi++
		} else {
			out = append(out, span{i, i + 1})
		}
	}
	return out
}

// CANCELUPDATE: RFC 5267 4.3.5.
//
//	command-select =/ "CANCELUPDATE" 1*(SP quoted)
func cmdCancelUpdate(s *session, _ context.Context, c *imapwire.CancelUpdate) (done, error) {
	for _, tag := range c.Tags {
		if !slices.ContainsFunc(s.sel.live, func(w *live) bool { return w.tag == tag }) {
			return done{}, badCommand("no search with that tag is kept up to date")
		}
	}
	s.sel.live = slices.DeleteFunc(s.sel.live, func(w *live) bool { return slices.Contains(c.Tags, w.tag) })
	return done{}, nil
}
