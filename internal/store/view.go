package store

import (
	"context"
	"iter"
	"sort"
	"strings"
	"time"

	"restante/internal/store/keys"
)

// View is an account as of one operation. It is immutable and safe for
// concurrent use, costs next to nothing to keep, and needs no closing.
type View struct {
	account *account
	state   *state
}

// ModSeq is that of the last operation in the view.
func (v *View) ModSeq() ModSeq { return v.state.row.ModSeq }

// Seed is what the account's public ids are made with.
func (v *View) Seed() Seed { return Seed(v.state.row.Seed) }

// Mailboxes returns all mailboxes, by id.
func (v *View) Mailboxes() []*MailboxView {
	out := make([]*MailboxView, len(v.state.mailboxes))
	for i, m := range v.state.mailboxes {
		out[i] = &MailboxView{view: v, box: m}
	}
	return out
}

// Mailbox returns a mailbox, or ErrNoMailbox.
func (v *View) Mailbox(id MailboxID) (*MailboxView, error) {
	m, _ := v.state.mailbox(id)
	if m == nil {
		return nil, ErrNoMailbox
	}
	return &MailboxView{view: v, box: m}, nil
}

// Lookup finds a mailbox by its path ("INBOX/lists/go", separator "/", UTF-8,
// INBOX in any case), or ErrNoMailbox.
func (v *View) Lookup(path string) (*MailboxView, error) {
	m := v.state.lookup(path)
	if m == nil {
		return nil, ErrNoMailbox
	}
	return &MailboxView{view: v, box: m}, nil
}

// ByRole finds the mailbox of a special use, or ErrNoMailbox.
func (v *View) ByRole(role Role) (*MailboxView, error) {
	for _, m := range v.state.mailboxes {
		if m.props.Role == role {
			return &MailboxView{view: v, box: m}, nil
		}
	}
	return nil, ErrNoMailbox
}

// Subscriptions returns the subscribed names, sorted. They need not exist
// (RFC 9051 6.3.7). The slice is shared: do not change it.
func (v *View) Subscriptions() []string { return v.state.subs }

// Subscribed says whether a name is subscribed.
func (v *View) Subscribed(path string) bool {
	path = canonicalPath(path)
	i := sort.SearchStrings(v.state.subs, path)
	return i < len(v.state.subs) && v.state.subs[i] == path
}

// Keywords returns the names of all keywords of the account; a keyword's number
// is its place. The slice is shared: do not change it.
func (v *View) Keywords() []string { return v.state.keywords.names }

// Keyword returns a keyword's number by its name, in any case.
func (v *View) Keyword(name string) (uint16, bool) {
	n, ok := v.state.keywords.number[strings.ToLower(name)]
	return n, ok
}

// KeywordsOf yields the names of an entry's keywords.
func (v *View) KeywordsOf(e *Entry) iter.Seq[string] {
	return func(yield func(string) bool) {
		names := v.state.keywords.names
		for kw := range KeywordNumbers(e) {
			if int(kw) < len(names) && !yield(names[kw]) {
				return
			}
		}
	}
}

// KeywordNumbers yields the numbers of an entry's keywords, ascending.
func KeywordNumbers(e *Entry) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for set, n := e.Keywords, uint16(0); set != 0; set, n = set>>1, n+1 {
			if set&1 != 0 && !yield(n) {
				return
			}
		}
		for _, kw := range e.More {
			if !yield(kw) {
				return
			}
		}
	}
}

// HasKeyword says whether an entry has the keyword of that number.
func HasKeyword(e *Entry, kw uint16) bool {
	if kw < 64 {
		return e.Keywords&(1<<kw) != 0
	}
	for _, more := range e.More {
		if more == kw {
			return true
		}
	}
	return false
}

// MailboxView is a mailbox as of one operation; immutable and safe for
// concurrent use. Its properties and counters are at hand; its entries must be
// loaded first (Load).
type MailboxView struct {
	view *View
	box  *mailbox
}

// View returns the view of the account that this one belongs to.
func (m *MailboxView) View() *View { return m.view }

// ID returns the mailbox's id.
func (m *MailboxView) ID() MailboxID { return m.box.id }

// Name returns the last part of the path, Path the whole ("a/b/c").
func (m *MailboxView) Name() string { return m.box.props.Name }

// Path returns the path with "/" between the names.
func (m *MailboxView) Path() string { return m.view.state.path(m.box) }

