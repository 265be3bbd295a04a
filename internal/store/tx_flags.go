package store

import (
	"fmt"
	"slices"
	"strings"

	"restante/internal/store/keys"
)

// FlagMode says what a FlagChange does with its flags (RFC 9051 6.4.6).
type FlagMode uint8

// The modes.
const (
	FlagsAdd FlagMode = iota
	FlagsRemove
	FlagsReplace
)

// FlagChange is a STORE.
type FlagChange struct {
	Mode     FlagMode
	Flags    Flags
	Keywords []string
	// UnchangedSince, when Conditional, leaves out messages with a greater MODSEQ
	// (RFC 7162 3.1.3); 0 leaves out all.
	Conditional    bool
	UnchangedSince ModSeq
}

// FlagResult is what a FlagChange did.
type FlagResult struct {
	Changed  []UID // whose flags are different now; their MODSEQ is the operation's
	Modified []UID // left out by UnchangedSince (response code MODIFIED)
}

// SetFlags changes flags. A message whose flags are already so keeps its MODSEQ.
func (tx *Tx) SetFlags(mbox MailboxID, uids []UIDRange, c FlagChange) (FlagResult, error) {
	var res FlagResult
	d, err := tx.selectable(mbox)
	if err != nil {
		return res, err
	}
	flags, keywords := SettableFlags(tx.rights(d.mailbox))
	if flags == 0 {
		return res, Permit(tx.rights(d.mailbox), RightWrite)
	}
	if !keywords {
		c.Keywords = nil
	}
	var bits uint64
	var more []uint16
	if c.Mode == FlagsRemove {
		bits, more = tx.knownKeywords(c.Keywords)
	} else if bits, more, err = tx.keywords(c.Keywords); err != nil {
		return res, err
	}
	it := keys.Item{Class: keys.ClassMessage, Kind: keys.Updated, Mailbox: mbox}
	err = tx.eachEntry(d, uids, func(e, n *keys.Entry) bool {
		if c.Conditional && e.ModSeq > c.UnchangedSince {
			res.Modified = append(res.Modified, e.UID)
			return false
		}
		c.apply(n, bits, more)
		n.Flags = n.Flags&flags | e.Flags&^flags
		if !keywords {
			n.Keywords, n.More = e.Keywords, e.More
		}
		if n.Flags == e.Flags && n.Keywords == e.Keywords && slices.Equal(n.More, e.More) {
			return false
		}
		n.ModSeq = tx.modseq
		it.Added |= n.Flags &^ e.Flags
		it.Cleared |= e.Flags &^ n.Flags
		it.UIDs = appendUID(it.UIDs, e.UID)
		it.Messages = append(it.Messages, e.Message)
		res.Changed = append(res.Changed, e.UID)
		return true
	})
	if err == nil && len(it.UIDs) > 0 {
		tx.items = append(tx.items, it)
	}
	if it.Cleared&Flagged != 0 || it.Added&Seen != 0 && d.mailbox.props.Role == keys.RoleInbox {
		tx.retainAt(d.mailbox, tx.now) // what has kept them until now may be all that did
	}
	return res, err
}

func (c *FlagChange) apply(e *keys.Entry, bits uint64, more []uint16) {
	switch c.Mode {
	case FlagsAdd:
		e.Flags |= c.Flags & AllFlags
		e.Keywords |= bits
		e.More = union(e.More, more)
	case FlagsRemove:
		e.Flags &^= c.Flags
		e.Keywords &^= bits
		e.More = minus(e.More, more)
	case FlagsReplace:
		e.Flags, e.Keywords, e.More = c.Flags&AllFlags, bits, more
	}
}

// union and minus work on ascending lists and never change their arguments,
// which may belong to a published page.
func union(a, b []uint16) []uint16 {
	if len(b) == 0 {
		return a
	}
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

func minus(a, b []uint16) []uint16 {
	if len(a) == 0 || len(b) == 0 {
		return a
	}
	var out []uint16
	for _, kw := range a {
		if !slices.Contains(b, kw) {
			out = append(out, kw)
		}
	}
	return out
}

// eachEntry calls fn for the entries in ranges, with a copy for fn to change; when it
// says so, the copy takes the entry's place. It goes page by page, and copies only those
// that change.
func (tx *Tx) eachEntry(d *draft, ranges []UIDRange, fn func(old, next *keys.Entry) bool) error {
	for _, r := range ranges {
		hi := min(r.Hi, d.ctr.UIDNext-1)
		for n := uint32(r.Lo) >> keys.PageBits; n <= uint32(hi)>>keys.PageBits; n++ {
			if err := tx.eachInPage(d, n, UIDRange{Lo: r.Lo, Hi: hi}, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tx *Tx) eachInPage(d *draft, n uint32, r UIDRange, fn func(old, next *keys.Entry) bool) error {
	p, err := tx.peek(d, n)
	if err != nil {
		return err
	}
	var next keys.Entry
	for i := range p.Entries {
		e := &p.Entries[i] // stays as it is until next takes its place
		if e.UID < r.Lo || e.UID > r.Hi {
			continue
		}
		if next = *e; !fn(e, &next) {
			continue
		}
		d.count(e, -1)
		d.count(&next, 1)
		d.noteSeen(e, &next)
		if p, err = tx.page(d, n); err != nil { // the private copy, with the same places
			return err
		}
		p.Entries[i] = next
	}
	return nil
}

// noteSeen keeps the first unseen message right.
func (d *draft) noteSeen(old, next *keys.Entry) {
	switch was, is := old.Flags&Seen != 0, next.Flags&Seen != 0; {
	case !was && is && d.ctr.FirstUnseen == old.UID:
		d.rescan = true
	case was && !is && (d.ctr.FirstUnseen == 0 || old.UID < d.ctr.FirstUnseen):
		d.ctr.FirstUnseen = old.UID
	}
}

// keywords turns names into numbers, giving new names theirs.
func (tx *Tx) keywords(names []string) (bits uint64, more []uint16, err error) {
	for _, name := range names {
		kw, ok := tx.state.keywords.number[strings.ToLower(name)]
		if !ok {
			if !GoodKeyword(name) {
				return 0, nil, ErrBadKeyword
			}
			if len(tx.state.keywords.names) >= maxKeywords {
				return 0, nil, fmt.Errorf("%w: %d keywords", ErrLimit, maxKeywords)
			}
			tx.state.keywords, kw = tx.state.keywords.with(name)
			tx.put(keys.KeywordKey(tx.a.id, kw), []byte(name))
		}
		bits, more = addKeyword(bits, more, kw)
	}
	slices.Sort(more)
	return bits, slices.Compact(more), nil
}

// knownKeywords is keywords for names that need not be made.
func (tx *Tx) knownKeywords(names []string) (bits uint64, more []uint16) {
	for _, name := range names {
		if kw, ok := tx.state.keywords.number[strings.ToLower(name)]; ok {
			bits, more = addKeyword(bits, more, kw)
		}
	}
	slices.Sort(more)
	return bits, slices.Compact(more)
}

func addKeyword(bits uint64, more []uint16, kw uint16) (uint64, []uint16) {
	if kw < 64 {
		return bits | 1<<kw, more
	}
	return bits, append(more, kw)
}
