package store

import (
	"slices"
	"time"

	"restante/internal/store/keys"
)

// AddOptions are what a message gets in its mailbox; the zero value works.
type AddOptions struct {
	Flags    Flags
	Keywords []string
	// Internal is the internal date (RFC 9051 2.3.3) with its zone; zero is now, in UTC.
	Internal time.Time
	// Prepend is trace header that stands before the body in this account alone
	// (Return-Path, Delivered-To, Received), with CRLF line ends, at most 16 KiB.
	Prepend []byte
	// Queue and Recipient, when Queue is not 0, make the addition happen once:
	// a repetition finds what the first one did (Added.Duplicate).
	Queue     QueueID
	Recipient string
	// UIDL is what POP3 clients know the message by from another server (RFC 1939 7):
	// ErrBadUIDL, ErrUIDLTaken.
	UIDL string
	// Source, when it is not zero, says which message of another store this is. What has been added with
	// it once is not added again, though it be erased meanwhile (Added.Duplicate).
	Source SourceID
	// As, when not 0, is the id that the message gets: one that the account has given out, whose message has been erased since. It is
	// for what comes back from a backup. ErrExists when there is a message of this id, also in recently removed; ErrNoMessage when the account never gave it out.
	As MessageID
	// UID, when not 0, is the one that the message gets, from another server: the mailbox's UIDNEXT or a greater one, up to
	// MaxGivenUID. ErrUIDsUsed, ErrLimit.
	UID UID
	// Urgent messages are added though the quota is used up: the server's own word about it, and what has been sent already.
	Urgent bool
	// Once: what SaveSent has saved in the last day is not added to Sent again, but gets the flags (Added.Duplicate, with its UID).
	Once bool
}

// Added is where a message went.
type Added struct {
	Mailbox   MailboxID
	UID       UID
	Message   MessageID
	Thread    ThreadID
	Size      uint64
	Duplicate bool // it was there already; only Message is set, but with Once
}

// AddMessage puts a message into a mailbox: the one way in, for every protocol.
// ErrOverQuota, ErrNoMailbox, ErrNoSelect, ErrBadKeyword, ErrBadUIDL, ErrUIDLTaken, ErrUIDsUsed and ErrLimit refuse it.
func (tx *Tx) AddMessage(to MailboxID, body *Body, o AddOptions) (Added, error) {
	if o.Queue != 0 {
		if id, err := tx.delivered(o); err != nil || id != 0 {
			return Added{Message: id, Duplicate: true}, err
		}
	}
	if o.Source != (SourceID{}) {
		if id, err := tx.imported(o.Source); err != nil || id != 0 {
			return Added{Message: id, Duplicate: true}, err
		}
	}
	if len(o.Prepend) > maxPrepend {
		return Added{}, ErrTooBig
	}
	if err := tx.freeUIDL(o.UIDL); err != nil {
		return Added{}, err
	}
	if o.Once {
		if e, err := tx.savedSent(to, body); err != nil {
			return Added{}, err
		} else if e != nil {
			return tx.again(to, e, &o)
		}
	}
	size := uint64(len(o.Prepend)) + body.staged.Size
	if err := tx.room(1, size); err != nil && !o.Urgent {
		return Added{}, err
	}
	d, err := tx.selectable(to)
	if err != nil {
		return Added{}, err
	}
	if err := tx.may(d.mailbox, RightInsert); err != nil {
		return Added{}, err
	}
	flags, keywords := SettableFlags(tx.rights(d.mailbox))
	if !keywords {
		o.Keywords = nil
	}
	bits, more, err := tx.keywords(o.Keywords)
	if err != nil {
		return Added{}, err
	}
	msg, err := tx.messageID(o.As)
	if err != nil {
		return Added{}, err
	}
	blobID, record, from := body.refer(tx)
	thread, err := tx.thread(msg, body.threads)
	if err != nil {
		return Added{}, err
	}
	if o.Internal.IsZero() {
		o.Internal = tx.Now().UTC()
	}
	if o.UID != 0 {
		if err := tx.passOver(to, o.UID); err != nil {
			return Added{}, err
		}
	}
	_, zone := o.Internal.Zone()
	uid, err := tx.insert(d, keys.Entry{
		Flags: o.Flags & flags, Keywords: bits, More: more, Message: msg, Blob: blobID, Size: size,
		Internal: o.Internal.UnixMilli(), Zone: int16(zone / 60), Saved: tx.now, Thread: thread,
	})
	if err != nil {
		return Added{}, err
	}
	tx.put(keys.OfMessage(keys.TableMessage, tx.a.id, msg), keys.AppendPrepend(record, o.Prepend))
	tx.put(keys.OfMessage(keys.TableMembers, tx.a.id, msg), keys.EncodeMembers([]keys.Member{{Mailbox: to, UID: uid}}))
	tx.put(keys.ReferenceKey(blobID, keys.RefMessage, tx.a.id, uint64(msg)), nil)
	if o.Queue != 0 {
		tx.put(keys.DeliveredKey(tx.a.id, o.Queue, o.Recipient), keys.EncodeID(msg))
	}
	tx.putImported(msg, o)
	if err := tx.charge(msg, size, from); err != nil {
		return Added{}, err
	}
	if o.Queue != 0 {
		tx.state.row.FullSince = 0 // there is room again
	}
	tx.noteCreated(to, uid, msg, o.Queue, o.As != 0)
	return Added{Mailbox: to, UID: uid, Message: msg, Thread: thread, Size: size}, nil
}

