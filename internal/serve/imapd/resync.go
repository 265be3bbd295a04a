package imapd

import (
	"context"
	"sort"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// Quick resynchronisation (RFC 7162 3.2): what a client that was away has missed, at the cost of what it has missed; and VANISHED, which
// takes the place of EXPUNGE for clients that have enabled it.

func errNoQResync() error { return badCommand("ENABLE QRESYNC comes first") }

// checkResync refuses a QRESYNC parameter that cannot be obeyed, before anything is done.
func (s *session) checkResync(q *imapwire.QResync) error {
	switch {
	case q == nil:
		return nil
	case !s.qresync: // RFC 7162 3.2.5
		return errNoQResync()
	case s.uidOnly && !q.MatchSeqs.Empty():
		return errUIDRequired()
	case q.MatchSeqs.Len() != q.MatchUIDs.Len():
		return badCommand("there must be as many sequence numbers as UIDs")
	}
	return nil
}

// resync tells what has happened to the mailbox, just selected, since the client knew it.
func (s *session) resync(ctx context.Context, q *imapwire.QResync) error {
	// RFC 7162 3.2.5: with another UIDVALIDITY the rest means nothing.
	if q == nil || q.UIDValidity != s.sel.validity {
		return nil
	}
	known := q.Known
	if known.Empty() { // RFC 7162 3.2.5.1
		known.AddRange(1, imapwire.UID(s.sel.box.UIDNext()-1))
	}
	since := store.ModSeq(q.ModSeq)
	missed := known
	if err := s.sel.load(ctx, s.sel.ofSeqs(q.MatchSeqs.Intersect(imapwire.SeqSet{{First: 1, Last: imapwire.Seq(s.sel.len())}}))); err != nil {
		return err
	}
	if sure := s.sel.sure(q.MatchSeqs, q.MatchUIDs); sure > 0 {
		missed = known.Subtract(imapwire.UIDSet{{First: 1, Last: imapwire.UID(sure)}})
	}
	if err := s.tellVanished(ctx, missed, since); err != nil {
		return err
	}
	spans, err := s.sel.findUIDs(ctx, known)
	if err == nil {
		spans, err = s.changedSince(ctx, spans, since)
	}
	if err == nil {
		err = s.sel.load(ctx, spans)
	}
	if err != nil {
		return err
	}
	f := s.flagWriter(s.sel.box.View())
	for i, e := range s.sel.each(spans) {
		w := s.tellFetch(imapwire.Seq(i+1), e.UID)
		w.FlagList(f.list(e))
		w.ModSeq(imapwire.ModSeq(e.ModSeq))
		w.End()
	}
	return inTransit(s.out().Err())
}

// sure is the highest UID of a message of which the client's number and ours agree: it knows of all that vanished up to there
// (RFC 7162 3.2.5.2). 0 is none. The sets have the same size.
func (p *picture) sure(seqs imapwire.SeqSet, uids imapwire.UIDSet) store.UID {
	sure := store.UID(0)
	i, j := 0, 0          // the ranges at hand
	var done, gone uint32 // how much of them has been looked at
	for i < len(seqs) && j < len(uids) {
		seq, uid := seqs[i].First+imapwire.Seq(done), uids[j].First+imapwire.UID(gone)
		left, right := uint32(seqs[i].Last-seq), uint32(uids[j].Last-uid)
		n := min(left, right)
		sure = max(sure, p.sureIn(int(seq)-1, store.UID(uid), int(n)+1))
		if done += n + 1; left == n {
			i, done = i+1, 0
		}
		if gone += n + 1; right == n {
			j, gone = j+1, 0
		}
	}
	return sure
}

// sureIn is sure for n messages, which the client thinks to have successive numbers and UIDs. Ours have UIDs that are ever further from
// those, so the last one that agrees can be searched for.
func (p *picture) sureIn(at int, uid store.UID, n int) store.UID {
	n = min(n, p.len()-at)
	if n <= 0 {
		return 0
	}
	ahead := func(i int) bool { return int64(p.at(at+i).UID) > int64(uid)+int64(i) }
	i := sort.Search(n, ahead) - 1
	if i >= 0 && p.at(at+i).UID == uid+store.UID(i) {
		return uid + store.UID(i)
	}
	return 0
}

// tellVanishedOf tells which messages of a UID FETCH's set have vanished since then. "*" is the last UID that there was: the client does not
// know yet that its message is gone.
func (s *session) tellVanishedOf(ctx context.Context, set imapwire.NumSet, since store.ModSeq) error {
	uids := imapwire.Resolve(set, imapwire.UID(s.sel.box.UIDNext()-1))
	if set.Saved() {
		uids = uids.Union(s.sel.saved)
	}
	return s.tellVanished(ctx, uids, since)
}

// tellVanished writes VANISHED (EARLIER) for those of the UIDs whose messages have vanished since then, but for the ghosts: those the client
// still counts, and will be told of them by a plain VANISHED (RFC 7162 3.2.10).
func (s *session) tellVanished(ctx context.Context, of imapwire.UIDSet, since store.ModSeq) error {
	if of.Empty() {
		return nil
	}
	ranges, _, err := s.sel.account.VanishedSince(ctx, s.sel.box, since)
	if err != nil {
		return err
	}
	gone := uidSet(ranges).Intersect(of).Subtract(s.sel.ghostUIDs())
	if !gone.Empty() {
		s.out().Vanished(true, gone)
	}
	return nil
}

// changedSince narrows places to those of messages with a greater mod-sequence.
func (s *session) changedSince(ctx context.Context, spans []span, since store.ModSeq) ([]span, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	ranges, err := s.sel.account.ChangedSince(ctx, s.sel.box, since)
	if err != nil {
		return nil, err
	}
	changed, err := s.sel.findUIDs(ctx, uidSet(ranges))
	if err != nil {
		return nil, err
	}
	var ghosts []span
	for _, g := range s.sel.ghosts {
		if g.entry.ModSeq > since {
			ghosts = append(ghosts, span{g.at, g.at + 1})
		}
	}
	if len(ghosts) > 0 {
		changed = union(changed, ghosts)
	}
	return intersect(spans, changed), nil
}

func uidSet(ranges []store.UIDRange) imapwire.UIDSet {
	set := make(imapwire.UIDSet, 0, len(ranges))
	for _, r := range ranges {
		set.AddRange(imapwire.UID(r.Lo), imapwire.UID(r.Hi))
	}
	return set
}

// tellGhosts tells which messages have gone, and lets them go.
func (s *session) tellGhosts() {
	if !s.qresync && !s.uidOnly {
		for at := range s.sel.forget() {
			s.out().Expunge(imapwire.Seq(at + 1))
		}
		return
	}
	uids := s.sel.ghostUIDs()
	s.sel.forget()
	s.sel.owed = s.qresync
	s.out().Vanished(false, uids)
}

func (p *picture) ghostUIDs() imapwire.UIDSet {
	var uids imapwire.UIDSet
	for _, g := range p.ghosts {
		uids.Add(imapwire.UID(g.entry.UID))
	}
	return uids
}

// settleModSeq tells a QRESYNC client how far its knowledge reaches, where it cannot reckon that from the mod-sequences it is told: after
// VANISHED, which has none, and lower than those while messages are gone that must not be told yet (RFC 7162 3.2, 6). It stands in the tagged OK where that
// has room (RFC 7162 3.2.7); res is nil when there is none.
func (s *session) settleModSeq(res *done, err error) {
	sel := s.sel
	if sel == nil || !s.qresync || s.ending {
		return
	}
	switch {
	case sel.owed && res != nil && err == nil && res.code == "":
		res.code = imapwire.CodeHighestModSeq(sel.known())
	case sel.owed || len(sel.ghosts) > 0:
		s.tellHighestModSeq()
	}
	sel.owed = false
}

// known is the mod-sequence up to which the client has been told of everything.
func (s *selected) known() imapwire.ModSeq {
	if len(s.ghosts) > 0 || s.holding {
		return imapwire.ModSeq(s.settled)
	}
	return imapwire.ModSeq(s.box.HighestModSeq())
}
