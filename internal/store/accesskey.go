package store

import (
	"context"
	"crypto/rand"
	"fmt"

	"restante/internal/store/keys"
)

// A mailbox's access key is the secret with which its owner lets others have
// parts of messages in it, by URLs (RFC 4467 2.2). It goes with the mailbox, and a rename
// leaves it. Like a password it never leaves the server and is never logged.

// accessKeySize is in octets; RFC 4467 10 wants 16.
const accessKeySize = 32

// AccessKey returns the access key of a mailbox, or ErrNoRow when it has none.
// The slice is the caller's.
func (h *Account) AccessKey(ctx context.Context, id MailboxID) ([]byte, error) {
	v, err := h.store.engine.Get(ctx, keys.OfMailbox(keys.TableAccessKey, h.id, id))
	if isNotFound(err) {
		return nil, ErrNoRow
	}
	if err != nil {
		return nil, fmt.Errorf("store: access key of mailbox %d: %w", id, err)
	}
	return v, nil
}

// AccessKey returns the access key of a mailbox, a new one when it has none.
func (tx *Tx) AccessKey(id MailboxID) ([]byte, error) {
	v, err := tx.get(keys.OfMailbox(keys.TableAccessKey, tx.a.id, id))
	if isNotFound(err) {
		return tx.RenewAccessKey(id)
	}
	return v, err
}

// RenewAccessKey gives a mailbox another access key: what was made with the old
// one is worth nothing any more. ErrNoMailbox refuses it.
func (tx *Tx) RenewAccessKey(id MailboxID) ([]byte, error) {
	if _, err := tx.selectable(id); err != nil {
		return nil, err
	}
	key := make([]byte, accessKeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	tx.put(keys.OfMailbox(keys.TableAccessKey, tx.a.id, id), key)
	return key, nil
}

// DropAccessKeys takes the access keys of all mailboxes away.
func (tx *Tx) DropAccessKeys() error {
	for _, m := range tx.state.mailboxes {
		row := keys.OfMailbox(keys.TableAccessKey, tx.a.id, m.id)
		_, err := tx.get(row)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		tx.remove(row)
	}
	return nil
}
