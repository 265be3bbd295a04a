package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
)

// Member is one of a message's places: a mailbox, and its UID there.
type Member = keys.Member

// Members returns where messages are now, in the order of ids; nothing of one that is nowhere. A view that is older may show
// something else.
func (h *Account) Members(ctx context.Context, ids []MessageID) ([][]Member, error) {
	out := make([][]Member, len(ids))
	for i, id := range ids {
		v, err := h.store.engine.Get(ctx, keys.OfMessage(keys.TableMembers, h.id, id))
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("store: memberships of message %d: %w", id, err)
		}
		if out[i], err = keys.DecodeMembers(v); err != nil {
			return nil, corrupt(fmt.Sprintf("memberships of message %d", id), err)
		}
	}
	return out, nil
}

// Members is Account.Members of one message, as the transaction sees it.
func (tx *Tx) Members(id MessageID) ([]Member, error) {
	v, err := tx.get(keys.OfMessage(keys.TableMembers, tx.a.id, id))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: memberships of message %d: %w", id, err)
	}
	return keys.DecodeMembers(v)
}
