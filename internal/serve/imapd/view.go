package imapd

import (
	"context"
	"iter"
	"slices"
	"sort"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// picture is a mailbox as the client knows it: the messages of a view of the store's, and among them the ghosts of those that
// have gone from it without the client having been told. Places count from 0; a sequence number is a place and one.
//
// A view of the store's never changes, so neither does a picture, but by advance and forget.
type picture struct {
	box    *store.MailboxView // loaded where somebody has looked
	ghosts []ghost            // ascending
	bound  store.UID          // messages from this one on are not in the picture; 0 for none
}

// ghost is a message that is gone, and its place in the picture.
type ghost struct {
	entry *store.Entry
	at    int
}

func (p *picture) len() int {
	if p.bound > 0 {
		n, _ := p.rank(p.bound)
		return n
	}
	return p.box.Len() + len(p.ghosts)
}

// at is the message at a place that there is.
func (p *picture) at(i int) *store.Entry {
	k, isGhost := slices.BinarySearchFunc(p.ghosts, i, func(g ghost, i int) int { return g.at - i })
	if isGhost {
		return p.ghosts[k].entry
	}
	return p.box.At(i - k)
}

// rank is how many messages have a smaller UID, and whether there is one with this.
func (p *picture) rank(uid store.UID) (int, bool) {
	n, ok := p.box.Rank(uid)
	k := sort.Search(len(p.ghosts), func(k int) bool { return p.ghosts[k].entry.UID >= uid })
	return n + k, ok || k < len(p.ghosts) && p.ghosts[k].entry.UID == uid
}

// seq is the sequence number of a message that is in the picture.
func (p *picture) seq(uid store.UID) imapwire.Seq {
	n, _ := p.rank(uid)
	return imapwire.Seq(n + 1)
}

// lastUID is what "*" stands for among UIDs, 0 in an empty mailbox.
func (p *picture) lastUID() store.UID {
	if p.len() == 0 {
		return 0
	}
	return p.at(p.len() - 1).UID
}

// advance puts a newer view in the place of the picture's. Messages that are not in it become ghosts. It returns what else is
// different.
func (p *picture) advance(newer *store.MailboxView) (added, changed []*store.Entry) {
	if newer.HighestModSeq() == p.box.HighestModSeq() {
		p.box = newer // the same messages, and nothing old is held on to
		return nil, nil
	}
	d := p.box.Diff(newer)
	for _, uid := range d.Vanished {
		if p.bound > 0 && uid >= p.bound {
			break
		}
		p.ghosts = append(p.ghosts, ghost{entry: p.box.Entry(uid)})
	}
	p.box = newer
	slices.SortFunc(p.ghosts, func(a, b ghost) int { return int(int64(a.entry.UID) - int64(b.entry.UID)) })
	for k := range p.ghosts {
		n, _ := newer.Rank(p.ghosts[k].entry.UID)
		p.ghosts[k].at = n + k
	}
	return d.Added, d.Changed
}

// forget lets the ghosts go and yields their places, from the last to the first: so each is the one that the client counts
// after having been told of those before.
func (p *picture) forget() iter.Seq[int] {
	ghosts := p.ghosts
	p.ghosts = nil
	return func(yield func(int) bool) {
		for _, g := range slices.Backward(ghosts) {
			if !yield(g.at) {
				return
			}
		}
	}
}

// compare makes ready for advance to a newer view.
func (p *picture) compare(ctx context.Context, newer *store.MailboxView) error {
	if err := newer.LoadUIDs(ctx); err != nil {
		return err
	}
	return p.box.LoadDiff(ctx, newer)
}

// load makes the messages at the places of spans ready to be looked at: at, each, uids.
func (p *picture) load(ctx context.Context, spans []span) error {
	for _, r := range spans {
		if err := p.box.LoadPlaces(ctx, r.lo-p.ghostsBefore(r.lo), r.hi-p.ghostsBefore(r.hi)); err != nil {
			return err
		}
	}
	return nil
}

// ghostsBefore is how many ghosts there are below a place.
func (p *picture) ghostsBefore(i int) int {
	k, _ := slices.BinarySearchFunc(p.ghosts, i, func(g ghost, i int) int { return g.at - i })
	return k
}

// findUIDs is ofUIDs where these may not be loaded.
func (p *picture) findUIDs(ctx context.Context, set imapwire.UIDSet) ([]span, error) {
	ends := make([]store.UIDRange, 0, 2*len(set))
	for _, r := range set {
		first, last := store.UID(r.First), store.UID(r.Last)
		ends = append(ends, store.UIDRange{Lo: first, Hi: first}, store.UIDRange{Lo: last, Hi: last})
	}
	if err := p.box.LoadUIDs(ctx, ends...); err != nil {
		return nil, err
	}
	return p.ofUIDs(set), nil
}

// span is the places from lo up to, not including, hi.
type span struct{ lo, hi int }

// each yields the messages at the places of spans with their places.
func (p *picture) each(spans []span) iter.Seq2[int, *store.Entry] {
	return func(yield func(int, *store.Entry) bool) {
		for _, r := range spans {
			if !p.eachIn(r, yield) {
				return
			}
		}
	}
}

func (p *picture) eachIn(r span, yield func(int, *store.Entry) bool) bool {
	if r.lo >= r.hi {
		return true
	}
	i := r.lo
	if len(p.ghosts) > 0 {
		for ; i < r.hi; i++ {
			if !yield(i, p.at(i)) {
				return false
			}
		}
		return true
	}
	// Without ghosts the view can be walked, which is cheaper than finding each place.
	for e := range p.box.Entries(p.at(r.lo).UID, p.at(r.hi-1).UID) {
		if !yield(i, e) {
			return false
		}
		i++
	}
	return true
}

// uids are the UIDs of the messages at the places of spans, as the store wants them: a range may step over UIDs that are not in
// the picture, for those no message will ever have.
func (p *picture) uids(spans []span) []store.UIDRange {
	out := make([]store.UIDRange, 0, len(spans))
	for _, r := range spans {
		if r.lo < r.hi {
			out = append(out, store.UIDRange{Lo: p.at(r.lo).UID, Hi: p.at(r.hi - 1).UID})
		}
	}
	return out
}

// hasGhosts says whether there are ghosts at the places of spans.
func (p *picture) hasGhosts(spans []span) bool {
	for _, r := range spans {
		k, _ := slices.BinarySearchFunc(p.ghosts, r.lo, func(g ghost, i int) int { return g.at - i })
		if k < len(p.ghosts) && p.ghosts[k].at < r.hi {
			return true
		}
	}
	return false
}

// ofSeqs are the places of sequence numbers, all of which there are.
func (p *picture) ofSeqs(set imapwire.SeqSet) []span {
	out := make([]span, 0, len(set))
	for _, r := range set {
		out = append(out, span{int(r.First) - 1, int(r.Last)})
	}
	return out
}

// ofUIDs are the places of UIDs; UIDs that no message has are passed over (RFC 9051 6.4.9).
func (p *picture) ofUIDs(set imapwire.UIDSet) []span {
	out := make([]span, 0, len(set))
	for _, r := range set {
		lo, _ := p.rank(store.UID(r.First))
		hi, found := p.rank(store.UID(r.Last))
		if found {
			hi++
		}
		if p.bound > 0 {
			lo, hi = min(lo, p.len()), min(hi, p.len())
		}
		switch n := len(out); {
		case lo == hi:
		case n > 0 && out[n-1].hi == lo:
			out[n-1].hi = hi
		default:
			out = append(out, span{lo, hi})
		}
	}
	return out
}
