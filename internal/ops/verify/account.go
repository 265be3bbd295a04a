package verify

import (
	"fmt"
	"strings"

	"restante/internal/store/keys"
)

// accountCheck is what one account's rows add up to.
type accountCheck struct {
	*checker
	id        keys.AccountID
	row       keys.Account
	mailboxes map[keys.MailboxID]*boxCheck
	keywords  int
	entries   map[keys.Member]keys.Entry // every membership that the pages have
	perMsg    map[keys.MessageID]int     // memberships by message, from the pages
	messages  map[keys.MessageID]record
}

type boxCheck struct {
	props  keys.Mailbox
	ctr    keys.Counters
	hasCtr bool
	sum    keys.Counters                       // recomputed
	top    keys.ModSeq                         // highest MODSEQ of an entry
	chunks map[uint32]*[keys.CountsPages]uint8 // messages by page, from the pages
	counts map[uint32][]uint8                  // the same, from the rows that say so
}

type record struct {
	blob    keys.BlobID
	size    uint64
	removed bool
}

func (c *checker) account(id keys.AccountID, row []byte) error {
	a := &accountCheck{
		checker: c, id: id, mailboxes: make(map[keys.MailboxID]*boxCheck), entries: make(map[keys.Member]keys.Entry),
		perMsg: make(map[keys.MessageID]int), messages: make(map[keys.MessageID]record),
	}
	var err error
	if a.row, err = keys.DecodeAccount(row); err != nil {
		c.found(id, "account row", "cannot be read")
		return nil
	}
	for _, step := range []func() error{a.readMailboxes, a.readKeywords, a.readPages, a.readCounts, a.readMessages, a.readMembers, a.readRemoved, a.readLog, a.readMetadata, a.readUIDLs, a.readDevices} {
		if err := step(); err != nil {
			return err
		}
	}
	a.compareMailboxes()
	a.compareTotals()
	a.compareRetention()
	return nil
}

func (a *accountCheck) bad(where, format string, args ...any) {
	a.found(a.id, where, format, args...)
}

func box(id keys.MailboxID) string { return fmt.Sprintf("mailbox %d", id) }
func msg(id keys.MessageID) string { return fmt.Sprintf("message %d", id) }

func (a *accountCheck) readMailboxes() error {
	err := a.scan(keys.OfAccount(keys.TableMailbox, a.id), func(k, v []byte) error {
		n, _ := keys.Tail32(k)
		props, err := keys.DecodeMailbox(v)
		if err != nil {
			a.bad(box(keys.MailboxID(n)), "cannot be read")
		}
		a.mailboxes[keys.MailboxID(n)] = &boxCheck{props: props, chunks: make(map[uint32]*[keys.CountsPages]uint8), counts: make(map[uint32][]uint8)}
		a.readACL(keys.MailboxID(n), props.ACL)
		a.report.Mailboxes++
		return nil
	})
	if err != nil {
		return err
	}
	names := make(map[string]keys.MailboxID)
	roles := make(map[keys.Role]keys.MailboxID)
	for id, m := range a.mailboxes {
		name := fmt.Sprintf("%d/%s", m.props.Parent, m.props.Name)
		if other, ok := names[name]; ok {
			a.bad(box(id), "has the name of mailbox %d", other)
		}
		names[name] = id
		if other, ok := roles[m.props.Role]; ok && m.props.Role != keys.RoleNone {
			a.bad(box(id), "has the role of mailbox %d", other)
		}
		roles[m.props.Role] = id
		if a.mailboxes[m.props.Parent] == nil && m.props.Parent != 0 {
			a.bad(box(id), "its parent %d does not exist", m.props.Parent)
		}
		if id >= a.row.NextMailbox {
			a.bad(box(id), "its id is still to be given: next is %d", a.row.NextMailbox)
		}
		if m.props.UIDValidity == 0 || m.props.UIDValidity > a.row.UIDValidity {
			a.bad(box(id), "UIDVALIDITY %d, the account's last is %d", m.props.UIDValidity, a.row.UIDValidity)
		}
		if a.loops(id) {
			a.bad(box(id), "lies below itself")
		}
	}
	if _, ok := roles[keys.RoleInbox]; !ok {
		a.bad("account", "has no INBOX")
	}
	return a.scan(keys.OfAccount(keys.TableCounters, a.id), func(k, v []byte) error {
		n, _ := keys.Tail32(k)
		m := a.mailboxes[keys.MailboxID(n)]
		if m == nil {
			a.bad(box(keys.MailboxID(n)), "has counters but does not exist")
			return nil
		}
		var err error
		if m.ctr, err = keys.DecodeCounters(v); err != nil {
			a.bad(box(keys.MailboxID(n)), "its counters cannot be read")
		}
		m.hasCtr = true
		return nil
	})
}

