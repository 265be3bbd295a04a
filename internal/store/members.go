package store

import (
	"fmt"
	"slices"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// manyMembers is from how many messages on their memberships are read ahead.
const manyMembers = 16

// readMembers reads the memberships of the messages in ranges ahead, in scans where
// ids lie close together: one by one they would cost more than all the rest of an
// operation on many messages. Nobody else writes them while the operation runs.
func (tx *Tx) readMembers(d *draft, ranges []UIDRange) error {
	var ids []MessageID
	err := tx.each(d, ranges, func(e keys.Entry) error {
		ids = append(ids, e.Message)
		return nil
	})
	if err != nil {
		return err
	}
	return tx.membersAhead(ids)
}

// membersAhead is readMembers for messages in any order.
func (tx *Tx) membersAhead(ids []MessageID) error {
	if len(ids) < manyMembers {
		return nil
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	if tx.ahead == nil {
		tx.ahead = make(map[MessageID][]byte, len(ids))
	}
	for i := 0; i < len(ids); {
		n := i + 1
		for n < len(ids) && ids[n]-ids[n-1] <= maxGap {
			n++
		}
		if n-i >= manyMembers {
			if err := tx.scanMembers(ids[i], ids[n-1]); err != nil {
				return err
			}
		}
		i = n
	}
	return nil
}

func (tx *Tx) scanMembers(first, last MessageID) error {
	r := kv.Range{
		Lo: keys.OfMessage(keys.TableMembers, tx.a.id, first),
		Hi: append(keys.OfMessage(keys.TableMembers, tx.a.id, last), 0),
	}
	var room []byte // for many values at once
	err := tx.a.store.engine.Scan(tx.ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		if cap(room)-len(room) < len(v) {
			room = make([]byte, 0, max(len(v), 16<<10))
		}
		room = append(room, v...)
		tx.ahead[MessageID(n)] = room[len(room)-len(v) : len(room) : len(room)]
		return true, err
	})
	if err != nil {
		return fmt.Errorf("store: memberships: %w", err)
	}
	return nil
}

// members are the memberships of a message, as the operation sees them.
func (tx *Tx) members(msg MessageID) ([]keys.Member, error) {
	key := keys.OfMessage(keys.TableMembers, tx.a.id, msg)
	v, ok := tx.written(key)
	if !ok {
		v, ok = tx.ahead[msg]
	}
	var err error
	if !ok || v == nil {
		if v, err = tx.get(key); err != nil {
			return nil, corrupt("memberships of a message", err)
		}
	}
	return keys.DecodeMembers(v)
}
