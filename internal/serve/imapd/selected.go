package imapd

import (
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// selected is the mailbox that is selected, and what the client knows of it.
type selected struct {
	picture
	account  *store.Account // where it is
	prefix   string         // what stands before its path in names: "" for the user's own
	rights   store.Rights   // as of the last sync
	id       store.MailboxID
	validity uint32
	examine  bool // by EXAMINE
	readOnly bool // nothing can be changed: because of that, or for want of rights
	unpin    func()

	recent   imapwire.UIDSet // messages with \Recent (RFC 3501 2.3.2)
	saved    imapwire.UIDSet // the search result variable (RFC 9051 6.4.4.1); UIDs that are gone may still be in it
	keywords int             // how many the client has been told of, by FLAGS
	told     []told          // since the last sync
	holding  bool            // there is more than ghosts that the client has not been told of, nor wants to be (RFC 5465)
	settled  store.ModSeq    // up to which the client knows everything; while there are ghosts, less than the picture's
	owed     bool            // VANISHED was told, and HIGHESTMODSEQ was not yet
	live     []*live         // searches whose results are kept up to date
	behind   bool            // changes have been held back from them
	abreast  store.ModSeq    // up to which they have been told of changes
}

// told is that the client knows of changes which are not in the picture yet, its own: of messages whose flags it has been told, or can
// reckon, as they are in box.
type told struct {
	box  *store.MailboxView
	uids []store.UIDRange // ascending
}

// knows says whether the client knows of the flags of a message as they are in e. It may be asked for ascending UIDs, as those told are.
func (s *selected) knows(e *store.Entry) bool {
	for len(s.told) > 0 {
		t := &s.told[0]
		for len(t.uids) > 0 && t.uids[0].Hi < e.UID {
			t.uids = t.uids[1:]
		}
		if len(t.uids) == 0 {
			s.told = s.told[1:]
			continue
		}
		if e.UID < t.uids[0].Lo {
			return false
		}
		was := t.box.Entry(e.UID)
		return was != nil && was.ModSeq == e.ModSeq
	}
	return false
}

// deselect lets go of the selected mailbox, if there is one.
func (s *session) deselect() {
	if s.sel == nil {
		return
	}
	s.sel.unpin()
	s.sel = nil
	s.state = stateAuthenticated
}

// sync brings the picture up to date and tells the client what is new (RFC 9051 5.2). Without expunge, messages that are gone
// stay as ghosts until they may be told.
func (s *session) sync(ctx context.Context, expunge bool) error {
	sel := s.sel
	newer, err := sel.account.View().Mailbox(sel.id)
	if err != nil || newer.NoSelect() || newer.UIDValidity() != sel.validity {
		// RFC 2180 3.3: nothing that the client could say about its messages would mean anything any more.
		s.deselect()
		s.bye(imapwire.CodeNonExistent, "the selected mailbox was deleted")
		return nil
	}
	if s.regard(newer); s.ending {
		return nil
	}
	if err := sel.compare(ctx, newer); err != nil {
		return err
	}
	if len(sel.ghosts) == 0 && !sel.holding {
		sel.settled = sel.box.HighestModSeq()
	}
	old := sel.box.View().ModSeq()
	events := s.messageEvents()
	if events == 0 && sel.bound == 0 {
		sel.bound = sel.box.UIDNext()
	}
	added, changed := sel.advance(newer)
	if events == 0 { // RFC 5465 3.1
		sel.holding, sel.told, sel.behind = true, nil, len(sel.live) > 0
		return nil
	}
	if sel.bound > 0 {
		added, sel.bound = slices.Collect(newer.Entries(sel.bound, 1<<32-1)), 0
	}
	s.dropGhosts()
	if expunge && len(sel.ghosts) > 0 {
		s.tellGhosts()
	}
	if len(added)+len(changed) > 0 {
		s.tellKeywords(newer.View())
	}
	if len(added) > 0 {
		s.out().Exists(uint32(sel.len()))
		if err := s.claimRecent(ctx); err != nil {
			return err
		}
	}
	if events&imapwire.EventFlagChange != 0 {
		s.tellFlags(sel.withHeld(changed, added))
	} else {
		sel.holding = sel.holding || len(changed) > 0
	}
	sel.told = nil
	if err := s.tellLive(ctx, added, changed); err != nil {
		return err
	}
	if sel.account.OnlyMine(old, newer.View().ModSeq()) {
		return nil
	}
	return s.tellNew(ctx, added)
}

// withHeld is the messages whose flags have changed since the client was last told of flags.
func (s *selected) withHeld(changed, added []*store.Entry) []*store.Entry {
	if !s.holding {
		return changed
	}
	s.holding = false
	below := s.box.UIDNext()
	if len(added) > 0 {
		below = added[0].UID
	}
	changed = nil
	for e := range s.box.Entries(1, below-1) {
		if e.ModSeq > s.settled {
			changed = append(changed, e)
		}
	}
	return changed
}

// regard takes note of the rights that the user has now. Whoever may not read the mailbox any more is told that it is gone, as far as he is
// concerned; whoever may change other flags than before is told which (RFC 4314 5.1.1).
func (s *session) regard(newer *store.MailboxView) {
	rights := newer.Rights(s.visitor)
	switch {
	case rights == s.sel.rights:
	case rights&store.RightRead == 0:
		s.deselect()
		s.bye(imapwire.CodeNonExistent, "the selected mailbox is not there for you any more")
	default:
		was := s.sel.readOnly
		s.sel.permit(rights)
		s.tellAllFlags(newer.View().Keywords())
		if s.sel.readOnly != was {
			s.out().Status("", imapwire.OK, s.sel.access(), "your rights have changed")
		}
	}
}

// rightsNow are the user's rights on the selected mailbox at this moment.
func (s *session) rightsNow() store.Rights {
	box, err := s.sel.account.View().Mailbox(s.sel.id)
	if err != nil {
		return 0
	}
	return box.Rights(s.visitor)
}

// permit takes note of rights.
func (s *selected) permit(rights store.Rights) {
	s.rights = rights
	s.readOnly = s.examine || rights&mutable == 0
}

// access says whether anything can be changed (RFC 4314 5.2).
func (s *selected) access() imapwire.Code {
	if s.readOnly {
		return imapwire.CodeReadOnly
	}
	return imapwire.CodeReadWrite
}

// tellFlags tells of changed flags, but for what the client knows.
func (s *session) tellFlags(changed []*store.Entry) {
	if len(changed) == 0 {
		return
	}
	f := s.flagWriter(s.sel.box.View())
	for _, e := range changed {
		if s.sel.knows(e) {
			continue
		}
		w := s.tellFetch(s.sel.seq(e.UID), e.UID) // RFC 9051 6.3.13
		w.FlagList(f.list(e))
		if s.condStore {
			w.ModSeq(imapwire.ModSeq(e.ModSeq))
		}
		w.End()
	}
}

// claimRecent takes the messages that have been recent for nobody yet, and says how many are recent here now. A session that has
// enabled IMAP4rev2, or may not change anything, leaves them to others.
func (s *session) claimRecent(ctx context.Context) error {
	if s.rev2 {
		return nil
	}
	var floor store.UID
	if s.sel.readOnly || s.sel.prefix != "" { // what is recent is the owner's to claim
		floor = s.sel.account.RecentFloor(s.sel.box)
	} else {
		floor = s.sel.account.ClaimRecent(s.sel.box)
	}
	if next := s.sel.box.UIDNext(); floor < next {
		s.sel.recent.AddRange(imapwire.UID(floor), imapwire.UID(next-1))
	}
	spans, err := s.sel.findUIDs(ctx, s.sel.recent)
	if err != nil {
		return err
	}
	n := 0
	for _, r := range spans {
		n += r.hi - r.lo
	}
	s.out().Recent(uint32(n))
	return nil
}

// resolve is the places that a command's set means, with the messages there loaded.
func (s *session) resolve(ctx context.Context, set imapwire.NumSet, uid bool) ([]span, error) {
	spans, err := s.places(ctx, set, uid)
	if err == nil {
		err = s.sel.load(ctx, spans)
	}
	return spans, err
}

// places is resolve without loading. Sequence numbers beyond the mailbox are a mistake of the client's (RFC 9051 9, seq-number), UIDs beyond
// it are not.
func (s *session) places(ctx context.Context, set imapwire.NumSet, uid bool) (out []span, err error) {
	p := &s.sel.picture
	switch n := p.len(); {
	case uid && n > 0:
		if err = p.load(ctx, []span{{n - 1, n}}); err == nil {
			out, err = p.findUIDs(ctx, imapwire.Resolve(set, imapwire.UID(p.lastUID())))
		}
	case uid:
	case set.Highest() > uint32(n) || set.Star() && n == 0:
		return nil, badCommand("there is no message with that number")
	default:
		out = p.ofSeqs(imapwire.Resolve(set, imapwire.Seq(n)))
	}
	if set.Saved() && err == nil {
		var saved []span
		saved, err = p.findUIDs(ctx, s.sel.saved)
		out = union(out, saved)
	}
	return out, err
}

// union is the places of either.
func union(a, b []span) []span {
	var set imapwire.SeqSet
	for _, list := range [][]span{a, b} {
		for _, r := range list {
			set.AddRange(imapwire.Seq(r.lo+1), imapwire.Seq(r.hi))
		}
	}
	out := make([]span, 0, len(set))
	for _, r := range set {
		out = append(out, span{int(r.First) - 1, int(r.Last)})
	}
	return out
}

// enableCondStore notes that the client wants mod-sequences from now on, and tells it where they stand if it has a mailbox selected
// (RFC 7162 3.1).
func (s *session) enableCondStore() {
	if s.condStore {
		return
	}
	s.condStore = true
	if s.sel != nil {
		s.tellHighestModSeq()
	}
}

func (s *session) tellHighestModSeq() {
	s.out().Status("", imapwire.OK, imapwire.CodeHighestModSeq(s.sel.known()), "highest mod-sequence")
}
