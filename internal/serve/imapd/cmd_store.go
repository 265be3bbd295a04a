package imapd

import (
	"context"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// STORE: RFC 9051 6.4.6.
//
//	store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
//	store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
func cmdStore(s *session, ctx context.Context, c *imapwire.Store) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	if c.Conditional {
		return done{}, badCommand("UNCHANGEDSINCE is not offered")
	}
	spans, err := s.resolve(c.Set, c.UID)
	if err != nil || len(spans) == 0 {
		return done{}, err
	}
	change := store.FlagChange{Mode: flagMode(c.Action)}
	change.Flags, change.Keywords = storeFlags(c.Flags)
	res, _, err := s.account.SetFlags(ctx, s.origin(), s.sel.box, s.sel.uids(spans), change)
	if err != nil {
		return done{}, err
	}
	newer, err := s.account.View().Mailbox(s.sel.id)
	if err == nil {
		err = newer.Load(ctx)
	}
	if err != nil {
		return done{}, err
	}
	if c.Silent {
		s.sel.told = []told{{newer, s.foreseen(newer, res.Changed, change)}}
		return done{}, nil
	}
	s.sel.told = []told{{newer, s.sel.uids(spans)}}
	gone := s.tellStored(newer, spans, c.UID)
	if gone && !c.UID {
		return done{}, errExpunged() // RFC 2180 4.2.2, 4.2.3
	}
	return done{}, nil
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

// tellStored tells the flags that messages have now, and says whether some are gone.
func (s *session) tellStored(newer *store.MailboxView, spans []span, uid bool) (gone bool) {
	s.tellKeywords(newer.View())
	f := s.flagWriter(newer.View())
	for i, old := range s.sel.each(spans) {
		e := newer.Entry(old.UID)
		if e == nil {
			gone = true
			continue
		}
		w := s.out().Fetch(imapwire.Seq(i + 1))
		if uid || s.rev2 {
			w.UID(imapwire.UID(e.UID))
		}
		w.FlagList(f.list(e))
		w.End()
	}
	return gone
}

// foreseen are those of the changed messages whose flags are now what the client can reckon from what it knew and what it did. If
// they are not, somebody else has changed them too, and the client must be told (RFC 9051 6.4.6).
func (s *session) foreseen(newer *store.MailboxView, changed []store.UID, c store.FlagChange) []store.UIDRange {
	var bits uint64
	var more []uint16
	for _, name := range c.Keywords {
		if kw, ok := newer.View().Keyword(strings.ToLower(name)); ok && kw < 64 {
			bits |= 1 << kw
		} else if ok {
			more = append(more, kw)
		}
	}
	known := make([]store.UID, 0, len(changed))
	for _, uid := range changed {
		was, is := s.sel.box.Entry(uid), newer.Entry(uid)
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
		if is.Flags == flags && is.Keywords == keywords && len(more) == 0 && slices.Equal(is.More, was.More) {
			known = append(known, uid)
		}
	}
	return store.Ranges(known)
}
