package store

import (
	"context"
	"fmt"
	"slices"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// SourceID names a message of another store, by a hash of what does not change about it there.
type SourceID [16]byte

// GoodUIDL says whether a string can be a UIDL: 1 to 70 octets of 0x21-0x7E (RFC 1939 7).
func GoodUIDL(s string) bool { return keys.GoodUIDL(s) }

// UIDLs are those of an account's messages that were given them elsewhere. The others have their EMAILID. It does not
// change, and is safe for concurrent use.
type UIDLs struct {
	ids  []MessageID // ascending
	ends []uint32    // where in text the UIDL of each ends
	text []byte
}

// Append appends the UIDL of a message, if it has one of its own.
func (u *UIDLs) Append(b []byte, id MessageID) ([]byte, bool) {
	i, ok := slices.BinarySearch(u.ids, id)
	if !ok {
		return b, false
	}
	start := uint32(0)
	if i > 0 {
		start = u.ends[i-1]
	}
	return append(b, u.text[start:u.ends[i]]...), true
}

// UIDLs reads those of the messages with ids from lo to hi, both included. It costs what has been imported among them.
func (h *Account) UIDLs(ctx context.Context, lo, hi MessageID) (*UIDLs, error) {
	out := new(UIDLs)
	r := kv.Range{
		Lo: keys.OfMessage(keys.TableUIDL, h.id, lo),
		Hi: append(keys.OfMessage(keys.TableUIDL, h.id, hi), 0),
	}
	err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		id, err := keys.Tail64(k)
		out.ids = append(out.ids, MessageID(id))
		out.text = append(out.text, v...)
		out.ends = append(out.ends, uint32(len(out.text)))
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("store: UIDLs: %w", err)
	}
	return out, nil
}

// Imported says whether a message of another store has been added here.
func (h *Account) Imported(ctx context.Context, source SourceID) (bool, error) {
	_, err := h.store.engine.Get(ctx, keys.ImportedKey(h.id, source))
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: what was imported: %w", err)
	}
	return true, nil
}

// imported says which message was added for one of another store, 0 for none.
func (tx *Tx) imported(source SourceID) (MessageID, error) {
	return tx.messageAt(keys.ImportedKey(tx.a.id, source))
}

// messageAt reads a row that has the id of a message, 0 for no row.
func (tx *Tx) messageAt(key []byte) (MessageID, error) {
	v, err := tx.get(key)
	if isNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	id, err := keys.DecodeID(v)
	return MessageID(id), err
}

// freeUIDL refuses a UIDL that a message could not have: RFC 1939 7 forbids that two messages of a maildrop have the
// same, and what this account makes of its own messages' ids stays theirs, those of the future too.
func (tx *Tx) freeUIDL(uidl string) error {
	if uidl == "" {
		return nil
	}
	if !keys.GoodUIDL(uidl) {
		return ErrBadUIDL
	}
	if _, own := Seed(tx.state.row.Seed).ParseEmailID(uidl); own {
		return ErrUIDLTaken
	}
	owner, err := tx.messageAt(keys.UIDLOwnerKey(tx.a.id, uidl))
	if err == nil && owner != 0 {
		return ErrUIDLTaken
	}
	return err
}

// putImported writes what a new message brings from elsewhere.
func (tx *Tx) putImported(msg MessageID, o *AddOptions) {
	if o.UIDL != "" {
		tx.put(keys.OfMessage(keys.TableUIDL, tx.a.id, msg), []byte(o.UIDL))
		tx.put(keys.UIDLOwnerKey(tx.a.id, o.UIDL), keys.EncodeID(msg))
	}
	if o.Source != (SourceID{}) {
		tx.put(keys.ImportedKey(tx.a.id, o.Source), keys.EncodeID(msg))
	}
}

// dropUIDL takes away the UIDL of a message that is erased for good.
func (tx *Tx) dropUIDL(msg MessageID) error {
	key := keys.OfMessage(keys.TableUIDL, tx.a.id, msg)
	v, err := tx.get(key)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	tx.remove(key)
	tx.remove(keys.UIDLOwnerKey(tx.a.id, string(v)))
	return nil
}