func (a *accountCheck) loops(id keys.MailboxID) bool {
	for n := 0; id != 0 && a.mailboxes[id] != nil; n++ {
		if n > len(a.mailboxes) {
			return true
		}
		id = a.mailboxes[id].props.Parent
	}
	return false
}

func (a *accountCheck) readKeywords() error {
	seen := make(map[string]bool)
	return a.scan(keys.OfAccount(keys.TableKeyword, a.id), func(k, v []byte) error {
		n := int(k[len(k)-2])<<8 | int(k[len(k)-1])
		if n != a.keywords || len(v) == 0 || seen[strings.ToLower(string(v))] {
			a.bad(fmt.Sprintf("keyword %d", n), "out of order, empty or there twice: %q", v)
		}
		seen[strings.ToLower(string(v))] = true
		a.keywords = n + 1
		return nil
	})
}

func (a *accountCheck) readPages() error {
	return a.scan(keys.OfAccount(keys.TablePage, a.id), func(k, v []byte) error {
		_, id, n, err := keys.PageOf(k)
		if err != nil {
			a.bad("pages", "a key of %d octets", len(k))
			return nil
		}
		m := a.mailboxes[id]
		p, err := keys.DecodePage(n, v)
		if err != nil || m == nil || len(p.Entries) == 0 {
			a.bad(box(id), "page %d cannot be read, is empty or has no mailbox", n)
			return nil
		}
		chunk := m.chunks[n/keys.CountsPages]
		if chunk == nil {
			chunk = new([keys.CountsPages]uint8)
			m.chunks[n/keys.CountsPages] = chunk
		}
		chunk[n%keys.CountsPages] = uint8(len(p.Entries))
		for i := range p.Entries {
			a.entry(id, m, &p.Entries[i])
		}
		return nil
	})
}

func (a *accountCheck) readCounts() error {
	return a.scan(keys.OfAccount(keys.TableCounts, a.id), func(k, v []byte) error {
		_, id, chunk, err := keys.CountsOf(k)
		counts, derr := keys.DecodeCounts(v)
		m := a.mailboxes[id]
		if err != nil || derr != nil || m == nil {
			a.bad(box(id), "counts of chunk %d of its pages cannot be read or have no mailbox", chunk)
			return nil
		}
		m.counts[chunk] = counts
		return nil
	})
}

// compareCounts holds the rows of counts against the pages. A mailbox that was last
// changed when counts were not kept has none.
func (a *accountCheck) compareCounts(id keys.MailboxID, m *boxCheck) {
	if len(m.counts) == 0 {
		return
	}
	for chunk := range m.chunks {
		if _, ok := m.counts[chunk]; !ok {
			a.bad(box(id), "counts of chunk %d of its pages are missing", chunk)
		}
	}
	for chunk, counts := range m.counts {
		var is [keys.CountsPages]uint8
		copy(is[:], counts)
		if ought := m.chunks[chunk]; ought == nil || *ought != is {
			a.bad(box(id), "counts of chunk %d of its pages are not those of the pages", chunk)
		}
	}
}

