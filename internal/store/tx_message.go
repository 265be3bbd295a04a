package store

import (
	"slices"

	"restante/internal/store/keys"
)

// note adds a message to the operation's record: successive ones in one mailbox
// become one item.
func (tx *Tx) note(kind keys.Kind, mbox MailboxID, uid UID, msg MessageID) {
	n := len(tx.items)
	if n == 0 || tx.items[n-1].Class != keys.ClassMessage || tx.items[n-1].Kind != kind || tx.items[n-1].Mailbox != mbox {
		tx.items = append(tx.items, keys.Item{Class: keys.ClassMessage, Kind: kind, Mailbox: mbox})
		n++
	}
	it := &tx.items[n-1]
	it.UIDs = appendUID(it.UIDs, uid)
	it.Messages = append(it.Messages, msg)
}

// noteCreated is note for a message that comes in, by a delivery if there is a queue id, or that comes back.
func (tx *Tx) noteCreated(mbox MailboxID, uid UID, msg MessageID, queue QueueID, again bool) {
	n := len(tx.items)
	if n > 0 && (tx.items[n-1].Queue != queue || tx.items[n-1].Again != again) {
		tx.items = append(tx.items, keys.Item{Class: keys.ClassMessage, Kind: keys.Created, Mailbox: mbox})
	}
	tx.note(keys.Created, mbox, uid, msg)
	it := &tx.items[len(tx.items)-1]
	it.Queue, it.Again = queue, again
}

func appendUID(rs []keys.Range, uid UID) []keys.Range {
	if n := len(rs); n > 0 && rs[n-1].Hi+1 == uid {
		rs[n-1].Hi = uid
		return rs
	}
	return append(rs, keys.Range{Lo: uid, Hi: uid})
}

// Placed is one message's way from one mailbox to another.
type Placed struct {
	From, To UID
	Message  MessageID
}

// Copy adds memberships in another mailbox (RFC 9051 6.4.7): flags, internal
// date and identity stay, the save date is now. UIDs that are not
// there are passed over.
func (tx *Tx) Copy(from MailboxID, uids []UIDRange, to MailboxID) ([]Placed, error) {
	return tx.place(from, uids, to, keys.Copied)
}

// Move replaces memberships (RFC 6851). A message keeps its identity and is never
// in neither mailbox, nor in both.
func (tx *Tx) Move(from MailboxID, uids []UIDRange, to MailboxID) ([]Placed, error) {
	return tx.place(from, uids, to, keys.Moved)
}

func (tx *Tx) place(from MailboxID, uids []UIDRange, to MailboxID, kind keys.Kind) ([]Placed, error) {
	src, err := tx.selectable(from)
	if err != nil {
		return nil, err
	}
	dst, err := tx.selectable(to)
	if err != nil {
		return nil, err
	}
	need := RightRead
	if kind == keys.Moved {
		need |= RightMark | RightExpunge // RFC 6851 4.2
	}
	if err := tx.may(src.mailbox, need); err != nil {
		return nil, err
	}
	if err := tx.may(dst.mailbox, RightInsert); err != nil {
		return nil, err
	}
	flags, keywords := SettableFlags(tx.rights(dst.mailbox))
	if err := tx.readMembers(src, uids); err != nil {
		return nil, err
	}
	var out []Placed
	it := keys.Item{Class: keys.ClassMessage, Kind: kind, Mailbox: to, From: from}
	err = tx.each(src, uids, func(e keys.Entry) error {
		old := e.UID
		n := e
		n.Saved = tx.now
		if n.Flags &= flags; !keywords {
			n.Keywords, n.More = 0, nil
		}
		uid, err := tx.insert(dst, n)
		if err != nil {
			return err
		}
		if kind == keys.Moved {
			if err := tx.drop(src, e); err != nil {
				return err
			}
		}
		if err := tx.rewriteMembers(e.Message, keys.Member{Mailbox: from, UID: old}, keys.Member{Mailbox: to, UID: uid}, kind); err != nil {
			return err
		}
		it.UIDs, it.Old = appendUID(it.UIDs, uid), appendUID(it.Old, old)
		it.Messages = append(it.Messages, e.Message)
		out = append(out, Placed{From: old, To: uid, Message: e.Message})
		return nil
	})
	if err == nil && len(out) > 0 {
		tx.items = append(tx.items, it)
	}
	return out, err
}

// rewriteMembers adds a membership, in the place of another when it is a move.
func (tx *Tx) rewriteMembers(msg MessageID, old, add keys.Member, kind keys.Kind) error {
	ms, err := tx.members(msg)
	if err != nil {
		return err
	}
	if kind == keys.Moved {
		ms = without(ms, old)
	}
	tx.put(keys.OfMessage(keys.TableMembers, tx.a.id, msg), keys.EncodeMembers(append(ms, add)))
	return nil
}

func without(ms []keys.Member, gone keys.Member) []keys.Member {
	out := ms[:0]
	for _, m := range ms {
		if m != gone {
			out = append(out, m)
		}
	}
	return out
}

// Expunge ends memberships, whatever their flags, and returns the UIDs that it
// ended, ascending. A message's last membership goes to recently removed.
func (tx *Tx) Expunge(from MailboxID, uids []UIDRange) ([]UID, error) {
	d, err := tx.selectable(from)
	if err != nil {
		return nil, err
	}
	if err := tx.may(d.mailbox, RightExpunge); err != nil {
		return nil, err
	}
	n := len(d.vanished)
	if err := tx.expunge(d, uids); err != nil {
		return nil, err
	}
	return slices.Clone(d.vanished[n:]), nil
}

func (tx *Tx) expunge(d *draft, uids []UIDRange) error {
	if err := tx.readMembers(d, uids); err != nil {
		return err
	}
	path := tx.state.path(d.mailbox)
	return tx.each(d, uids, func(e keys.Entry) error {
		if err := tx.drop(d, e); err != nil {
			return err
		}
		tx.note(keys.Destroyed, d.id, e.UID, e.Message)
		ms, err := tx.members(e.Message)
		if err != nil {
			return err
		}
		key := keys.OfMessage(keys.TableMembers, tx.a.id, e.Message)
		if ms = without(ms, keys.Member{Mailbox: d.id, UID: e.UID}); len(ms) > 0 {
			tx.put(key, keys.EncodeMembers(ms))
			return nil
		}
		tx.remove(key)
		return tx.setAside(d, path, e)
	})
}

// setAside puts a message that has left its last mailbox into recently removed,
// where it keeps its body and is not charged.
func (tx *Tx) setAside(d *draft, path string, e keys.Entry) error {
	until := tx.now + max(tx.a.store.opts.Recovery.Milliseconds(), 0)
	var kws []uint16
	for kw := range KeywordNumbers(&e) {
		kws = append(kws, kw)
	}
	g := keys.Removed{
		UID: e.UID, Flags: e.Flags, Zone: e.Zone, Keywords: kws, Role: d.mailbox.props.Role, Path: path,
		Internal: e.Internal, Saved: e.Saved, Until: until, Size: e.Size, Blob: e.Blob, Thread: e.Thread,
		Device: tx.origin.Device, Protocol: uint8(tx.origin.Protocol), ModSeq: tx.modseq,
	}
	tx.put(keys.RemovedKey(tx.a.id, uint64(tx.now), e.Message, d.id), g.Encode())
	tx.put(keys.DueKey(uint64(until), tx.a.id, keys.DueErase, d.id, e.Message), keys.EncodeID(uint64(tx.now)))
	tx.state.row.Removed += e.Size
	return tx.discharge(e.Message, e.Size)
}