// Parent returns the mailbox above, 0 at the top level.
func (m *MailboxView) Parent() MailboxID { return m.box.props.Parent }

// HasChildren says whether there are mailboxes below.
func (m *MailboxView) HasChildren() bool { return m.view.state.hasChildren(m.box.id) }

// Role returns the special use.
func (m *MailboxView) Role() Role { return m.box.props.Role }

// NoSelect says that the name only holds others.
func (m *MailboxView) NoSelect() bool { return m.box.props.NoSelect }

// UIDValidity and UIDNext are those of RFC 9051 2.3.1.1.
func (m *MailboxView) UIDValidity() uint32 { return m.box.props.UIDValidity }

// UIDNext is the UID that the next message gets, or a smaller one.
func (m *MailboxView) UIDNext() UID { return m.box.ctr.UIDNext }

// HighestModSeq is that of RFC 7162 3.1.2.1; never 0.
func (m *MailboxView) HighestModSeq() ModSeq { return m.box.ctr.HighestModSeq }

// Len is the number of messages.
func (m *MailboxView) Len() int { return int(m.box.ctr.Messages) }

// Unseen is the number of messages without \Seen, Deleted of those with \Deleted.
func (m *MailboxView) Unseen() int { return int(m.box.ctr.Unseen) }

// Deleted is the number of messages with \Deleted.
func (m *MailboxView) Deleted() int { return int(m.box.ctr.Deleted) }

// Bytes is the sum of the messages' sizes.
func (m *MailboxView) Bytes() uint64 { return m.box.ctr.Bytes }

// FirstUnseen is the lowest UID without \Seen, 0 for none.
func (m *MailboxView) FirstUnseen() UID { return m.box.ctr.FirstUnseen }

// Created is when the mailbox was made.
func (m *MailboxView) Created() time.Time { return time.UnixMilli(m.box.props.Created) }

// Load reads what is not in memory yet of the mailbox's entries. It must have
// succeeded before At, Rank, Entry, Entries or Diff are called; calling
// it again costs nothing. Who needs few messages of a big mailbox calls
// LoadUIDs or LoadPlaces instead.
func (m *MailboxView) Load(ctx context.Context) error { return m.view.account.loadAll(ctx, m.box) }

// LoadUIDs is Load for what lies in ranges of UIDs, which need not be messages':
// Rank and Entry may be called for these UIDs, Entries for these ranges, At for
// the places of these messages. It costs what the ranges have, not what
// the mailbox has. Without ranges it makes ready for Diff.
func (m *MailboxView) LoadUIDs(ctx context.Context, ranges ...UIDRange) error {
	a := m.view.account
	if err := a.count(ctx, m.box); err != nil {
		return err
	}
	for _, r := range ranges {
		hi := min(r.Hi, max(m.UIDNext(), 1)-1)
		if r.Lo > hi {
			continue
		}
		if err := a.loadPages(ctx, m.box, uint32(r.Lo)>>keys.PageBits, uint32(hi)>>keys.PageBits+1); err != nil {
			return err
		}
	}
	return nil
}

// LoadPlaces is LoadUIDs for the messages at the places from lo up to, not
// including, hi: 0 <= lo, hi <= Len.
func (m *MailboxView) LoadPlaces(ctx context.Context, lo, hi int) error {
	a := m.view.account
	if err := a.count(ctx, m.box); err != nil || lo >= hi {
		return err
	}
	first, _ := m.box.pages.at(lo)
	last, _ := m.box.pages.at(hi - 1)
	return a.loadPages(ctx, m.box, first, last+1)
}