func (a *accountCheck) entry(id keys.MailboxID, m *boxCheck, e *keys.Entry) {
	a.entries[keys.Member{Mailbox: id, UID: e.UID}] = *e
	a.perMsg[e.Message]++
	m.sum.Messages++
	m.sum.Bytes += e.Size
	m.top = max(m.top, e.ModSeq)
	if e.Flags&keys.Deleted != 0 {
		m.sum.Deleted++
	}
	if e.Flags&keys.Seen == 0 {
		m.sum.Unseen++
		if m.sum.FirstUnseen == 0 {
			m.sum.FirstUnseen = e.UID
		}
	}
	where := fmt.Sprintf("%s UID %d", box(id), e.UID)
	if e.UID == 0 || e.UID >= m.ctr.UIDNext {
		a.bad(where, "UIDNEXT is %d", m.ctr.UIDNext)
	}
	if e.ModSeq == 0 || e.ModSeq > m.ctr.HighestModSeq {
		a.bad(where, "MODSEQ %d, the mailbox's highest is %d", e.ModSeq, m.ctr.HighestModSeq)
	}
	if e.Thread == 0 {
		a.bad(where, "has no thread")
	}
	if a.keywords < 64 && e.Keywords>>a.keywords != 0 {
		a.bad(where, "has keywords without a name")
	}
	for _, kw := range e.More {
		if int(kw) >= a.keywords {
			a.bad(where, "has keyword %d without a name", kw)
		}
	}
}

func (a *accountCheck) readMessages() error {
	return a.scan(keys.OfAccount(keys.TableMessage, a.id), func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		id := keys.MessageID(n)
		rec, err := keys.DecodeMessage(v, keys.WantAll)
		if err != nil {
			a.bad(msg(id), "its record cannot be read")
			return nil
		}
		a.report.Messages++
		if uint64(id)&(1<<48-1) >= a.row.NextMessage {
			a.bad(msg(id), "its id is still to be given: next is %d", a.row.NextMessage)
		}
		a.messages[id] = record{blob: rec.Blob, size: uint64(len(rec.Prepend)) + rec.BlobSize}
		if _, err := a.r.Get(a.ctx, keys.ReferenceKey(rec.Blob, keys.RefMessage, a.id, n)); err != nil {
			a.bad(msg(id), "does not refer to its body %d", rec.Blob)
		}
		w := a.wanted[rec.Blob]
		if w.refs > 0 && w.size != rec.BlobSize {
			a.bad(msg(id), "says that body %d has %d octets, others %d", rec.Blob, rec.BlobSize, w.size)
		}
		a.wanted[rec.Blob] = want{size: rec.BlobSize, refs: w.refs + 1}
		return a.checkRecord(id, &rec, v)
	})
}

