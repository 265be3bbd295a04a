package store

import (
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
	if id, err := tx.addedBefore(&o); err != nil || id != 0 {
		return Added{Message: id, Duplicate: true}, err
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
	d, err := tx.insertable(to)
	if err != nil {
		return Added{}, err
	}
	e, err := tx.newEntry(d, size, &o)
	if err != nil {
		return Added{}, err
	}
	blobID, record, from := body.refer(tx)
	e.Blob = blobID
	if e.Thread, err = tx.thread(e.Message, body.threads); err != nil {
		return Added{}, err
	}
	if o.UID != 0 {
		if err := tx.passOver(to, o.UID); err != nil {
			return Added{}, err
		}
	}
	uid, err := tx.enter(d, e, keys.AppendPrepend(record, o.Prepend), from)
	if err != nil {
		return Added{}, err
	}
	tx.remember(e.Message, &o)
	tx.noteCreated(to, uid, e.Message, o.Queue, o.As != 0)
	return Added{Mailbox: to, UID: uid, Message: e.Message, Thread: e.Thread, Size: size}, nil
}

// addedBefore says which message the same delivery or import has added already, 0 for none.
func (tx *Tx) addedBefore(o *AddOptions) (MessageID, error) {
	if o.Queue != 0 {
		key := keys.DeliveredKey(tx.a.id, o.Queue, o.Recipient)
		if len(key) > keys.MaxKey {
			return 0, ErrBadName
		}
		if id, err := tx.messageAt(key); err != nil || id != 0 {
			return id, err
		}
	}
	if o.Source != (SourceID{}) {
		return tx.imported(o.Source)
	}
	return 0, nil
}

// remember makes the same delivery or import find the message, and notes what it brings from elsewhere.
func (tx *Tx) remember(msg MessageID, o *AddOptions) {
	if o.Queue != 0 {
		tx.put(keys.DeliveredKey(tx.a.id, o.Queue, o.Recipient), keys.EncodeID(msg))
		tx.state.row.FullSince = 0 // there is room again
	}
	tx.putImported(msg, o)
}

// insertable is selectable for a mailbox that whoever does the operation may add messages to.
func (tx *Tx) insertable(to MailboxID) (*draft, error) {
	d, err := tx.selectable(to)
	if err != nil {
		return nil, err
	}
	return d, tx.may(d.mailbox, RightInsert)
}

// newEntry is a new message's entry, without its body and its thread.
func (tx *Tx) newEntry(d *draft, size uint64, o *AddOptions) (e keys.Entry, err error) {
	if err := tx.setAllowed(d, &e, o.Flags, o.Keywords); err != nil {
		return e, err
	}
	if e.Message, err = tx.messageID(o.As); err != nil {
		return e, err
	}
	internal := o.Internal
	if internal.IsZero() {
		internal = tx.Now().UTC()
	}
	_, zone := internal.Zone()
	e.Size, e.Internal, e.Zone, e.Saved = size, internal.UnixMilli(), int16(zone/60), tx.now
	return e, nil
}

// setAllowed gives an entry those flags and keywords that whoever does the operation may set in the mailbox (RFC 4314 4).
func (tx *Tx) setAllowed(d *draft, e *keys.Entry, flags Flags, keywords []string) (err error) {
	allowed, any := SettableFlags(tx.rights(d.mailbox))
	e.Flags, e.Keywords, e.More = flags&allowed, 0, nil
	if any {
		e.Keywords, e.More, err = tx.keywords(keywords)
	}
	return err
}

// enter writes a message that is new to the account: its entry, its record, where it lies, that its body is referred to, and what it is charged.
func (tx *Tx) enter(d *draft, e keys.Entry, record []byte, from SenderID) (UID, error) {
	uid, err := tx.insert(d, e)
	if err != nil {
		return 0, err
	}
	tx.put(keys.OfMessage(keys.TableMessage, tx.a.id, e.Message), record)
	tx.put(keys.OfMessage(keys.TableMembers, tx.a.id, e.Message), keys.EncodeMembers([]keys.Member{{Mailbox: d.id, UID: uid}}))
	tx.put(keys.ReferenceKey(e.Blob, keys.RefMessage, tx.a.id, uint64(e.Message)), nil)
	return uid, tx.charge(e.Message, e.Size, from)
}

// messageID returns an id that may be given again, or a new one.
func (tx *Tx) messageID(as MessageID) (MessageID, error) {
	if as == 0 {
		return tx.newMessageID(), nil
	}
	if !tx.state.gave(as) {
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

// gave says whether the account may have given out an id (see newMessageID).
func (s *state) gave(id MessageID) bool {
	counter := uint64(id) & (1<<48 - 1)
	return counter != 0 && counter < s.row.NextMessage && uint16(id>>48) <= s.row.Incarnation
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