// LoadDiff reads what m.Diff(newer) needs beyond LoadUIDs on both, which
// is nothing unless somebody else wrote the account.
func (m *MailboxView) LoadDiff(ctx context.Context, newer *MailboxView) error {
	for n := range m.differing(newer) {
		for _, v := range []*MailboxView{m, newer} {
			if _, err := v.view.account.page(ctx, v.box, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// At returns the entry at place i, 0 <= i < Len: the message with sequence
// number i+1 in this view. O(log pages).
func (m *MailboxView) At(i int) *Entry {
	n, rest := m.box.pages.at(i)
	return &m.page(n).Entries[rest]
}

// Entry returns the entry of a UID, nil when there is none. O(1).
func (m *MailboxView) Entry(uid UID) *Entry {
	p := m.page(uint32(uid) >> keys.PageBits)
	if i, ok := p.Index(uid); ok {
		return &p.Entries[i]
	}
	return nil
}

// Rank returns how many messages have a smaller UID, and whether there is one
// with this UID: its sequence number is then Rank+1. O(1).
func (m *MailboxView) Rank(uid UID) (int, bool) {
	n := uint32(uid) >> keys.PageBits
	if n >= m.box.pages.pages() {
		return m.Len(), false
	}
	i, ok := m.page(n).Index(uid)
	return m.box.pages.rank(n) + i, ok
}

// Entries yields the entries with lo <= UID <= hi, ascending.
func (m *MailboxView) Entries(lo, hi UID) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for n := uint32(lo) >> keys.PageBits; n <= uint32(hi)>>keys.PageBits && n < m.box.pages.pages(); n++ {
			p := m.page(n)
			for i := range p.Entries {
				if e := &p.Entries[i]; e.UID >= lo && e.UID <= hi && !yield(e) {
					return
				}
			}
		}
	}
}

// All yields every entry, ascending by UID.
func (m *MailboxView) All() iter.Seq[*Entry] { return m.Entries(1, 1<<32-1) }

// Ascending says whether the messages' ids ascend as their UIDs do, which they do but for what was moved or copied here. No message then lies here
// twice. The view must be loaded. What it finds is kept with the pages: it costs what has changed since somebody asked.
func (m *MailboxView) Ascending() bool {
	var last MessageID
	for _, c := range m.box.pages.chunks {
		if o := c.ids(); o != nil {
			if !o.ascending || o.first <= last {
				return false
			}
			last = o.last
		}
	}
	return true
}

func (m *MailboxView) page(n uint32) *keys.Page {
	c := m.box.pages.cell(n)
	if c == nil {
		return emptyPage
	}
	return c.page.Load()
}

// Diff is what changed in a mailbox between two views.
type Diff struct {
	Vanished []UID    // in the older, not in the newer; ascending
	Added    []*Entry // in the newer, not in the older; ascending
	Changed  []*Entry // in both, with another MODSEQ; the newer entry; ascending
}

// Empty says that nothing changed.
func (d *Diff) Empty() bool { return len(d.Vanished)+len(d.Added)+len(d.Changed) == 0 }

// Diff compares m with a newer view of the same mailbox; both must be loaded, if
// only by LoadUIDs without ranges. It costs a pointer comparison for every 16,384
// UIDs, and a look at the pages that changed. UIDVALIDITY must be compared by
// the caller.
func (m *MailboxView) Diff(newer *MailboxView) Diff {
	var d Diff
	for n := range m.differing(newer) {
		if old, cur := m.page(n), newer.page(n); old != cur {
			d.page(old, cur)
		}
	}
	return d
}

// differing yields the pages that are not the same one in both, ascending.
func (m *MailboxView) differing(newer *MailboxView) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		a, b := &m.box.pages, &newer.box.pages
		for c := range max(len(a.chunks), len(b.chunks)) {
			if c < len(a.chunks) && c < len(b.chunks) && a.chunks[c] == b.chunks[c] {
				continue
			}
			for n := uint32(c * chunkPages); n < uint32(c+1)*chunkPages; n++ {
				if a.cell(n) != b.cell(n) && !yield(n) {
					return
				}
			}
		}
	}
}

func (d *Diff) page(old, cur *keys.Page) {
	for i := range old.Entries {
		if _, ok := cur.Index(old.Entries[i].UID); !ok {
			d.Vanished = append(d.Vanished, old.Entries[i].UID)
		}
	}
	for i := range cur.Entries {
		e := &cur.Entries[i]
		j, ok := old.Index(e.UID)
		switch {
		case !ok:
			d.Added = append(d.Added, e)
		case old.Entries[j].ModSeq != e.ModSeq:
			d.Changed = append(d.Changed, e)
		}
	}
}

// InternalDate is an entry's internal date in its own zone.
func InternalDate(e *Entry) time.Time {
	return time.UnixMilli(e.Internal).In(time.FixedZone("", int(e.Zone)*60))
}

// SaveDate is when the message was put into this mailbox (RFC 8514), in UTC.
func SaveDate(e *Entry) time.Time { return time.UnixMilli(e.Saved).UTC() }
