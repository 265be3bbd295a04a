package imapd

import (
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// STORE: RFC 9051 6.4.6; UNCHANGEDSINCE: RFC 7162 3.1.3.
//
//	store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
//	store-modifier  = "UNCHANGEDSINCE" SP mod-sequence-valzer
//	store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
func cmdStore(s *session, ctx context.Context, c *imapwire.Store) (done, error) {
	rights := s.rightsNow() // nothing is told before STORE, so nothing is known yet of rights that have changed
	if s.sel.examine || rights&mutable == 0 {
		return done{}, errReadOnly()
	}
	if c.OfLabels {
		return s.storeLabels(ctx, c)
	}
	if c.Conditional {
		s.enableCondStore()
	}
	spans, err := s.resolve(ctx, c.Set, c.UID)
	if err != nil || len(spans) == 0 {
		return done{}, err
	}
	st := storing{s: s, cmd: c, spans: s.limited(&s.sel.picture, spans)}
	st.change = store.FlagChange{Mode: flagMode(c.Action), Conditional: c.Conditional, UnchangedSince: store.ModSeq(c.UnchangedSince)}
	st.change.Flags, st.change.Keywords = storeFlags(c.Flags)
	if !st.permitted(rights) {
		return done{}, errNoPerm()
	}
	if err := st.do(ctx); err != nil {
		return done{}, err
	}
	st.tell()
	return st.reply()
}

func flagMode(a imapwire.StoreAction) store.FlagMode {
	switch a {
	case imapwire.StoreAdd:
		return store.FlagsAdd
	case imapwire.StoreRemove:
		return store.FlagsRemove
	}
	return store.FlagsReplace
}

// storing is one STORE.
type storing struct {
	s      *session
	cmd    *imapwire.Store
	spans  []span
	change store.FlagChange

	newer    *store.MailboxView // after it
	changed  []store.UID        // by it; ascending
	modified []store.UID        // left alone by UNCHANGEDSINCE; ascending
	gone     bool               // some of the messages are
}

// permitted says whether the user may change any of the flags; those that he may not are left as they are (RFC 4314 4).
func (st *storing) permitted(rights store.Rights) bool {
	flags, keywords := store.SettableFlags(rights)
	c := &st.change
	switch {
	case c.Flags&flags != 0, keywords && len(c.Keywords) > 0:
		return true
	case c.Mode == store.FlagsReplace:
		return flags != 0
	}
	return c.Flags == 0 && len(c.Keywords) == 0
}

// do changes the flags.
func (st *storing) do(ctx context.Context) error {
	if err := st.apply(ctx, st.s.sel.uids(st.spans), st.change); err != nil {
		return err
	}
	if again := st.unaffected(); len(again) > 0 {
		// As they are now, they are what the client expects: this holds for as long as nobody changes them again.
		change := st.change
		change.UnchangedSince = st.newer.HighestModSeq()
		st.modified = slices.DeleteFunc(st.modified, func(uid store.UID) bool { return has(again, uid) })
		return st.apply(ctx, store.Ranges(again), change)
	}
	return nil
}

// apply changes flags of some messages, and takes the view that shows it.
func (st *storing) apply(ctx context.Context, uids []store.UIDRange, c store.FlagChange) error {
	s := st.s
	res, _, err := s.sel.account.SetFlags(ctx, s.origin(), s.sel.box, uids, c)
	if err != nil {
		return err
	}
	newer, err := s.sel.account.View().Mailbox(s.sel.id)
	if err == nil {
		err = s.sel.compare(ctx, newer)
	}
	if err != nil {
		return err
	}
	st.newer = newer
	st.changed, st.modified = append(st.changed, res.Changed...), append(st.modified, res.Modified...)
	slices.Sort(st.changed)
	slices.Sort(st.modified)
	return nil
}

// unaffected are those messages that UNCHANGEDSINCE left alone although the flags that are to be changed are what they were when the client
// last heard of them: somebody else changed other flags, which is not the client's business (RFC 7162 3.1.12).
//
// What they were at UNCHANGEDSINCE is known where the picture reaches that far and the message has not changed between the two. 0 is before
// everything: keywords that a message does not have did not exist then either, so whoever sets them so is the first to do it, or is told
// that others have (RFC 7162 3.1.3, examples 7 and 8).
func (st *storing) unaffected() (uids []store.UID) {
	since := st.change.UnchangedSince
	if st.change.Mode == store.FlagsReplace || since > st.s.sel.box.HighestModSeq() {
		return nil
	}
	bits, more := st.keywords()
	first := since == 0 && st.change.Mode == store.FlagsAdd && st.change.Flags == 0 && len(st.change.Keywords) > 0 && !more
	for _, uid := range st.modified {
		was, is := st.s.sel.box.Entry(uid), st.newer.Entry(uid)
		switch {
		case was == nil || is == nil:
		case first && is.Keywords&bits == 0:
			uids = append(uids, uid)
		case was.ModSeq > since:
		case (was.Flags^is.Flags)&st.change.Flags == 0 && (was.Keywords^is.Keywords)&bits == 0 && (!more || slices.Equal(was.More, is.More)):
			uids = append(uids, uid)
		}
	}
	return uids
}

// keywords are those of the command, by number; more says that there are any beyond the 64th, of which messages keep lists.
func (st *storing) keywords() (bits uint64, more bool) {
	for _, name := range st.change.Keywords {
		switch kw, ok := st.newer.View().Keyword(name); {
		case ok && kw < 64:
			bits |= 1 << kw
		case ok:
			more = true
		}
	}
	return bits, more
}

// tell tells the flags, or where SILENT forbids that, the mod-sequences to those who want them (RFC 7162 3.1.3).
func (st *storing) tell() {
	s, silent := st.s, st.cmd.Silent
	var known []store.UID // told of here, or foreseen by the client
	if silent {
		known = st.foreseen()
	}
	s.tellKeywords(st.newer.View())
	f := s.flagWriter(st.newer.View())
	for i, old := range s.sel.each(st.spans) {
		e := st.newer.Entry(old.UID)
		switch {
		case e == nil:
			st.gone = true
			continue
		case has(st.modified, e.UID):
			continue // told of, if at all, as another's change
		case !silent:
			known = append(known, e.UID)
		case !s.condStore || !has(known, e.UID) && (e.ModSeq != old.ModSeq || !st.cmd.Conditional):
			continue // nothing to tell, or to be told with its flags
		}
		seq := imapwire.Seq(i + 1)
		var w imapwire.FetchWriter
		if st.cmd.UID || s.rev2 || s.condStore {
			w = s.tellFetch(seq, e.UID)
		} else {
			w = s.fetchResponse(seq, e.UID)
		}
		if !silent {
			w.FlagList(f.list(e))
		}
		if s.condStore {
			w.ModSeq(imapwire.ModSeq(e.ModSeq))
		}
		w.End()
	}
	s.sel.told = []told{{st.newer, store.Ranges(known)}}
}

// has says whether ascending UIDs have one.
func has(uids []store.UID, uid store.UID) bool {
	_, found := slices.BinarySearch(uids, uid)
	return found
}

// foreseen are those of the changed messages whose flags are now what the client can reckon from what it knew and what it did. If
// they are not, somebody else has changed them too, and the client must be told (RFC 9051 6.4.6).
func (st *storing) foreseen() []store.UID {
	c := &st.change
	bits, more := st.keywords()
	known := make([]store.UID, 0, len(st.changed))
	for _, uid := range st.changed {
		was, is := st.s.sel.box.Entry(uid), st.newer.Entry(uid)
		if was == nil || is == nil {
			continue
		}
		flags, keywords := was.Flags, was.Keywords
		switch c.Mode {
		case store.FlagsAdd:
			flags, keywords = flags|c.Flags, keywords|bits
		case store.FlagsRemove:
			flags, keywords = flags&^c.Flags, keywords&^bits
		case store.FlagsReplace:
			flags, keywords = c.Flags, bits
		}
		// Keywords beyond the 64th are so rare that a change near them may be told once too often.
		if is.Flags == flags && is.Keywords == keywords && !more && slices.Equal(is.More, was.More) {
			known = append(known, uid)
		}
	}
	return known
}

// reply is the tagged reply: which messages were left alone, or that some are gone (RFC 2180 4.2).
func (st *storing) reply() (done, error) {
	gone := st.gone && !st.cmd.UID && !st.cmd.Silent
	if len(st.modified) == 0 {
		if gone {
			return done{}, errExpunged()
		}
		return done{}, nil
	}
	code := st.modifiedCode()
	if gone {
		return done{}, no(code, "some of the messages have been deleted") // RFC 7162 3.1.3, example 11
	}
	return done{code: code, text: "some of the messages have changed"}, nil
}

// modifiedCode is MODIFIED with numbers as the command has them.
func (st *storing) modifiedCode() imapwire.Code {
	if st.cmd.UID {
		var set imapwire.UIDSet
		for _, uid := range st.modified {
			set.Add(imapwire.UID(uid))
		}
		return imapwire.CodeModified(set)
	}
	var set imapwire.SeqSet
	for _, uid := range st.modified {
		set.Add(st.s.sel.seq(uid))
	}
	return imapwire.CodeModified(set)
}
