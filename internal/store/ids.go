package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// MessageIDs returns the ids of the account's messages after that one, ascending, at
// most limit of them: of those in mailboxes and of those that can still be put
// back. Ids ascend in the order in which messages come, and none is returned
// before it is on disk; so who remembers the last one sees every message once.
func (h *Account) MessageIDs(ctx context.Context, after MessageID, limit int) ([]MessageID, error) {
	row := &h.current.Load().row
	r := kv.Range{
		Lo:       keys.OfMessage(keys.TableMessage, h.id, after+1),
		Hi:       keys.OfMessage(keys.TableMessage, h.id, MessageID(row.Incarnation)<<48|MessageID(row.NextMessage)),
		Limit:    limit,
		KeysOnly: true,
	}
	var ids []MessageID
	err := h.store.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
		n, err := keys.Tail64(k)
		ids = append(ids, MessageID(n))
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("store: messages of account %d: %w", h.id, err)
	}
	return ids, nil
}

// LastMessage is the highest id that the account has given to a message, or could have: there is none above it.
func (v *View) LastMessage() MessageID {
	row := &v.state.row
	return MessageID(row.Incarnation)<<48 | MessageID(row.NextMessage-1)
}