// messageID returns an id that may be given again, or a new one.
func (tx *Tx) messageID(as MessageID) (MessageID, error) {
	if as == 0 {
		return tx.newMessageID(), nil
	}
	row := &tx.state.row
	if counter := uint64(as) & (1<<48 - 1); counter == 0 || counter >= row.NextMessage || uint16(as>>48) > row.Incarnation {
		return 0, ErrNoMessage
	}
	switch _, err := tx.get(keys.OfMessage(keys.TableMessage, tx.a.id, as)); {
	case err == nil:
		return 0, ErrExists
	case !isNotFound(err):
		return 0, err
	}
	return as, nil
}

// newMessageID returns the next id: incarnation (16 bits), counter (48 bits).
func (tx *Tx) newMessageID() MessageID {
	id := MessageID(tx.state.row.Incarnation)<<48 | MessageID(tx.state.row.NextMessage)
	tx.state.row.NextMessage++
	return id
}

// delivered says which message a queue entry became here, 0 for none.
func (tx *Tx) delivered(o AddOptions) (MessageID, error) {
	if len(keys.DeliveredKey(tx.a.id, o.Queue, o.Recipient)) > keys.MaxKey {
		return 0, ErrBadName
	}
	v, err := tx.get(keys.DeliveredKey(tx.a.id, o.Queue, o.Recipient))
	if isNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	id, err := keys.DecodeID(v)
	return MessageID(id), err
}

// thread finds the thread of a message by any of its hashes, or begins one, and
// makes it known under those that are new. Threads are never merged: the
// first that is found wins.
func (tx *Tx) thread(msg MessageID, hashes [][16]byte) (ThreadID, error) {
	thread := ThreadID(0)
	var unknown [][]byte
	for _, h := range hashes {
		key := keys.ThreadKey(tx.a.id, h)
		v, err := tx.get(key)
		if isNotFound(err) {
			unknown = append(unknown, key)
			continue
		}
		if err != nil {
			return 0, err
		}
		if id, err := keys.DecodeID(v); err != nil {
			return 0, corrupt("thread row", err)
		} else if thread == 0 {
			thread = ThreadID(id)
		}
	}
	if thread == 0 {
		thread = ThreadID(msg)
	}
	for _, key := range unknown {
		tx.put(key, keys.EncodeID(thread))
	}
	return thread, nil
}

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
