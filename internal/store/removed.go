package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// RemovedID names one removal of a message.
type RemovedID struct {
	at      uint64 // milliseconds
	Message MessageID
	Mailbox MailboxID // where it was
}

// RemovedMessage is a message that can be put back.
type RemovedMessage struct {
	ID       RemovedID
	Removed  time.Time
	Until    time.Time // then it is erased
	Path     string    // of the mailbox, when the message was removed
	Role     Role
	UID      UID
	Flags    Flags
	Keywords []string
	Internal time.Time
	Size     uint64
	Device   DeviceID // that removed it, and how
	Protocol Protocol
}

// RemovedFilter chooses among the recently removed; the zero value takes all.
type RemovedFilter struct {
	Since    time.Time // removed then or later
	Device   DeviceID  // removed by it; 0: by any
	Protocol Protocol  // ProtocolServer: any
	Mailbox  string    // path that they were in, when removed
	Message  MessageID
}

// Removed calls fn for the account's recently removed messages, the oldest removal first, until fn returns an error; errors.Is(err, ErrStop)
// ends it without one.
func (h *Account) Removed(ctx context.Context, f RemovedFilter, fn func(RemovedMessage) error) error {
	names := h.current.Load().keywords.names
	r := kv.Prefix(keys.OfAccount(keys.TableRemoved, h.id))
	if !f.Since.IsZero() {
		r.Lo = keys.RemovedKey(h.id, uint64(max(f.Since.UnixMilli(), 0)), 0, 0)
	}
	path := canonicalPath(f.Mailbox)
	err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		_, at, msg, mbox, err := keys.RemovedOf(k)
		if err != nil {
			return false, err
		}
		g, err := keys.DecodeRemoved(v)
		if err != nil {
			return false, err
		}
		switch {
		case f.Device != 0 && g.Device != f.Device, f.Protocol != 0 && Protocol(g.Protocol) != f.Protocol,
			f.Message != 0 && msg != f.Message, path != "" && g.Path != path:
			return true, nil
		}
		return true, fn(removedMessage(RemovedID{at, msg, mbox}, &g, names))
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: recently removed of account %d: %w", h.id, err)
	}
	return nil
}

// ErrStop ends an iteration.
var ErrStop = errors.New("store: enough")

func removedMessage(id RemovedID, g *keys.Removed, names []string) RemovedMessage {
	m := RemovedMessage{
		ID: id, Removed: time.UnixMilli(int64(id.at)), Until: time.UnixMilli(g.Until), Path: g.Path, Role: g.Role, UID: g.UID, Flags: g.Flags,
		Internal: time.UnixMilli(g.Internal).In(time.FixedZone("", int(g.Zone)*60)), Size: g.Size, Device: g.Device, Protocol: Protocol(g.Protocol),
	}
	for _, kw := range g.Keywords {
		if int(kw) < len(names) {
			m.Keywords = append(m.Keywords, names[kw])
		}
	}
	return m
}

// Restored is a message that has been put back.
type Restored struct {
	ID      RemovedID
	Mailbox MailboxID
	UID     UID
}

// restoreSlice bounds the messages that one operation puts back or erases.
const restoreSlice = 1000

// Restore puts messages back where they were, with their flags and dates: they are the same messages, with the same EMAILID and UIDL, under new UIDs. Where
// the mailbox is gone it is made again; into puts them into another one instead. Those that are not there any more are passed over. After an
// error, which may be ErrOverQuota, the result says what was put back.
func (h *Account) Restore(ctx context.Context, o Origin, ids []RemovedID, into string) (all []Restored, err error) {
	for part := range slices.Chunk(ids, restoreSlice) {
		var done []Restored
		_, err := h.Update(ctx, o, func(tx *Tx) error {
			done = done[:0]
			for _, id := range part {
				r, ok, err := tx.restore(id, into)
				if err != nil {
					return err
				}
				if ok {
					done = append(done, r)
				}
			}
			return nil
		})
		if err != nil {
			return all, err
		}
		all = append(all, done...)
	}
	return all, nil
}

