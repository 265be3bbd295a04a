package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Tx is one operation on one account. It is good only inside the function that
// Update runs, on that function's goroutine.
type Tx struct {
	a      *account
	ctx    context.Context
	origin Origin
	now    int64 // milliseconds
	modseq ModSeq

	build   *build
	state   *state // a copy; its mailboxes are shared until they are drafts
	ownTree bool   // so is its tree of names until they change
	drafts  map[MailboxID]*draft
	items   []keys.Item
	row     bool // the account's row is to be written, also when nothing else is
	writes  writes
	require []kv.Requirement
	bodies  []*Body
	ahead   map[MessageID][]byte       // memberships, by readMembers
	notes   bool                       // state.notes is this operation's own
	sizes   map[uint64]*keys.SizesPage // by number, those that it has touched
}

// draft is a mailbox in the making.
type draft struct {
	*mailbox                       // private copy
	dirty    map[uint32]*keys.Page // pages that changed, private copies
	props    bool                  // X is to be written
	counters bool                  // x is to be written
	rescan   bool                  // the first unseen message must be looked for
	vanished []UID
}

func newTx(b *build, op *operation) *Tx {
	tx := &Tx{
		a: b.a, ctx: context.WithoutCancel(op.ctx), origin: op.origin, now: b.a.store.now().UnixMilli(),
		build: b, drafts: make(map[MailboxID]*draft), writes: make(writes),
	}
	st := *b.state
	tx.state = &st
	tx.modseq = st.row.ModSeq + 1
	return tx
}

// ModSeq is the MODSEQ that this operation gets if it changes anything.
func (tx *Tx) ModSeq() ModSeq { return tx.modseq }

// Now is the time of the operation.
func (tx *Tx) Now() time.Time { return time.UnixMilli(tx.now) }

// Lookup finds a mailbox by path, as View.Lookup does, or says ErrNoMailbox.
func (tx *Tx) Lookup(path string) (MailboxID, error) {
	m := tx.state.lookup(path)
	if m == nil {
		return 0, ErrNoMailbox
	}
	return m.id, nil
}

// ByRole finds the mailbox of a special use, or says ErrNoMailbox.
func (tx *Tx) ByRole(role Role) (MailboxID, error) {
	for _, m := range tx.state.mailboxes {
		if m.props.Role == role {
			return m.id, nil
		}
	}
	return 0, ErrNoMailbox
}

// changed says whether there is anything to commit.
func (tx *Tx) changed() bool { return tx.row || len(tx.items)+len(tx.writes)+len(tx.drafts) > 0 }

// get reads a row as this operation sees it: with its own writes and those of
// operations that share the commit.
func (tx *Tx) get(key []byte) ([]byte, error) {
	if v, ok := tx.written(key); ok {
		return found(v)
	}
	return tx.a.store.engine.Get(tx.ctx, key)
}

// written is what this operation, or one that shares the commit, has made of a row; nil
// is that it has removed it.
func (tx *Tx) written(key []byte) (value []byte, ok bool) {
	if value, ok = tx.writes[string(key)]; !ok {
		value, ok = tx.build.writes[string(key)]
	}
	return value, ok
}

func found(v []byte) ([]byte, error) {
	if v == nil {
		return nil, kv.ErrNotFound
	}
	return v, nil
}

func (tx *Tx) put(key, value []byte) {
	if value == nil {
		value = []byte{} // nil means deleted
	}
	tx.writes[string(key)] = value
}

func (tx *Tx) remove(key []byte) { tx.writes[string(key)] = nil }

// draft makes a mailbox ready for changes.
func (tx *Tx) draft(id MailboxID) (*draft, error) {
	if d := tx.drafts[id]; d != nil {
		return d, nil
	}
	m, i := tx.state.mailbox(id)
	if m == nil {
		return nil, ErrNoMailbox
	}
	if err := tx.a.count(tx.ctx, m); err != nil {
		return nil, err
	}
	d := &draft{mailbox: m.copy(), dirty: make(map[uint32]*keys.Page)}
	tx.ownMailboxes()
	tx.state.mailboxes[i] = d.mailbox
	tx.drafts[id] = d
	return d, nil
}