func (a *accountCheck) readMembers() error {
	listed := make(map[keys.MessageID]bool)
	err := a.scan(keys.OfAccount(keys.TableMembers, a.id), func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		id := keys.MessageID(n)
		listed[id] = true
		ms, err := keys.DecodeMembers(v)
		if err != nil {
			a.bad(msg(id), "its memberships cannot be read")
			return nil
		}
		if _, ok := a.messages[id]; !ok {
			a.bad(msg(id), "has memberships but no record")
		}
		for _, m := range ms {
			if e, ok := a.entries[m]; !ok || e.Message != id {
				a.bad(msg(id), "is said to be UID %d of mailbox %d and is not", m.UID, m.Mailbox)
			}
		}
		if len(ms) != a.perMsg[id] {
			a.bad(msg(id), "%d memberships, the mailboxes have %d", len(ms), a.perMsg[id])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for m, e := range a.entries {
		where := fmt.Sprintf("%s UID %d", box(m.Mailbox), m.UID)
		rec, ok := a.messages[e.Message]
		switch {
		case !ok:
			a.bad(where, "message %d has no record", e.Message)
		case !listed[e.Message]:
			a.bad(where, "message %d does not know where it lies", e.Message)
		case rec.blob != e.Blob || rec.size != e.Size:
			a.bad(where, "body %d of %d octets, the record says %d of %d", e.Blob, e.Size, rec.blob, rec.size)
		}
	}
	return nil
}

func (a *accountCheck) readRemoved() error {
	sum := uint64(0)
	err := a.scan(keys.OfAccount(keys.TableRemoved, a.id), func(k, v []byte) error {
		_, t, id, mbox, err := keys.RemovedOf(k)
		g, derr := keys.DecodeRemoved(v)
		if err != nil || derr != nil {
			a.bad("recently removed", "a row cannot be read")
			return nil
		}
		rec, ok := a.messages[id]
		if !ok || a.perMsg[id] > 0 || rec.blob != g.Blob || rec.size != g.Size {
			a.bad(msg(id), "is recently removed, but has no record, another body or size, or lies in a mailbox")
		}
		rec.removed = true
		a.messages[id] = rec
		sum += g.Size
		if _, err := a.r.Get(a.ctx, keys.DueKey(uint64(g.Until), a.id, keys.DueErase, mbox, id)); err != nil {
			a.bad(msg(id), "removed at %d, is never due to be erased", t)
		}
		return nil
	})
	if sum != a.row.Removed {
		a.bad("account", "says %d octets are recently removed, there are %d", a.row.Removed, sum)
	}
	for id, rec := range a.messages {
		if !rec.removed && a.perMsg[id] == 0 {
			a.bad(msg(id), "lies in no mailbox and is not recently removed")
		}
	}
	return err
}

func (a *accountCheck) readLog() error {
	err := a.scan(keys.OfAccount(keys.TableChange, a.id), func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		if _, err := keys.DecodeChange(v); err != nil || keys.ModSeq(n) > a.row.ModSeq || keys.ModSeq(n) <= a.row.Horizon {
			a.bad("change log", "record %d cannot be read or lies outside %d-%d", n, a.row.Horizon+1, a.row.ModSeq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.scan(keys.OfAccount(keys.TableVanished, a.id), func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		if n == 0 {
			if _, err := keys.DecodeCut(v); err != nil {
				a.bad("vanished UIDs", "what was cut off cannot be read")
			}
			return nil
		}
		if _, err := keys.DecodeRanges(v); err != nil || keys.ModSeq(n) > a.row.ModSeq {
			a.bad("vanished UIDs", "record %d cannot be read or is newer than the account", n)
		}
		return nil
	})
}

func (a *accountCheck) compareMailboxes() {
	for id, m := range a.mailboxes {
		if !m.hasCtr {
			a.bad(box(id), "has no counters")
			continue
		}
		for _, f := range []struct {
			name      string
			is, ought uint64
		}{
			{"messages", uint64(m.ctr.Messages), uint64(m.sum.Messages)},
			{"unseen", uint64(m.ctr.Unseen), uint64(m.sum.Unseen)},
			{"deleted", uint64(m.ctr.Deleted), uint64(m.sum.Deleted)},
			{"octets", m.ctr.Bytes, m.sum.Bytes},
			{"first unseen UID", uint64(m.ctr.FirstUnseen), uint64(m.sum.FirstUnseen)},
		} {
			if f.is != f.ought {
				a.bad(box(id), "%s: says %d, is %d", f.name, f.is, f.ought)
			}
		}
		a.compareCounts(id, m)
		if m.ctr.HighestModSeq == 0 || m.ctr.HighestModSeq > a.row.ModSeq {
			a.bad(box(id), "highest MODSEQ %d, the account's is %d", m.ctr.HighestModSeq, a.row.ModSeq)
		}
	}
}

func (a *accountCheck) compareTotals() {
	count, used := uint64(0), uint64(0)
	for id, rec := range a.messages {
		if a.perMsg[id] > 0 {
			count++
			used += rec.size
		}
	}
	if count != a.row.Messages || used != a.row.Used {
		a.bad("account", "says %d messages with %d octets, has %d with %d", a.row.Messages, a.row.Used, count, used)
	}
}