func (tx *Tx) restore(id RemovedID, into string) (r Restored, ok bool, err error) {
	key := keys.RemovedKey(tx.a.id, id.at, id.Message, id.Mailbox)
	v, err := tx.get(key)
	if isNotFound(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	g, err := keys.DecodeRemoved(v)
	if err != nil {
		return r, false, corrupt("removed row", err)
	}
	if err := tx.room(1, g.Size); err != nil {
		return r, false, err
	}
	to, err := tx.restoreTo(id.Mailbox, &g, into)
	if err != nil {
		return r, false, err
	}
	d, err := tx.selectable(to)
	if err != nil {
		return r, false, err
	}
	e := keys.Entry{
		Flags: g.Flags &^ Deleted, Zone: g.Zone, Message: id.Message, Blob: g.Blob, Size: g.Size, Internal: g.Internal, Saved: tx.now, Thread: g.Thread,
	}
	for _, kw := range g.Keywords {
		if kw < 64 {
			e.Keywords |= 1 << kw
		} else {
			e.More = append(e.More, kw)
		}
	}
	if g.Protocol == uint8(ProtocolServer) || g.Protocol == uint8(ProtocolPOP3) {
		// A rule removed it, and somebody wants it: no rule does so again.
		bits, more, err := tx.keywords([]string{KeepKeyword})
		if err != nil {
			return r, false, err
		}
		e.Keywords |= bits
		e.More = union(e.More, more)
	}
	uid, err := tx.insert(d, e)
	if err != nil {
		return r, false, err
	}
	tx.remove(key)
	tx.remove(keys.DueKey(uint64(g.Until), tx.a.id, keys.DueErase, id.Mailbox, id.Message))
	tx.put(keys.OfMessage(keys.TableMembers, tx.a.id, id.Message), keys.EncodeMembers([]keys.Member{{Mailbox: to, UID: uid}}))
	tx.state.row.Removed -= g.Size
	from, err := tx.senderOf(id.Message)
	if err != nil {
		return r, false, err
	}
	if err := tx.charge(id.Message, g.Size, from); err != nil {
		return r, false, err
	}
	tx.noteCreated(to, uid, id.Message, 0, true)
	return Restored{id, to, uid}, true, nil
}

// restoreTo finds where a message is put back, making what is not there.
func (tx *Tx) restoreTo(id MailboxID, g *keys.Removed, into string) (MailboxID, error) {
	if into == "" {
		if m, _ := tx.state.mailbox(id); m != nil && !m.props.NoSelect {
			return id, nil
		}
		into = g.Path
	}
	to, err := tx.Lookup(into)
	if err == nil {
		if m, _ := tx.state.mailbox(to); !m.props.NoSelect {
			return to, nil
		}
	}
	return tx.CreateMailbox(into, keys.RoleNone)
}

// EraseRemoved erases messages for good, now: what nobody can put back any more and no backup of tomorrow will have. Their bodies are
// collected soon after.
func (h *Account) EraseRemoved(ctx context.Context, ids []RemovedID) (int, error) {
	n := 0
	for part := range slices.Chunk(ids, restoreSlice) {
		var rows []dueRow
		for _, id := range part {
			v, err := h.store.engine.Get(ctx, keys.RemovedKey(h.id, id.at, id.Message, id.Mailbox))
			if isNotFound(err) {
				continue
			}
			if err != nil {
				return n, fmt.Errorf("store: erasing: %w", err)
			}
			g, err := keys.DecodeRemoved(v)
			if err != nil {
				return n, corrupt("removed row", err)
			}
			due := keys.DueKey(uint64(g.Until), h.id, keys.DueErase, id.Mailbox, id.Message)
			rows = append(rows, dueRow{key: due, account: h.id, kind: keys.DueErase, mailbox: id.Mailbox, message: id.Message, removed: id.at})
		}
		k, err := h.eraseDue(ctx, rows)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