// selectable is draft for a mailbox that can hold messages.
func (tx *Tx) selectable(id MailboxID) (*draft, error) {
	d, err := tx.draft(id)
	if err == nil && d.mailbox.props.NoSelect {
		return nil, ErrNoSelect
	}
	return d, err
}

// ownMailboxes makes the slice of mailboxes this operation's own.
func (tx *Tx) ownMailboxes() {
	if len(tx.drafts) == 0 {
		tx.state.mailboxes = slices.Clone(tx.state.mailboxes)
	}
}

// page returns a page that may be changed.
func (tx *Tx) page(d *draft, n uint32) (*keys.Page, error) {
	if p := d.dirty[n]; p != nil {
		return p, nil
	}
	old, err := tx.a.page(tx.ctx, d.mailbox, n)
	if err != nil {
		return nil, err
	}
	p := &keys.Page{Present: old.Present, Entries: append(make([]keys.Entry, 0, len(old.Entries)+1), old.Entries...)}
	d.dirty[n] = p
	return p, nil
}

// peek returns a page as the operation sees it, to read only.
func (tx *Tx) peek(d *draft, n uint32) (*keys.Page, error) {
	if p := d.dirty[n]; p != nil {
		return p, nil
	}
	return tx.a.page(tx.ctx, d.mailbox, n)
}

// each calls fn for the entries in ranges, ascending. The entries are to
// read only; fn may change the mailbox.
func (tx *Tx) each(d *draft, ranges []UIDRange, fn func(e keys.Entry) error) error {
	last := d.ctr.UIDNext - 1 // fn may add messages; those are not meant
	for _, r := range ranges {
		for n := uint32(r.Lo) >> keys.PageBits; n <= uint32(min(r.Hi, last))>>keys.PageBits; n++ {
			p, err := tx.peek(d, n)
			if err != nil {
				return err
			}
			for _, e := range slices.Clone(p.Entries) {
				if e.UID < r.Lo || e.UID > min(r.Hi, last) {
					continue
				}
				if err := fn(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// insert adds an entry at the end of a mailbox and gives it its UID.
func (tx *Tx) insert(d *draft, e keys.Entry) (UID, error) {
	if d.ctr.UIDNext == 1<<32-1 {
		return 0, ErrLimit
	}
	e.UID, e.ModSeq = d.ctr.UIDNext, tx.modseq
	n := uint32(e.UID) >> keys.PageBits
	p, err := tx.page(d, n)
	if err != nil {
		return 0, err
	}
	p.Entries = append(p.Entries, e)
	p.Present |= 1 << (e.UID & (keys.PageSize - 1))
	d.ctr.UIDNext++
	d.ctr.Messages++
	d.ctr.Bytes += e.Size
	d.count(&e, 1)
	if e.Flags&Seen == 0 && d.ctr.FirstUnseen == 0 {
		d.ctr.FirstUnseen = e.UID
	}
	tx.retainNew(d.mailbox)
	return e.UID, nil
}

// drop removes an entry from a mailbox.
func (tx *Tx) drop(d *draft, e keys.Entry) error {
	p, err := tx.page(d, uint32(e.UID)>>keys.PageBits)
	if err != nil {
		return err
	}
	i, _ := p.Index(e.UID)
	p.Entries = slices.Delete(p.Entries, i, i+1)
	p.Present &^= 1 << (e.UID & (keys.PageSize - 1))
	d.ctr.Messages--
	d.ctr.Bytes -= e.Size
	d.count(&e, -1)
	d.vanished = append(d.vanished, e.UID)
	d.rescan = d.rescan || e.UID == d.ctr.FirstUnseen
	return nil
}

// count adds an entry's flags to the counters, or takes them off.
func (d *draft) count(e *keys.Entry, by int) {
	d.counters = true
	if e.Flags&Seen == 0 {
		d.ctr.Unseen += uint32(by)
	}
	if e.Flags&Deleted != 0 {
		d.ctr.Deleted += uint32(by)
	}
}

// finish turns the drafts into rows and the operation into a log record.
func (tx *Tx) finish() error {
	tx.watchQuota()
	tx.finishSizes()
	// In the order of ids, so that the same operation always makes the same rows.
	for _, id := range slices.Sorted(maps.Keys(tx.drafts)) {
		if err := tx.finishMailbox(tx.drafts[id]); err != nil {
			return err
		}
	}
	if len(tx.items) > 0 {
		tx.state.row.ModSeq = tx.modseq
		c := keys.Change{
			Time: tx.now, CommitID: tx.build.commitID, Device: tx.origin.Device,
			Protocol: uint8(tx.origin.Protocol), Items: tx.items,
		}
		tx.put(keys.ChangeKey(tx.a.id, tx.modseq), c.Encode())
	}
	return nil
}

func (tx *Tx) finishMailbox(d *draft) error {
	if d.rescan {
		if err := tx.findUnseen(d); err != nil {
			return err
		}
	}
	for n, p := range d.dirty {
		if c := d.pages.cell(n); c == nil || len(c.page.Load().Entries) == 0 {
			tx.a.grow(p)
		}
		key := keys.PageKey(tx.a.id, d.id, n)
		if len(p.Entries) == 0 {
			tx.remove(key)
		} else {
			tx.put(key, p.Encode())
		}
	}
	tx.putCounts(d, d.pages.change(d.dirty))
	if len(d.vanished) > 0 {
		slices.Sort(d.vanished)
		tx.put(keys.VanishedKey(tx.a.id, d.id, tx.modseq), keys.AppendRanges(nil, Ranges(d.vanished)))
	}
	if d.props {
		d.mailbox.props.ModSeq = tx.modseq
		tx.put(keys.OfMailbox(keys.TableMailbox, tx.a.id, d.id), d.mailbox.props.Encode())
	}
	if d.counters {
		d.ctr.HighestModSeq = tx.modseq
		d.ctr.RecentFloor = max(d.ctr.RecentFloor, tx.a.recent.floor(d.id))
		tx.put(keys.OfMailbox(keys.TableCounters, tx.a.id, d.id), d.ctr.Encode())
	}
	return nil
}

// putCounts writes the counts of the chunks in which they are different now.
func (tx *Tx) putCounts(d *draft, chunks []int) {
	if d.recount {
		chunks = chunks[:0]
		for c := range d.pages.chunks {
			chunks = append(chunks, c)
		}
		d.recount = false
	}
	for _, c := range chunks {
		key := keys.CountsKey(tx.a.id, d.id, uint32(c))
		if chunk := d.pages.chunks[c]; chunk.total() > 0 {
			tx.put(key, keys.EncodeCounts(chunk.counts()))
		} else {
			tx.remove(key)
		}
	}
}

// findUnseen looks for the first unseen message from where the last one was.
func (tx *Tx) findUnseen(d *draft) error {
	from := d.ctr.FirstUnseen
	d.ctr.FirstUnseen = 0
	if d.ctr.Unseen == 0 {
		return nil
	}
	for n := uint32(from) >> keys.PageBits; n <= uint32(d.ctr.UIDNext-1)>>keys.PageBits; n++ {
		p, err := tx.peek(d, n)
		if err != nil {
			return err
		}
		for i := range p.Entries {
			if p.Entries[i].Flags&Seen == 0 {
				d.ctr.FirstUnseen = p.Entries[i].UID
				return nil
			}
		}
	}
	return nil
}

// Ranges folds ascending UIDs into ranges.
func Ranges(uids []UID) []UIDRange {
	var rs []UIDRange
	for _, uid := range uids {
		if n := len(rs); n > 0 && rs[n-1].Hi+1 == uid {
			rs[n-1].Hi = uid
		} else {
			rs = append(rs, UIDRange{Lo: uid, Hi: uid})
		}
	}
	return rs
}
